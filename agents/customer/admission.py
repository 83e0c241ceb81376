"""Is this happening new? Retries, replays, corrections and stale revisions are told apart by
(source, id, revision).

Half of the real systems send an id again with newer content, and every publisher retries; both are
settled here, in the customer's own row, so no second store has to agree with the log (research:
channels, section 8).
"""

from collections.abc import Mapping
from enum import StrEnum

from schemas.command import CommandGiven
from schemas.compact import ShortId, short_hash, short_id
from schemas.customer import SEEN_DAYS, SEEN_IDS, Seen
from schemas.interaction import Interaction, Origin


class Admission(StrEnum):
    """What an arriving interaction is to its customer's row."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    """A higher revision: it replaces what the earlier one said."""
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """The same revision with another body: a publisher's mistake, treated as a duplicate and
    counted."""
    STALE = "stale"
    """A lower revision than the one held."""
    REPLAYED = "replayed"
    """Intake's own second copy after a crash; it was counted the first time."""

    @property
    def is_news(self) -> bool:
        """True where the row changes."""
        return self in (Admission.ACCEPTED, Admission.CORRECTED)


def origin_of(event: object) -> Origin | None:
    """Where intake read the record behind an event; None for what manyi made by itself."""
    if isinstance(event, Interaction):
        return event.origin
    if isinstance(event, CommandGiven):
        return Origin(event.origin_topic, event.origin_partition, event.origin_offset)
    return None


def admit(seen: Mapping[ShortId, Seen], interaction: Interaction, *, reread: bool) -> Admission:
    """Decide what `interaction` is. `reread` says its origin offset was already read by this
    partition."""
    known = seen.get(short_id(interaction.interaction_id))
    if known is None:
        return Admission.ACCEPTED
    revision = -1 if interaction.revision is None else interaction.revision
    if revision > known.revision:
        return Admission.CORRECTED
    if reread:
        return Admission.REPLAYED
    if revision < known.revision:
        return Admission.STALE
    is_same = short_hash(interaction.body_hash) == known.body_hash
    return Admission.DUPLICATE if is_same else Admission.CONFLICT


def remember(seen: Mapping[ShortId, Seen], interaction: Interaction) -> dict[ShortId, Seen]:
    """Return the memory with `interaction` in it, without ids older than `SEEN_DAYS` or beyond
    `SEEN_IDS`."""
    received_s = int(interaction.received_at.timestamp())
    kept = dict(seen)
    own_id = short_id(interaction.interaction_id)
    kept.pop(own_id, None)  # it goes to the end, where the newest stand
    kept[own_id] = Seen(
        -1 if interaction.revision is None else interaction.revision,
        short_hash(interaction.body_hash),
        received_s,
    )
    oldest_s = received_s - SEEN_DAYS * 86_400
    # A dict keeps the order of arrival, so the old ones stand in front.
    while (first := next(iter(kept))) != own_id:
        if kept[first].received_s >= oldest_s and len(kept) <= SEEN_IDS:
            break
        del kept[first]
    return kept
