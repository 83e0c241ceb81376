"""The timeline: the newest interactions of a customer across all channels, in the order they
happened."""

from bisect import insort
from collections.abc import Sequence
from datetime import datetime

from schemas.compact import ShortId, short_id, short_word
from schemas.customer import TIMELINE_ENTRIES, TIMELINE_TEXT, TimelineEntry
from schemas.interaction import Interaction

# Equal instants without a sequence are ordered by what must come first (research: channels, section
# 8).
_ORDER_OF_KIND_NAMES = {
    "call_started": 0,
    "conversation_started": 0,
    "call_queued": 1,
    "conversation_assigned": 2,
    "call_answered": 2,
    "call_transferred": 3,
    "call_ended": 5,
    "call_abandoned": 5,
    "conversation_closed": 5,
    "call_rated": 6,
    "conversation_rated": 6,
    "survey_answer": 6,
}
_DEFAULT_ORDER = 4
_ORDER_OF_KINDS = {short_word(kind): order for kind, order in _ORDER_OF_KIND_NAMES.items()}


def order_of(entry: TimelineEntry) -> tuple[datetime, int, int, ShortId]:
    """The one order inside a customer: event time, sequence, kind, id. Arrival never decides."""
    return (
        entry.occurred_at,
        entry.sequence,
        _ORDER_OF_KINDS.get(entry.kind, _DEFAULT_ORDER),
        entry.interaction_id,
    )


def entry_of(interaction: Interaction) -> TimelineEntry:
    """The line an interaction leaves on the timeline."""
    rating = interaction.rating
    return TimelineEntry(
        occurred_at=interaction.occurred_at,
        sequence=interaction.sequence or 0,
        interaction_id=short_id(interaction.interaction_id),
        channel=short_word(interaction.channel),
        kind=short_word(interaction.kind),
        direction=short_word(interaction.direction or ""),
        actor_type=short_word(interaction.actor.type),
        actor_name=interaction.actor.name or interaction.actor.id or "",
        text=(interaction.text or interaction.subject or "")[:TIMELINE_TEXT],
        score=rating.score if rating is not None else None,
    )


def place(
    timeline: Sequence[TimelineEntry], entry: TimelineEntry, *, corrected: bool
) -> list[TimelineEntry]:
    """Return the timeline with `entry` in its place; a correction takes the place of what it
    corrects."""
    entries = (
        [old for old in timeline if old.interaction_id != entry.interaction_id]
        if corrected
        else [*timeline]
    )
    if not entries or entry.occurred_at > entries[-1].occurred_at:  # nearly always
        entries.append(entry)
    else:
        insort(entries, entry, key=order_of)
    if len(entries) > TIMELINE_ENTRIES:
        del entries[:-TIMELINE_ENTRIES]
    return entries
