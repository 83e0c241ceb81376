"""Reading times and durations as other systems write them, into aware UTC instants and seconds.

Nothing is guessed: the mapping says whether a number is seconds, milliseconds or microseconds, and
which zone a text without one was written in.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import inf, isfinite
from typing import Any

from agents.mapping.errors import OperatorFailed

Read = Callable[[Any], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MICROSECONDS_PER_UNIT = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
FORMATS = ("iso", *MICROSECONDS_PER_UNIT, "rfc2822", "snowflake")
"""The named formats; any text with a `%` is a strptime format. `snowflake` is the time inside an id
of X (Twitter), whose exports often carry nothing else."""

CACHED_TIMES = 1_024
"""Texts remembered per strptime format: rows of an export repeat times, and strptime is slow."""

_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657

SECONDS_PER_UNIT = {"s": 1.0, "ms": 0.001, "min": 60.0}
UNITS = (*SECONDS_PER_UNIT, "hms")
"""Units of durations; `hms` is clock text such as `01:26:55.5` or `26:55`."""


def reader(form: str, zone: tzinfo | None) -> Read:
    """Make the reader of one time format. `zone` is where texts without a zone were written.

    The reader raises OperatorFailed when it cannot read the value, and when a text has no zone and
    none was given.
    """
    if form in MICROSECONDS_PER_UNIT:
        return _epoch(MICROSECONDS_PER_UNIT[form])
    if form == "snowflake":
        return _snowflake
    return _text(_parser(form), zone, _WORDS.get(form, f"a time like {form}"))


def has_no_zone(form: str) -> Callable[[Any], bool]:
    """Make the test whether a value, readable in this format, says nothing about its zone."""
    if form in MICROSECONDS_PER_UNIT or form == "snowflake":
        return lambda value: False
    parse = _parser(form)

    def zoneless(value: Any) -> bool:
        try:
            return isinstance(value, str) and parse(value.strip()).tzinfo is None
        except (ValueError, TypeError, OverflowError):
            return False

    return zoneless


def epoch_us(instant: datetime) -> int:
    """Give an instant in whole microseconds since 1970."""
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def seconds(value: Any, unit: str) -> float:
    """Read a duration in the given unit as seconds. Raises OperatorFailed."""
    if unit == "hms":
        return _clock_seconds(value)
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
        if not isfinite(number):
            raise ValueError
        return number * SECONDS_PER_UNIT[unit]
    except (TypeError, ValueError, OverflowError):
        raise OperatorFailed(f"{value!r:.60} is no duration in {unit}") from None


def _clock_seconds(value: Any) -> float:
    try:
        parts = [float(part) for part in str(value).split(":")]
        if not 2 <= len(parts) <= 3 or not all(0 <= part < inf for part in parts):
            raise ValueError
    except ValueError:
        raise OperatorFailed(f"{value!r:.60} is no duration like 01:26:55") from None
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total


_WORDS = {"iso": "an ISO 8601 time", "rfc2822": "an RFC 2822 time"}


def _parser(form: str) -> Callable[[str], datetime]:
    if form == "iso":
        return datetime.fromisoformat
    if form == "rfc2822":
        return parsedate_to_datetime
    return lru_cache(CACHED_TIMES)(lambda text: datetime.strptime(text, form))  # noqa: DTZ007


def _snowflake(value: Any) -> datetime:
    try:
        milliseconds = (int(value) >> 22) + _SNOWFLAKE_EPOCH_MS
        return EPOCH + timedelta(milliseconds=milliseconds)
    except (TypeError, ValueError, OverflowError):
        raise OperatorFailed(f"{value!r:.60} is no snowflake id") from None


def _epoch(microseconds: int) -> Read:
    def read(value: Any) -> datetime:
        if value.__class__ is datetime:
            return value
        try:
            if isinstance(value, str):
                value = int(value) if value.strip().lstrip("-").isdigit() else float(value)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError
            return EPOCH + timedelta(microseconds=round(value * microseconds))
        except (ValueError, OverflowError):
            raise OperatorFailed(f"{value!r:.60} is no epoch number") from None

    return read


def _text(parse: Callable[[str], datetime], zone: tzinfo | None, what: str) -> Read:
    def read(value: Any) -> datetime:
        if value.__class__ is datetime:
            return value
        try:
            if not isinstance(value, str):
                raise ValueError
            found = parse(value.strip())
        except (ValueError, TypeError, OverflowError, IndexError):
            raise OperatorFailed(f"{value!r:.60} is not {what}") from None
        if found.tzinfo is None:
            if zone is None:
                raise OperatorFailed(f"{value!r:.60} has no zone; say where it was written: `zone`")
            found = found.replace(tzinfo=zone)
        try:
            return found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise OperatorFailed(f"{value!r:.60} is out of range") from None

    return read
