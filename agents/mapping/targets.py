"""What mappings may write: the fields of the contract's records, their types, and how values are
brought to them.

Ids are always text in the contract, because real systems send ids as numbers one day and as text
the next. So a number in a text field becomes text, numeric text in a number field a number, and a
zoned ISO text an instant. Anything else is a failed operator.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import inspect

from agents.mapping import times
from agents.mapping.document import spelling
from agents.mapping.errors import OperatorFailed
from schemas.chat import ChatRecord
from schemas.command import Command
from schemas.common import Decimal4
from schemas.email import EmailRecord
from schemas.phone import PhoneRecord
from schemas.web import WebRecord

COMMANDS = "commands"

TARGETS: dict[str, type[msgspec.Struct]] = {
    "phone": PhoneRecord,
    "email": EmailRecord,
    "chat": ChatRecord,
    "web": WebRecord,
    COMMANDS: Command,
}
"""What `channel:` may name. `commands` goes to `commands.v1`: exports tell what staff did, too."""

REQUIRED = frozenset({"id", "kind", "source", "occurred_at", "action"})
"""Fields no record can do without: if they are empty, the record is an error, not a record with a
hole."""


class Target(NamedTuple):
    """The type of one place in a record. `fields` are those of an object, None where any name is
    allowed."""

    kind: str
    fields: dict[str, "Target"] | None = None
    item: "Target | None" = None
    words: tuple[str, ...] = ()
    type: Any = None


ANY = Target("any")


@cache
def target_of(channel: str) -> Target:
    """Describe the record of a channel. Raises KeyError for an unknown channel."""
    return _describe(inspect.type_info(TARGETS[channel]))


def coercion(target: Target) -> Callable[[Any], Any] | None:
    """Give what brings a value to the type of its place, or None where any value may stand."""
    return _COERCIONS.get(target.kind)


def to_text(value: Any) -> str:
    """Write a scalar as text, in JSON spelling; times as RFC 3339. Raises OperatorFailed for lists
    and objects."""
    if value.__class__ is str:
        return value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (dict, list)):
        raise OperatorFailed("text is expected, not a list or an object; name one of its fields")
    return spelling(value)


def to_float(value: Any) -> float:
    """Read a number. Raises OperatorFailed."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    try:
        number = float(value) if isinstance(value, str) else float("nan")
    except ValueError:
        number = float("nan")
    if number != number or number in (float("inf"), float("-inf")):
        raise OperatorFailed(f"{value!r:.60} is no number")
    return number


def to_amount(value: Any) -> str:
    """Write an amount as decimal text with at most 4 places. Raises OperatorFailed."""
    try:
        amount = Decimal(value.strip() if isinstance(value, str) else repr(to_float(value)))
        if not amount.is_finite():
            raise InvalidOperation
        rounded = amount.quantize(_SMALLEST_AMOUNT).normalize()
    except (InvalidOperation, OverflowError):
        raise OperatorFailed(f"{value!r:.60} is no amount such as 12.50") from None
    if isinstance(value, str) and rounded == amount and _PLAIN_AMOUNT.fullmatch(value):
        return value
    return format(rounded + 0, "f")


_SMALLEST_AMOUNT = Decimal("0.0001")
_PLAIN_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]{1,4})?")


def to_int(value: Any) -> int:
    """Read a whole number. Raises OperatorFailed."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    number = to_float(value)
    if number != int(number):
        raise OperatorFailed(f"{value!r:.60} is no whole number")
    return int(number)


_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def to_bool(value: Any) -> bool:
    """Read true or false, also as `yes`, `no`, `1`, `0` in any case. Raises OperatorFailed."""
    word = spelling(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise OperatorFailed(f"{value!r:.60} is neither true nor false")


def _time(value: Any) -> datetime:
    return value if value.__class__ is datetime else _read_zoned(value)


_read_zoned = times.reader("iso", None)


def _number(value: Any) -> float | int:
    return value if value.__class__ in (int, float) else to_float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise OperatorFailed(f"a list is expected here, not {value!r:.60}; use `list:` or `split:`")
    return value


def _texts(value: Any) -> list[str]:
    return [to_text(item) for item in _list(value) if item is not None and item != ""]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OperatorFailed(f"an object is expected here, not {value!r:.60}")
    return value


_COERCIONS: dict[str, Callable[[Any], Any]] = {
    "amount": to_amount,
    "text": to_text,
    "number": _number,
    "int": to_int,
    "bool": to_bool,
    "time": _time,
    "list": _list,
    "texts": _texts,
    "object": _object,
    "map": _object,
}

_AMOUNT_PATTERN = get_args(Decimal4)[1].pattern

_SCALARS: dict[type, str] = {
    inspect.StrType: "text",
    inspect.FloatType: "number",
    inspect.IntType: "int",
    inspect.BoolType: "bool",
    inspect.DateTimeType: "time",
}


def _describe(found: inspect.Type) -> Target:
    if isinstance(found, inspect.Metadata):
        return _describe(found.type)
    if isinstance(found, inspect.UnionType):
        parts = [part for part in found.types if not isinstance(part, inspect.NoneType)]
        return _describe(parts[0]) if len(parts) == 1 else ANY
    if isinstance(found, inspect.StructType):
        fields = {field.encode_name: _describe(field.type) for field in found.fields}
        return Target("object", fields=fields)
    if isinstance(found, inspect.ListType):
        item = _describe(found.item_type)
        return Target("texts" if item.kind == "text" else "list", item=item)
    if isinstance(found, inspect.DictType):
        return Target("map", item=_describe(found.value_type))
    if isinstance(found, inspect.StrType) and found.pattern == _AMOUNT_PATTERN:
        return Target("amount")
    if isinstance(found, inspect.EnumType):
        return Target("text", words=tuple(member.value for member in found.cls))
    return Target(_SCALARS.get(type(found), "any"))
