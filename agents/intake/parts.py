"""What the four channels have in common when a record becomes an interaction."""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from agents.intake.ids import interaction_id
from agents.intake.settings import IntakeSettings
from schemas.codec import time_fault
from schemas.common import Actor, ActorType, Channel, ChannelRecord, Handle, Rating, RefKind
from schemas.interaction import Interaction, Origin

PARENT_KEYS = 16
"""Conversations an interaction can join; a longer mail thread is known by its root and newest."""

KEY_CHARS = 320

_UNSET = frozenset({"", "0", "-1", "null", "none", "nil", "undefined", "nan", "n/a", "unknown"})


class Context(Struct, frozen=True, gc=False):
    """What is known of a record besides its content."""

    channel: Channel
    received_at: datetime
    origin: Origin
    body_hash: str
    quiet: bool
    settings: IntakeSettings


class Draft(Struct, frozen=True, gc=False):
    """An interaction without its customer, and the handles a channel found besides the sent ones.

    `fallback` counts only where none of the record's own handles can link.
    """

    interaction: Interaction
    fallback: tuple[Handle, ...] = ()


def utc(instant: datetime) -> datetime:
    """Return the same instant in UTC; it must be a plausible one."""
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


def plausible(instant: datetime | None, received_at: datetime) -> datetime | None:
    """Return the instant in UTC, or None where it is absent or "unset" (before 2000, far ahead)."""
    if instant is None or time_fault(instant, received_at) is not None:
        return None
    return utc(instant)


def common_fields(record: ChannelRecord, context: Context) -> dict[str, Any]:
    """Return the arguments of `Interaction` that every channel fills alike."""
    occurred_at = record.occurred_at
    actor = record.actor
    return {
        "interaction_id": interaction_id(record.source, record.id),
        "customer_id": "",
        "channel": context.channel,
        "occurred_at": context.received_at if occurred_at is None else utc(occurred_at),
        "received_at": context.received_at,
        "source": record.source,
        "source_id": record.id,
        "origin": context.origin,
        "body_hash": context.body_hash,
        "visibility": record.visibility,
        "time_quality": record.time_quality,
        "revision": record.revision,
        "sequence": record.sequence,
        "conversation_key": conversation_key(record.source, record.conversation_id),
        "matter_refs": [f"{ref.kind}:{ref.value}" for ref in record.refs] if record.refs else [],
        "customer_name": record.customer_name,
        "customer_profile": record.customer_profile,
        "language": record.language,
        "rating": oriented(record.rating) if record.rating is not None else None,
        "category": record.category,
        "priority": record.priority,
        "tags": record.tags,
        "complaint": record.complaint,
        "team": record.team or actor.team,
        "mapped_by": record.mapped_by,
        "quiet": context.quiet,
    }


def conversation_key(source: str, conversation_id: str | None) -> str | None:
    """Return the key of a conversation; None where the id is absent or one of the ways to say so.

    Systems write `0`, `null` or nothing where there is no conversation: a key made of it would
    join strangers.
    """
    if conversation_id is None or is_unset(conversation_id):
        return None
    return f"{source}|{conversation_id}"


def is_unset(text: str) -> bool:
    """Whether a reference is a placeholder for none."""
    return text in _UNSET or text.strip().lower() in _UNSET


def oriented(rating: Rating) -> Rating | None:
    """Return the rating turned so that more is better; None where nothing was scored.

    Its scale is settled already (schemas.ratings), so a reversed score is mirrored on it.
    """
    low, high = rating.scale_min, rating.scale_max
    if rating.score is None and rating.expected is None and rating.perceived is None:
        return None
    if not rating.reversed or low is None or high is None:
        return rating

    def mirrored(value: float | None) -> float | None:
        return None if value is None else low + high - value

    return replace(
        rating,
        score=mirrored(rating.score),
        expected=mirrored(rating.expected),
        perceived=mirrored(rating.perceived),
        reversed=False,
    )


def with_actor(actor: Actor, default: ActorType) -> Actor:
    """Return the actor, its type filled in where the publisher left it open."""
    if actor.type is not _UNKNOWN:
        return actor
    if actor is _NOBODY or (actor.id is None and actor.name is None and actor.team is None):
        return _ACTORS[default]
    return replace(actor, type=default)


_UNKNOWN = ActorType.UNKNOWN
_NOBODY = Actor()
_ACTORS = {actor_type: Actor(type=actor_type) for actor_type in ActorType}


def add_ref(fields: dict[str, Any], kind: RefKind, value: str | None) -> None:
    """Add a reference to the matter, once."""
    if value:
        ref = f"{kind}:{value}"
        if ref not in fields["matter_refs"]:
            fields["matter_refs"].append(ref)
