"""Intake: one Kafka record of a channel becomes an interaction, a dead letter or a skip.

Pure and deterministic: the same bytes, headers and broker timestamp give the same result, so a
replay changes nothing. Who the customer is comes after, from the handles (agents.identity), in one
question for the whole batch.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import force_setattr, replace

from agents.intake import chat, email, phone, web
from agents.intake.envelope import Headers, Opened, open_envelope
from agents.intake.handles import CONVERSATION, conversation_handle, normalise_handles
from agents.intake.ids import body_hash, command_id
from agents.intake.outcomes import Accepted, AcceptedCommand, Rejected, Skipped, SkipReason
from agents.intake.parts import Context, Draft, conversation_key, is_unset
from agents.intake.settings import IntakeSettings
from schemas.chat import ChatKind
from schemas.codec import (
    Decoded,
    MalformedRecord,
    decode_channel_record,
    decode_command,
    unknown_fields,
)
from schemas.command import Command, CommandGiven
from schemas.common import Channel, ChannelRecord, RefKind
from schemas.interaction import Interaction, Origin
from schemas.phone import PhoneKind
from schemas.rejection import RejectReason
from schemas.web import WebKind

UNKNOWN_FIELDS_SAMPLE = 64
"""Of good records one in so many, by offset, is looked through for fields nobody knows."""

_MAKERS: dict[Channel, Callable[[Any, Context], Draft]] = {
    Channel.PHONE: phone.to_interaction,
    Channel.EMAIL: email.to_interaction,
    Channel.CHAT: chat.to_interaction,
    Channel.WEB: web.to_interaction,
}
_RATED_KINDS = frozenset({PhoneKind.CALL_RATED, ChatKind.CONVERSATION_RATED, WebKind.SURVEY_ANSWER})
ORDERS_AS_HANDLES = 2
"""An order belongs to one customer; a list of many is an operator's, not a customer's."""

_ORDER = "order:"
_ORDER_KEY = "#order|"  # no source can be named like this, so no conversation is mistaken for it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NO_CUSTOMER = Rejected(
    RejectReason.NO_CUSTOMER,
    "customer",
    "no handle that can link, no conversation_id, no order; name the customer by a handle",
)


def take_in(
    value: bytes | None,
    headers: Headers,
    channel: Channel,
    received_at: datetime,
    origin: Origin,
    settings: IntakeSettings,
) -> Accepted | Rejected | Skipped:
    """Read one record of a channel topic. Never raises on data.

    Args:
        value: the record's bytes as they stand on the topic; None is a tombstone.
        headers: its Kafka headers.
        channel: the channel of its topic.
        received_at: the broker's timestamp, aware.
        origin: where it stands; `origin.offset` also chooses the sample for unknown fields.
        settings: regions, own domains, blocked handles.
    """
    if value is None:
        return Skipped(SkipReason.TOMBSTONE)
    try:
        opened = open_envelope(value, headers)
        if opened.body is None:
            return Skipped(SkipReason.NO_DATA)
        decoded = decode_channel_record(channel, opened.body, received_at)
    except MalformedRecord as error:
        return Rejected(error.reason, error.field, error.detail)
    record = decoded.record
    if _is_unanswered(decoded):
        return Skipped(SkipReason.UNANSWERED)
    context = Context(
        channel, received_at, origin, body_hash(opened.hashed), opened.quiet, settings
    )
    draft = _MAKERS[channel](record, context)
    handles = _handles(record, draft, settings)
    if not handles:
        return _NO_CUSTOMER
    return Accepted(
        draft.interaction,
        handles,
        decoded.problems,
        _unknown_fields(decoded, channel, opened, origin.offset),
    )


def take_command(
    value: bytes | None,
    headers: Headers,
    received_at: datetime,
    origin: Origin,
    settings: IntakeSettings,
) -> AcceptedCommand | Rejected | Skipped:
    """Read one record of the commands topic; arguments as for `take_in`. Never raises on data."""
    if value is None:
        return Skipped(SkipReason.TOMBSTONE)
    try:
        opened = open_envelope(value, headers)
        if opened.body is None:
            return Skipped(SkipReason.NO_DATA)
        decoded = decode_command(opened.body, received_at)
    except MalformedRecord as error:
        return Rejected(error.reason, error.field, error.detail)
    command = decoded.record
    handles: tuple[str, ...] = ()
    if command.customer_id is None:
        handles = normalise_handles(command.customer, command.source, settings).handles
        if not handles:
            handles = _meant_by(command)
        if not handles:
            return _NO_CUSTOMER
    if opened.quiet and not command.quiet:
        command = replace(command, quiet=True)
    return AcceptedCommand(
        command,
        command_id(command.source, command.id),
        origin,
        command.customer_id,
        handles,
        decoded.problems,
    )


def with_customer(accepted: Accepted, customer_id: str) -> Interaction:
    """Complete the interaction with its customer and the handles that named them, and return it.

    It is filled in rather than copied: nobody has seen it yet, and a copy of forty-odd fields is a
    tenth of what intake costs. From here on it is as frozen as its type says.
    """
    interaction = accepted.interaction
    named = [h for h in accepted.handles if not h.startswith(CONVERSATION)]
    force_setattr(interaction, "customer_id", customer_id)
    force_setattr(interaction, "handles", named)
    return interaction


def given_command(
    accepted: AcceptedCommand, customer_id: str, received_at: datetime
) -> CommandGiven:
    """Return the command as an event of its customer's log."""
    command = accepted.command
    return CommandGiven(
        command_id=accepted.command_id,
        customer_id=customer_id,
        occurred_at=command.occurred_at or received_at,
        received_at=received_at,
        origin_topic=accepted.origin.topic,
        origin_partition=accepted.origin.partition,
        origin_offset=accepted.origin.offset,
        command=command,
    )


def instant_of(timestamp_ms: int) -> datetime:
    """Return a broker timestamp as an instant; one that no calendar holds is the epoch.

    Producers may set timestamps (`CreateTime`), so they are data like everything else.
    """
    try:
        return _EPOCH + timestamp_ms * _MILLISECOND
    except OverflowError:
        return _EPOCH


def _handles(record: ChannelRecord, draft: Draft, settings: IntakeSettings) -> tuple[str, ...]:
    """Return the texts that say who the customer is, strongest first, conversations last."""
    handles = normalise_handles(record.customer, record.source, settings).handles
    if not handles and draft.fallback:
        handles = normalise_handles(draft.fallback, record.source, settings).handles[:1]
    keys = conversation_keys(draft.interaction)
    return (*handles, *map(conversation_handle, keys)) if keys else handles


def _meant_by(command: Command) -> tuple[str, ...]:
    """Return the conversation and the orders by which a command means a customer it cannot name."""
    key = conversation_key(command.source, command.conversation_id)
    keys = [key] if key is not None else []
    keys += _order_keys(ref.value for ref in command.refs if ref.kind is RefKind.ORDER)
    return tuple(map(conversation_handle, keys))


def _order_keys(orders: Iterable[str]) -> list[str]:
    known = [f"{_ORDER_KEY}{order}" for order in orders if not is_unset(order)]
    return known[:ORDERS_AS_HANDLES]


def conversation_keys(interaction: Interaction) -> list[str]:
    """Return what a record without a customer is found by: its conversation, then its orders.

    Refunds and survey answers often name nothing but the order.
    """
    key = interaction.conversation_key
    keys = [key] if key is not None else []
    refs = interaction.matter_refs
    if refs:
        orders = [ref[len(_ORDER) :] for ref in refs if ref.startswith(_ORDER)]
        keys += _order_keys(orders)
    return keys


def _is_unanswered(decoded: Decoded[ChannelRecord]) -> bool:
    """Whether a rated kind holds neither score nor word, and not because something was dropped."""
    record = decoded.record
    if record.kind not in _RATED_KINDS or decoded.problems or record.text:  # type: ignore[attr-defined]
        return False
    rating = record.rating
    return not getattr(record, "deleted", False) and (
        rating is None
        or (
            rating.score is None
            and rating.expected is None
            and rating.perceived is None
            and not rating.comment
        )
    )


def _unknown_fields(
    decoded: Decoded[ChannelRecord], channel: Channel, opened: Opened, offset: int
) -> tuple[str, ...]:
    if decoded.unknown_fields or offset % UNKNOWN_FIELDS_SAMPLE or opened.body is None:
        return decoded.unknown_fields
    return unknown_fields(channel, opened.body)
