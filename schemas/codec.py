"""Bytes to records and back: strict where manyi writes, lenient where the world does.

`encode_json` and `decode_customer_event` serve manyi's own topics. `decode_channel_record` and
`decode_command` read what others publish: one typed decode when the record keeps the contract, else
field by field (leniency), so that a slip in an optional field costs that field and not the record.
Both raise `MalformedRecord` and nothing else, whatever the bytes.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec

from schemas import limits
from schemas.chat import ChatRecord
from schemas.command import Command
from schemas.common import Channel, ChannelRecord, TimeQuality
from schemas.email import EmailRecord
from schemas.events import CustomerEvent
from schemas.leniency import Fault, Findings, Problem, StructConverter, without_nulls
from schemas.phone import PhoneRecord
from schemas.ratings import settle_rating
from schemas.rejection import RejectReason
from schemas.web import WebRecord

RECORD_TYPES: dict[Channel, type[ChannelRecord]] = {
    Channel.PHONE: PhoneRecord,
    Channel.EMAIL: EmailRecord,
    Channel.CHAT: ChatRecord,
    Channel.WEB: WebRecord,
}
"""The record type of each channel's topic."""

KNOWN_VERSION = 1
_ARRIVAL = TimeQuality.ARRIVAL
OLDEST_OCCURRED_AT = datetime(limits.OLDEST_OCCURRED_AT_YEAR, 1, 1, tzinfo=UTC)

R = TypeVar("R", bound=msgspec.Struct)

# JSON holds NUL and lone surrogates only as escapes, so one search of the bytes excludes them.
_NUL = b"\\u0000"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_UNSAFE_TEXT = re.compile("[\x00\ud800-\udfff]")
_FUTURE = timedelta(seconds=limits.FUTURE_SECONDS)
_DETAIL_CHARS = 300


class MalformedRecord(ValueError):
    """A record that cannot be taken in: `reason`, the `field` to blame ("" if none), `detail`."""

    def __init__(self, reason: RejectReason, field: str = "", detail: str = "") -> None:
        super().__init__(reason, field, detail)
        self.reason = reason
        self.field = field
        self.detail = detail[:_DETAIL_CHARS]

    def __str__(self) -> str:
        where = f" in `{self.field}`" if self.field else ""
        return f"{self.reason}{where}: {self.detail}"


class Decoded(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """A record, what was lost of it, and the unknown fields seen (only where it was looked for)."""

    record: R
    problems: tuple[Problem, ...] = ()
    unknown_fields: tuple[str, ...] = ()


# --- manyi's own topics ---------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_event_decoder: msgspec.json.Decoder[CustomerEvent] = msgspec.json.Decoder(CustomerEvent)


def encode_json(record: msgspec.Struct) -> bytes:
    """Return the record as it stands on a topic: compact JSON, default values left out."""
    return _encoder.encode(record)


def decode_customer_event(raw: bytes) -> CustomerEvent:
    """Read a record of `customer-events.v1`; raises `MalformedRecord`."""
    return _decode_own(_event_decoder.decode, raw)


def decode_as(record_type: type[R], raw: bytes) -> R:
    """Read a record that manyi wrote, of any other type; raises `MalformedRecord`."""
    return _decode_own(_own_decoder(record_type).decode, raw)


T = TypeVar("T")


def _decode_own(decode: Callable[[bytes], T], raw: bytes) -> T:
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise MalformedRecord(RejectReason.INVALID_FIELD, "", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRecord(RejectReason.NOT_JSON, "", str(error)) from None


_own_decoders: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}


def _own_decoder(record_type: type[R]) -> msgspec.json.Decoder[R]:
    decoder = _own_decoders.get(record_type)
    if decoder is None:
        decoder = _own_decoders[record_type] = msgspec.json.Decoder(record_type)
    return decoder


# --- what others publish --------------------------------------------------------------------------


class _Lenient(Generic[R]):
    """Reads one record type: fast when it keeps the contract, field by field when not."""

    def __init__(self, record_type: type[R], kind: str) -> None:
        self.record_type = record_type
        self.kind = kind
        self.decode = msgspec.json.Decoder(record_type).decode
        self.converter = StructConverter(record_type)

    def read(self, raw: bytes) -> tuple[R, list[Problem], tuple[str, ...]]:
        """Return the record, its problems and (only off the fast path) its unknown fields."""
        if len(raw) > limits.RECORD_BYTES:
            raise MalformedRecord(
                RejectReason.TOO_LARGE, "", f"{len(raw)} bytes, at most {limits.RECORD_BYTES}"
            )
        if _NUL not in raw:
            try:
                return self.decode(raw), [], ()
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
        return self._read_leniently(raw)

    def _read_leniently(self, raw: bytes) -> tuple[R, list[Problem], tuple[str, ...]]:
        values = parse_object(raw)
        if values.get("version") is not None:
            check_version(values["version"])
        unknown = tuple(name for name in values if name not in self.converter.names)
        try:  # nulls for absent fields, NUL and surrogates need no more than the cleaning done
            return msgspec.convert(without_nulls(values), self.record_type), [], unknown
        except (msgspec.ValidationError, OverflowError):
            pass
        findings = Findings()
        arguments, missing = self.converter.fields(values, "", findings)
        if missing:
            raise self._rejection(missing[0], values.get(missing[0]))
        self._note(arguments, findings)
        return self.record_type(**arguments), findings.problems, unknown

    def _rejection(self, field: str, value: Any) -> MalformedRecord:
        if value is None:
            return MalformedRecord(RejectReason.MISSING_FIELD, field, f"`{field}` is required")
        if field == self.kind and isinstance(value, str):
            known = ", ".join(inspect_words(self.record_type, field))
            return MalformedRecord(
                RejectReason.UNKNOWN_KIND, field, f"{value[:64]!r} is none of {known}"
            )
        try:
            msgspec.convert({field: value}, self.record_type)
        except (msgspec.ValidationError, OverflowError) as error:
            return MalformedRecord(RejectReason.INVALID_FIELD, field, str(error))
        return MalformedRecord(RejectReason.INVALID_FIELD, field, "cannot be read")

    def _note(self, arguments: dict[str, Any], findings: Findings) -> None:
        """Keep in the record itself that its text was cut, and the words that were not known."""
        if "text_truncated" in self.converter.names and (
            Problem("text", Fault.CUT) in findings.problems
        ):
            arguments["text_truncated"] = True
        if findings.words and "attributes" in self.converter.names:
            attributes = arguments.setdefault("attributes", {})
            for name, word in findings.words.items():
                if len(attributes) < limits.ATTRIBUTES:
                    attributes.setdefault(name, word)


_channel_readers: dict[Channel, _Lenient[Any]] = {
    channel: _Lenient(record_type, kind="kind") for channel, record_type in RECORD_TYPES.items()
}
_command_reader = _Lenient(Command, kind="action")


def decode_channel_record(
    channel: Channel, raw: bytes, received_at: datetime | None = None
) -> Decoded[ChannelRecord]:
    """Read what a channel system published; raises `MalformedRecord`, and nothing else.

    Args:
        channel: which of the four record types to expect.
        raw: the JSON of one record, at most 1 MiB.
        received_at: the broker's timestamp. Events later than a day after it are refused;
            without it only the lower bound of time is checked.
    """
    record, problems, unknown = _channel_readers[channel].read(raw)
    if record.version != KNOWN_VERSION:
        check_version(record.version)
    occurred_at = record.occurred_at
    if occurred_at is None:
        if record.time_quality is not _ARRIVAL:
            raise _no_occurred_at(problems)
    elif (fault := time_fault(occurred_at, received_at)) is not None:
        if record.time_quality is not TimeQuality.ARRIVAL:
            raise MalformedRecord(RejectReason.TIME_OUT_OF_RANGE, "occurred_at", fault)
        record.occurred_at = None
        problems.append(Problem("occurred_at", Fault.OUT_OF_RANGE))
    if record.rating is not None:
        record.rating, rating_problem = settle_rating(record.rating)
        if rating_problem is not None:
            problems.append(rating_problem)
    return Decoded(record, tuple(problems) if problems else (), unknown)


def decode_command(raw: bytes, received_at: datetime | None = None) -> Decoded[Command]:
    """Read an order of staff's systems; raises `MalformedRecord`, and nothing else."""
    command, problems, unknown = _command_reader.read(raw)
    check_version(command.version)
    if command.occurred_at is not None:
        fault = time_fault(command.occurred_at, received_at)
        if fault is not None:
            raise MalformedRecord(RejectReason.TIME_OUT_OF_RANGE, "occurred_at", fault)
    return Decoded(command, tuple(problems), unknown)


def time_fault(instant: datetime, received_at: datetime | None) -> str | None:
    """Say what is wrong with an event time, or None: before 2000, or a day after its arrival."""
    if instant < OLDEST_OCCURRED_AT:
        return f"{instant.isoformat()} is before {OLDEST_OCCURRED_AT.isoformat()}"
    if received_at is not None and instant > received_at and instant - received_at > _FUTURE:
        return f"{instant.isoformat()} is more than a day after {received_at.isoformat()}"
    return None


def unknown_fields(channel: Channel, raw: bytes) -> tuple[str, ...]:
    """Name the top-level fields the contract does not know, for a sample of good records.

    The fast path skips unknown fields without a look at their names; this second, shallow decode
    costs about as much as the first, so intake asks it of one record in 64 only.
    """
    try:
        values = _shallow_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    names = _channel_readers[channel].converter.names
    return tuple(name for name in values if name not in names)


_shallow_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse one JSON object, NUL removed and lone surrogates replaced; raises `MalformedRecord`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedRecord(RejectReason.NOT_JSON, "", f"not UTF-8: {error}") from None
    try:
        values = _json.decode(text)
        if _NUL in raw or _SURROGATE.search(raw):
            values = _clean(values)
    except RecursionError:
        raise MalformedRecord(RejectReason.NOT_JSON, "", "nested too deeply") from None
    except ValueError as error:
        raise MalformedRecord(RejectReason.NOT_JSON, "", str(error)) from None
    if not isinstance(values, dict):
        raise MalformedRecord(
            RejectReason.NOT_AN_OBJECT, "", f"a JSON {type(values).__name__}, not an object"
        )
    return values


def check_version(version: object) -> None:
    """Refuse every version but those this release knows; a dead letter can be replayed later."""
    if type(version) is not int or version != KNOWN_VERSION:
        raise MalformedRecord(
            RejectReason.UNKNOWN_VERSION,
            "version",
            f"{str(version)[:40]} is not {KNOWN_VERSION}; upgrade manyi, then replay",
        )


def inspect_words(record_type: type[msgspec.Struct], field: str) -> list[str]:
    """Return the words of an enum field, for error messages."""
    info = msgspec.inspect.type_info(record_type)
    assert isinstance(info, msgspec.inspect.StructType)
    types = [f.type for f in info.fields if f.name == field]
    return [str(word) for t in types if isinstance(t, msgspec.inspect.EnumType) for word in t.cls]


def _no_occurred_at(problems: list[Problem]) -> MalformedRecord:
    if any(problem.field == "occurred_at" for problem in problems):
        return MalformedRecord(
            RejectReason.INVALID_FIELD,
            "occurred_at",
            "must be RFC 3339 with a zone, such as 2026-03-01T10:00:00Z",
        )
    return MalformedRecord(
        RejectReason.MISSING_FIELD,
        "occurred_at",
        "is required unless `time_quality` is `arrival`",
    )


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSAFE_TEXT.sub(_replacement, value)
    if isinstance(value, list):
        return [_clean(entry) for entry in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(entry) for name, entry in value.items()}
    return value


def _replacement(found: re.Match[str]) -> str:
    return "" if found.group() == "\x00" else "\ufffd"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(literal: str) -> float | str:
    number = float(literal)
    # A literal beyond the range of a double stays text: the wrong type, so its field is dropped.
    return number if abs(number) != float("inf") else literal


def _short(literal: str) -> int | str:
    # Python refuses to read longer integers than 4,300 digits; no field of the contract holds one.
    return int(literal) if len(literal) < _INTEGER_DIGITS else literal


_INTEGER_DIGITS = 300

_json = json.JSONDecoder(parse_float=_finite, parse_int=_short, parse_constant=_refuse_constant)
