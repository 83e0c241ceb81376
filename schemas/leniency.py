"""Lenient conversion: what can be saved of a record that is not quite what the contract says.

The typed decoder takes a whole record or nothing. Only what it refuses comes here, field by field:
an optional field that cannot be read is dropped, cut or shortened, and every such loss is named.
Converters are built once per type from msgspec's description of it.
"""

import re
from collections.abc import Callable, Iterable
from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from schemas import limits
from schemas.common import Instant, Instrument, Visibility


class Fault(StrEnum):
    """What happened to a field that was not as the contract says."""

    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    TOO_LONG = "too_long"
    CUT = "cut"
    SHORTENED = "shortened"
    UNKNOWN_WORD = "unknown_word"
    INCOMPLETE = "incomplete"
    NO_SCALE = "no_scale"
    OFF_SCALE = "off_scale"


class Problem(NamedTuple):
    """One field that could not be taken as sent; `field` is a path such as `customer[].value`."""

    field: str
    fault: Fault


class Findings:
    """What a lenient conversion found out on its way: problems, and the words it did not know."""

    __slots__ = ("problems", "words")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.words: dict[str, str] = {}

    def drop(self, field: str, fault: Fault) -> "_Dropped":
        """Name a loss and return the mark of a dropped value."""
        self.problems.append(Problem(field, fault))
        return DROPPED


class _Dropped:
    """The mark of a value that could not be kept."""

    __slots__ = ()


DROPPED: Final = _Dropped()

Convert = Callable[[Any, str, Findings], Any]

# What an unknown word means where the type has no `other`. An unknown visibility is private because
# a private note taken for public would stop a response clock; the reverse only delays it.
_FALLBACK_WORDS: dict[type[Enum], Enum] = {
    Visibility: Visibility.PRIVATE,
    Instrument: Instrument.CUSTOM,
}


class StructConverter:
    """Converts JSON objects to one Struct type, leniently."""

    def __init__(self, cls: type[msgspec.Struct]) -> None:
        info = inspect.type_info(cls)
        assert isinstance(info, inspect.StructType)
        self.cls = cls
        self.names = frozenset(field.encode_name for field in info.fields)
        if info.tag_field is not None:
            self.names |= {info.tag_field}
        self.converters = {f.encode_name: (f.name, _converter(f.type)) for f in info.fields}
        self.required = tuple(f.encode_name for f in info.fields if f.required)

    def fields(
        self, values: dict[str, Any], path: str, findings: Findings
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the arguments that could be read, and the names of required fields that could not.

        `null` means absent, whatever the field: half of the world's serialisers write it.
        """
        arguments: dict[str, Any] = {}
        for encode_name, (name, convert) in self.converters.items():
            value = values.get(encode_name)
            if value is None:
                continue
            converted = convert(value, f"{path}{encode_name}", findings)
            if converted is not DROPPED:
                arguments[name] = converted
        missing = [n for n in self.required if self.converters[n][0] not in arguments]
        return arguments, missing

    def __call__(self, value: Any, path: str, findings: Findings) -> Any:
        """Convert a nested object; one that lacks a required field is dropped whole."""
        if not isinstance(value, dict):
            return findings.drop(path, Fault.WRONG_TYPE)
        arguments, missing = self.fields(value, f"{path}.", findings)
        if missing:
            return findings.drop(path, Fault.INCOMPLETE)
        return self.cls(**arguments)


def without_nulls(values: dict[str, Any]) -> dict[str, Any]:
    """Return the top-level fields that are not null."""
    return {name: value for name, value in values.items() if value is not None}


def _converter(info: inspect.Type, identifier: bool = False) -> Convert:
    match info:
        case inspect.Metadata():
            return _converter(info.type, bool((info.extra or {}).get("identifier")))
        case inspect.StrType():
            return _text(info, identifier)
        case inspect.BoolType():
            return _boolean
        case inspect.IntType():
            return _number(info, int)
        case inspect.FloatType():
            return _number(info, float)
        case inspect.DateTimeType():
            return _instant
        case inspect.EnumType():
            return _word(info.cls)
        case inspect.StructType():
            return StructConverter(info.cls)
        case inspect.ListType():
            return _sequence(_converter(info.item_type), info.max_length)
        case inspect.DictType():
            return _mapping(_converter(info.key_type), _converter(info.value_type), info.max_length)
        case inspect.UnionType():
            members = [t for t in info.types if not isinstance(t, inspect.NoneType)]
            return _converter(members[0]) if len(members) == 1 else _scalar(members)
    raise NotImplementedError(f"no lenient conversion for {info!r}")


def _text(info: inspect.StrType, identifier: bool) -> Convert:
    longest = info.max_length
    shortest = info.min_length or 0
    pattern = re.compile(info.pattern) if info.pattern else None

    def text(value: Any, path: str, findings: Findings) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            value = _decimal(value)
        elif isinstance(value, float) and pattern is not None:
            value = repr(value)  # an amount sent as a number; the pattern refuses what is not one
        if not isinstance(value, str):
            return findings.drop(path, Fault.WRONG_TYPE)
        if longest is not None and len(value) > longest:
            if identifier:
                return findings.drop(path, Fault.TOO_LONG)
            value = value[:longest]
            findings.problems.append(Problem(path, Fault.CUT))
        if len(value) < shortest or (pattern is not None and not pattern.search(value)):
            return findings.drop(path, Fault.OUT_OF_RANGE)
        return value

    return text


def _decimal(value: int) -> Any:
    # Python refuses to write very long integers (CVE-2020-10735); such a number is no id either.
    return str(value) if value.bit_length() < 1_024 else None


def _boolean(value: Any, path: str, findings: Findings) -> Any:
    return value if isinstance(value, bool) else findings.drop(path, Fault.WRONG_TYPE)


def _number(info: inspect.IntType | inspect.FloatType, kind: type[int] | type[float]) -> Convert:
    low, high = info.ge, info.le

    def number(value: Any, path: str, findings: Findings) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return findings.drop(path, Fault.WRONG_TYPE)
        try:
            converted = kind(value)
        except OverflowError:
            return findings.drop(path, Fault.OUT_OF_RANGE)
        if converted != value:
            return findings.drop(path, Fault.WRONG_TYPE)
        if (low is not None and converted < low) or (high is not None and converted > high):
            return findings.drop(path, Fault.OUT_OF_RANGE)
        return converted

    return number


def _instant(value: Any, path: str, findings: Findings) -> Any:
    if isinstance(value, str):
        try:
            return msgspec.convert(value, Instant)
        except msgspec.ValidationError:
            return findings.drop(path, Fault.OUT_OF_RANGE)
    return findings.drop(path, Fault.WRONG_TYPE)


def _word(cls: type[Enum]) -> Convert:
    known = {str(member.value): member for member in cls}
    fallback: Any = _FALLBACK_WORDS.get(cls) or known.get("other", DROPPED)

    def word(value: Any, path: str, findings: Findings) -> Any:
        if not isinstance(value, str):
            return findings.drop(path, Fault.WRONG_TYPE)
        member = known.get(value)
        if member is not None:
            return member
        findings.problems.append(Problem(path, Fault.UNKNOWN_WORD))
        findings.words.setdefault(path[: limits.ATTRIBUTE_KEY], value[: limits.ATTRIBUTE_VALUE])
        return fallback

    return word


def _sequence(item: Convert, longest: int | None) -> Convert:
    def sequence(value: Any, path: str, findings: Findings) -> Any:
        if not isinstance(value, list):
            return findings.drop(path, Fault.WRONG_TYPE)
        if longest is not None and len(value) > longest:
            value = value[:longest]
            findings.problems.append(Problem(path, Fault.SHORTENED))
        return _kept(item(entry, f"{path}[]", findings) for entry in value)

    return sequence


def _kept(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not DROPPED]


def _mapping(key: Convert, item: Convert, longest: int | None) -> Convert:
    def mapping(value: Any, path: str, findings: Findings) -> Any:
        if not isinstance(value, dict):
            return findings.drop(path, Fault.WRONG_TYPE)
        entries = [(k, v) for k, v in value.items() if v is not None]
        if longest is not None and len(entries) > longest:
            entries = entries[:longest]
            findings.problems.append(Problem(path, Fault.SHORTENED))
        converted = {}
        for k, v in entries:
            name, content = key(k, f"{path}{{}}", findings), item(v, f"{path}{{}}", findings)
            if name is not DROPPED and content is not DROPPED:
                converted[name] = content
        return converted

    return mapping


def _scalar(members: list[inspect.Type]) -> Convert:
    """Build the converter of a union of plain values: text, boolean, number."""
    by_type: dict[type, Convert] = {}
    for member in members:
        match member:
            case inspect.StrType():
                by_type[str] = _converter(member)
            case inspect.BoolType():
                by_type[bool] = _converter(member)
            case inspect.IntType():
                by_type[int] = _converter(member)
            case inspect.FloatType():
                by_type[float] = _converter(member)
            case _:
                raise NotImplementedError(f"no lenient conversion for {member!r} in a union")

    def scalar(value: Any, path: str, findings: Findings) -> Any:
        convert = by_type.get(type(value))
        if convert is None:
            return findings.drop(path, Fault.WRONG_TYPE)
        return convert(value, path, findings)

    return scalar
