"""Calls: when the customer rang, how long they waited, and when somebody picked up.

Every record of one call gives the same `contact_at`, so live and final records never make two
contacts of one call. Where a system sends durations instead of times, the times are derived
backwards from the end of the call; where both exist, times win.
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from agents.intake.parts import (
    Context,
    Draft,
    common_fields,
    conversation_key,
    plausible,
    with_actor,
)
from agents.intake.words import own_words
from schemas.common import ActorType, Channel, Direction, Handle, HandleKind, Visibility
from schemas.interaction import Interaction
from schemas.phone import EndReason, PhoneKind, PhoneRecord, Turn

CLOCK_SKEW = timedelta(seconds=5)
"""So far the clocks of two systems may disagree; a call answered longer before it began has wrong
times, and must measure nothing rather than a wait of zero."""

_FINAL = frozenset({PhoneKind.CALL_ENDED, PhoneKind.CALL_ABANDONED})
_UNREACHED = frozenset({EndReason.NO_ANSWER, EndReason.BUSY, EndReason.FAILED, EndReason.TIMEOUT})
_CUSTOMER_SPEAKERS = frozenset(
    {"customer", "caller", "client", "user", "guest", "external", "客户"}
)


class CallTimes(Struct, frozen=True, gc=False):
    """The instants of a call that matter here, each None where nothing tells it."""

    contact_at: datetime | None
    answered_at: datetime | None
    wait_seconds: float | None


def to_interaction(record: PhoneRecord, context: Context) -> Draft:
    """Make the interaction of a call record."""
    fields = common_fields(record, context)
    direction = record.direction or Direction.IN
    inbound = direction is Direction.IN
    times = call_times(record, fields["occurred_at"], context.received_at)
    rated = record.kind is PhoneKind.CALL_RATED
    transferred = record.kind is PhoneKind.CALL_TRANSFERRED
    abandoned = inbound and (
        record.kind is PhoneKind.CALL_ABANDONED
        or (record.abandoned_in is not None and times.answered_at is None)
    )
    answered_at = None if abandoned or rated else times.answered_at
    actor = with_actor(record.actor, _default_actor(record, inbound, answered_at))
    responds = (
        record.visibility is Visibility.PUBLIC
        and direction is not Direction.INTERNAL
        and actor.type is not ActorType.SYSTEM
    )
    call_key = _call_key(fields, record)
    text = _text(record)
    return Draft(
        Interaction(
            **fields,
            kind=record.kind,
            direction=direction,
            actor=actor,
            contact_at=times.contact_at if inbound and not (rated or transferred) else None,
            response_at=answered_at if responds else None,
            wait_seconds=times.wait_seconds if inbound else None,
            abandoned=abandoned,
            parent_keys=call_key,
            handed_to=_handed_to(record),
            text=text,
            text_by=ActorType.CUSTOMER if record.transcript and text else None,
        ),
        _other_party(record, direction),
    )


def call_times(record: PhoneRecord, occurred_at: datetime, received_at: datetime) -> CallTimes:
    """Work out contact, answer and wait of a call from the times and durations sent."""

    final = record.kind in _FINAL
    started = plausible(record.started_at, received_at)
    queued = plausible(record.queued_at, received_at)
    answered = plausible(record.answered_at, received_at)
    ended = plausible(record.ended_at, received_at) or (occurred_at if final else None)
    if record.kind is PhoneKind.CALL_QUEUED:
        queued = queued or occurred_at
    if answered is None:
        left_at = plausible(record.agent_left_at, received_at) or ended
        answered = _answered(record, occurred_at, left_at)
    waited = _sum(record.queue_wait_seconds, record.ring_seconds)
    given_up = ended if answered is None and final else None
    until = answered or given_up
    contact = started or queued
    if contact is None and until is not None and final:
        contact = until - timedelta(seconds=waited or 0.0)
    contact = contact or answered or occurred_at
    if answered is not None and contact - answered <= CLOCK_SKEW:
        contact = min(contact, answered)
    since = queued or (started if waited is None else None)
    wait = waited
    if until is not None and since is not None and until >= since:
        wait = (until - since).total_seconds()
    return CallTimes(contact, answered, wait)


def _answered(
    record: PhoneRecord, occurred_at: datetime, left_at: datetime | None
) -> datetime | None:
    """When somebody picked up, for records that do not say: from durations, or at the latest."""
    if record.kind is PhoneKind.CALL_ANSWERED:
        return occurred_at
    if record.kind is not PhoneKind.CALL_ENDED or left_at is None:
        return None
    if record.talk_seconds:
        return left_at - timedelta(seconds=record.talk_seconds + (record.hold_seconds or 0.0))
    spoke = record.actor.type in (ActorType.HUMAN, ActorType.BOT)
    reached = record.talk_seconds is None and record.end_reason not in _UNREACHED
    return left_at if spoke and reached and record.abandoned_in is None else None


def _sum(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _default_actor(record: PhoneRecord, inbound: bool, answered_at: datetime | None) -> ActorType:
    if record.kind is PhoneKind.CALL_TRANSFERRED:
        return ActorType.HUMAN
    if not inbound or answered_at is not None:
        return ActorType.HUMAN
    return ActorType.CUSTOMER


def _handed_to(record: PhoneRecord) -> str | None:
    """The team a call was transferred to; many systems know it by its queue only."""
    if record.kind is not PhoneKind.CALL_TRANSFERRED:
        return None
    return record.team or record.queue


def _call_key(fields: dict[str, Any], record: PhoneRecord) -> list[str]:
    """Settle the conversation of a call and return the other keys it is known by."""
    own = fields["conversation_key"]
    call = conversation_key(record.source, record.call_id)
    before = conversation_key(record.source, record.parent_id)
    if own is None:
        own = fields["conversation_key"] = call
    keys = [] if call is None or call == own else [call]
    if before is not None and before != own and before != call:
        keys.append(before)
    return keys


def _text(record: PhoneRecord) -> str | None:
    """Return the customer's turns of the transcript; without one, the text sent."""
    if record.transcript:
        said = "\n".join(turn.text for turn in record.transcript if _is_customer(turn))
        return own_words(Channel.PHONE, said)
    comment = record.rating.comment if record.rating is not None else None
    return own_words(Channel.PHONE, record.text or comment, record.text_format)


def _is_customer(turn: Turn) -> bool:
    return turn.speaker.strip().lower() in _CUSTOMER_SPEAKERS


def _other_party(record: PhoneRecord, direction: Direction) -> tuple[Handle, ...]:
    """Return the customer's end of the line: the caller of a call in, the called of a call out."""
    number = record.to_number if direction is Direction.OUT else record.from_number
    return (Handle(HandleKind.PHONE, number),) if number else ()
