"""Reading times and durations as other systems write them, into aware UTC instants and seconds.

Nothing is guessed: the mapping says whether a number is seconds, milliseconds or microseconds, and
which zone a text without one was written in.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

from agents.mapping.errors import OperatorFailed

Read = Callable[[Any], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MICROSECONDS_PER_UNIT = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
FORMATS = ("iso", *MICROSECONDS_PER_UNIT, "rfc2822")
"""The named formats; any text with a `%` is a strptime format."""

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
    if form == "iso":
        return _text(datetime.fromisoformat, zone, "an ISO 8601 time")
    if form == "rfc2822":
        return _text(parsedate_to_datetime, zone, "an RFC 2822 time")
    return _text(lambda text: datetime.strptime(text, form), zone, f"a time like {form}")  # noqa: DTZ007


def has_no_zone(form: str) -> Callable[[Any], bool]:
    """Make the test whether a value, readable in this format, says nothing about its zone."""
    if form in MICROSECONDS_PER_UNIT:
        return lambda value: False
    parse: Callable[[str], datetime] = {
        "iso": datetime.fromisoformat,
        "rfc2822": parsedate_to_datetime,
    }.get(form, lambda text: datetime.strptime(text, form))  # noqa: DTZ007

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
        if isinstance(value, bool):
            raise ValueError
        return float(value) * SECONDS_PER_UNIT[unit]
    except (TypeError, ValueError, OverflowError):
        raise OperatorFailed(f"{value!r:.60} is no duration in {unit}") from None


def _clock_seconds(value: Any) -> float:
    try:
        parts = [float(part) for part in str(value).split(":")]
        if not 2 <= len(parts) <= 3 or min(parts) < 0:
            raise ValueError
    except ValueError:
        raise OperatorFailed(f"{value!r:.60} is no duration like 01:26:55") from None
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total


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
            found = parse(value)
        except (ValueError, TypeError, OverflowError, IndexError):
            try:
                found = parse(value.strip())
            except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
                raise OperatorFailed(f"{value!r:.60} is not {what}") from None
        if found.tzinfo is None:
            if zone is None:
                raise OperatorFailed(
                    f"{value!r:.60} has no zone; say where it was written: `zone:`"
                )
            found = found.replace(tzinfo=zone)
        try:
            return found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise OperatorFailed(f"{value!r:.60} is out of range") from None

    return read
