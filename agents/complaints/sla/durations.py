"""Durations as people write them: `5s`, `30m`, `1h30m`, `3d`, and `3wd` for working days."""

from __future__ import annotations

import re

from schemas.policy import Limit

MAX_SECONDS = 3_660 * 86_400
"""Ten years: a longer promise is a typing mistake."""
MAX_WORKING_DAYS = 1_000
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
EXAMPLES = "write it like 30m, 24h, 3d or 1h30m"

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_WORKING_DAYS = re.compile(r"(\d+)wd", re.ASCII)


def parse_duration(text: str) -> int:
    """Seconds of `1h30m`. `d` is 24 hours. Raises ValueError that says how to write it."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} is not a duration: {EXAMPLES}")
    # Python refuses to read numbers of thousands of digits; a duration needs no more than ten.
    if any(len(number) > 10 for number in match.groups("")):
        raise ValueError(f"{text!r} is longer than ten years")
    numbers = zip(match.groups("0"), UNITS.values(), strict=True)
    seconds = sum(int(number) * unit for number, unit in numbers)
    if seconds > MAX_SECONDS:
        raise ValueError(f"{text!r} is longer than ten years")
    return seconds


def parse_limit(text: str) -> Limit:
    """A duration or a number of working days, more than nothing. Raises ValueError."""
    working_days = _WORKING_DAYS.fullmatch(text)
    if working_days is not None:
        digits = working_days[1]
        if len(digits) > 4 or not 1 <= int(digits) <= MAX_WORKING_DAYS:
            raise ValueError(f"{text!r} is not between 1wd and {MAX_WORKING_DAYS}wd")
        return Limit(working_days=int(digits))
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{error}, or 3wd for working days") from None
    if seconds == 0:
        raise ValueError("a promise of no time at all is broken when it is made")
    return Limit(seconds=seconds)


def format_duration(seconds: float) -> str:
    """`9000` -> `2h30m`; a fraction of a second stays visible (`1.5s`). Hours are not folded."""
    sign = "-" if seconds < 0 else ""
    whole, fraction = divmod(round(abs(seconds) * 1_000_000), 1_000_000)
    hours, rest = divmod(whole, 3_600)
    minutes, rest = divmod(rest, 60)
    second = str(rest)
    if fraction:
        second += f".{fraction:06d}".rstrip("0")
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    if second != "0" or not any(parts):
        parts.append(f"{second}s")
    return sign + "".join(parts)


def format_limit(limit: Limit) -> str:
    """The inverse of `parse_limit`, in its shortest form."""
    if limit.working_days is not None:
        return f"{limit.working_days}wd"
    return format_duration(limit.seconds or 0)
