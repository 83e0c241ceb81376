"""A record on its way to a topic: checked as intake will check it, encoded once, with its key."""

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from schemas.codec import Decoded, MalformedRecord, decode_channel_record, decode_command
from schemas.common import Channel
from schemas.rejection import RejectReason
from streams import topics

COMMANDS = "commands"
CHANNELS: tuple[str, ...] = (*(channel.value for channel in Channel), COMMANDS)
"""What a record can be published to."""


class Outgoing(NamedTuple):
    """One checked record: `at` orders it, `identity` and `revision` tell it from its repeats."""

    channel: str
    key: bytes
    value: bytes
    at: datetime
    identity: tuple[str, str, str]
    revision: int

    @property
    def topic(self) -> str:
        """The topic it belongs to."""
        return topic_of(self.channel)


class Checked(NamedTuple):
    """A checked record and the optional fields that intake will drop or cut, as `field: fault`."""

    record: Outgoing
    problems: tuple[str, ...]


def topic_of(channel: str) -> str:
    """Return the topic of a channel, or of commands."""
    return topics.COMMANDS if channel == COMMANDS else topics.CHANNEL_TOPICS[Channel(channel)]


def check(channel: str, record: dict[str, Any], now: datetime) -> Checked:
    """Encode a record and read it as intake will. Raises MalformedRecord with the reason.

    A record without a time of its own is ordered as of `now`, the time of its arrival.
    """
    try:
        value = orjson.dumps(record, option=orjson.OPT_UTC_Z)
    except (TypeError, ValueError) as error:
        raise _unencodable(str(error)) from None
    decoded: Decoded[Any]
    if channel == COMMANDS:
        decoded = decode_command(value, now)
    else:
        decoded = decode_channel_record(Channel(channel), value, now)
    read = decoded.record
    problems = tuple(f"{problem.field}: {problem.fault.value}" for problem in decoded.problems)
    kind = COMMANDS if channel == COMMANDS else "record"
    outgoing = Outgoing(
        channel=channel,
        key=_key(read),
        value=value,
        at=read.occurred_at or now,
        identity=(kind, read.source, read.id),
        revision=getattr(read, "revision", None) or 0,
    )
    return Checked(outgoing, problems)


def _unencodable(detail: str) -> MalformedRecord:
    return MalformedRecord(RejectReason.NOT_JSON, "", detail)


def _key(read: Any) -> bytes:
    """The conversation, else the first handle, else the happening: neighbours stay together."""
    if read.conversation_id:
        return f"{read.source}|{read.conversation_id}".encode()
    if read.customer:
        handle = read.customer[0]
        return f"{handle.kind.value}:{handle.value}".encode()
    return f"{read.source}|{read.id}".encode()
