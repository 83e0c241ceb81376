"""Conversations of a customer: when they asked, when a person answered, and whether they had to
come back.

One conversation is one contact. Its first response is the first public answer of a person at or
after the customer's first word, whatever the order of arrival; what the tables hold of it is kept
beside it, so that late evidence can take it back before counting anew.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from agents.effects import Measure, Tally
from schemas.common import ActorType
from schemas.compact import short_id
from schemas.customer import THREAD_TURNS, THREADS, CountedResponse, Labels, Thread, Turn
from schemas.interaction import Interaction

# A member of an enum is looked up by a name of its class, which costs more than the comparison.
_HUMAN = ActorType.HUMAN
_CONTACTS = Measure.CONTACTS
_FIRST_RESPONSE = Measure.FIRST_RESPONSE
REPEAT_WITHIN = timedelta(days=7)
"""Seven days is the usual window of repeat contact (research: measures, section 9)."""


def keep_conversation(
    threads: Sequence[Thread], interaction: Interaction, labels: Labels
) -> tuple[list[Thread], list[Tally], Thread | None]:
    """Fold one interaction into the customer's conversations.

    Returns the conversations, what the tables must add or take back, and the conversation it
    belongs to.
    """
    contact_at, response_at = interaction.contact_at, interaction.response_at
    if response_at is not None and interaction.actor.type is not _HUMAN:
        response_at = None
    thread = find_thread(threads, interaction)
    if contact_at is None and response_at is None:
        return [*threads], [], thread
    turn = Turn(short_id(interaction.interaction_id), contact_at, response_at)
    if thread is None:
        thread = Thread(key=interaction.conversation_key or interaction.interaction_id)
    kept = [other for other in threads if other.key != thread.key]
    thread = _with_turn(thread, turn, interaction, labels)
    before = thread.counted
    counted = thread.counted = _count(thread, kept, labels)
    tallies = _difference(before, counted)
    kept.append(thread)
    if counted is not None and (before is None or before.contact_at != counted.contact_at):
        # a contact learned late may be what makes a later one a repeat
        kept = [_recount(other, kept, tallies) for other in kept]
        thread = kept[-1]
    return kept[-THREADS:], tallies, thread


def _recount(thread: Thread, threads: Sequence[Thread], tallies: list[Tally]) -> Thread:
    counted = thread.counted
    if counted is None:
        return thread
    repeat = _repeats(thread, threads, counted.contact_at)
    if repeat == counted.repeat:
        return thread
    corrected = replace(counted, repeat=repeat)
    tallies.extend(_difference(counted, corrected))
    return replace(thread, counted=corrected)


def find_thread(threads: Sequence[Thread], interaction: Interaction) -> Thread | None:
    """The conversation an interaction belongs to; an answer that names none goes to the newest
    unanswered one."""
    if not threads:
        return None
    key = interaction.conversation_key
    keys = [*interaction.parent_keys, key] if key is not None else interaction.parent_keys
    if keys:
        for thread in reversed(threads):
            if thread.key in keys:
                return thread
    elif interaction.contact_at is None and interaction.response_at is not None:
        for thread in reversed(threads):
            if thread.counted is not None and thread.counted.response_seconds is None:
                return thread
    return None


def _with_turn(thread: Thread, turn: Turn, interaction: Interaction, labels: Labels) -> Thread:
    turns = [old for old in thread.turns if old.interaction_id != turn.interaction_id]
    turns.append(turn)
    if (
        len(turns) > THREAD_TURNS
    ):  # the first ones decide the first response, the last ones what is open
        turns = turns[: THREAD_TURNS // 2] + turns[-THREAD_TURNS // 2 :]
    last_at, refs = thread.last_at, interaction.matter_refs
    return Thread(
        key=thread.key,
        category=thread.category or labels.category,
        channel=thread.channel or (labels.channel if turn.contact_at else ""),
        team=labels.team or thread.team,
        matter_refs=list(dict.fromkeys(thread.matter_refs + refs)) if refs else thread.matter_refs,
        turns=turns,
        last_at=interaction.occurred_at
        if last_at is None
        else max(last_at, interaction.occurred_at),
        counted=thread.counted,
    )


def _count(thread: Thread, others: Sequence[Thread], labels: Labels) -> CountedResponse | None:
    contact_at = answered_at = None
    for turn in thread.turns:
        at = turn.contact_at
        if at is not None and (contact_at is None or at < contact_at):
            contact_at = at
    if contact_at is None:
        return None
    for turn in thread.turns:
        at = turn.response_at
        if at is not None and at >= contact_at and (answered_at is None or at < answered_at):
            answered_at = at
    waited = None if answered_at is None else (answered_at - contact_at).total_seconds()
    return CountedResponse(
        contact_at=contact_at,
        labels=Labels(
            thread.channel or labels.channel,
            thread.team,
            thread.category,
            labels.region,
            labels.tier,
        ),
        repeat=_repeats(thread, others, contact_at),
        response_seconds=waited,
    )


def _repeats(thread: Thread, threads: Sequence[Thread], contact_at: datetime) -> bool:
    if not thread.category and not thread.matter_refs:
        return False  # it names no matter, so it repeats none
    earliest = contact_at - REPEAT_WITHIN
    for other in threads:
        counted = other.counted
        if (
            counted is not None
            and earliest <= counted.contact_at < contact_at
            and other.key != thread.key
            and is_same_matter(thread, other)
        ):
            return True
    return False


def is_same_matter(one: Thread, other: Thread) -> bool:
    """The same order or ticket, else the same category where neither names one the other does
    not."""
    if one.matter_refs and other.matter_refs:
        return not set(one.matter_refs).isdisjoint(other.matter_refs)
    return bool(one.category) and one.category == other.category


def _difference(old: CountedResponse | None, new: CountedResponse | None) -> list[Tally]:
    """What the tables must take back and add; what holds as before is neither."""
    if old == new:
        return []
    before, after = _facts(old), _facts(new)
    if not before:
        return [Tally(*fact) for fact in after]
    return [
        *(Tally(*fact, count=-1) for fact in before if fact not in after),
        *(Tally(*fact) for fact in after if fact not in before),
    ]


def _facts(
    counted: CountedResponse | None,
) -> list[tuple[Measure, datetime, Labels, float | None]]:
    if counted is None:
        return []
    contact_at, labels, seconds = counted.contact_at, counted.labels, counted.response_seconds
    facts: list[tuple[Measure, datetime, Labels, float | None]]
    facts = [(_CONTACTS, contact_at, labels, None)]
    if counted.repeat:
        facts.append((Measure.REPEAT_CONTACTS, contact_at, labels, None))
    if seconds is not None:
        answered_at = contact_at + timedelta(seconds=seconds)
        facts.append((_FIRST_RESPONSE, answered_at, labels, seconds))
    return facts
