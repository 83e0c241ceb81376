"""Closed days out of an iCalendar feed (RFC 5545): whole-day events, once or every year.

Holiday feeds hold nothing else, so this reads nothing else, and refuses what it would have to
guess: a library would read it all, and still leave the recurrences and the guessing to us.
"""

from __future__ import annotations

import datetime as dt
import re

from schemas.policy import DateSpan

MAX_EVENTS = 10_000
LAST_YEAR = 2050
"""How far yearly events are written out."""

_FOLD = re.compile(r"\r?\n[ \t]")
_DAY = re.compile(r"\d{8}")
_LENGTH = re.compile(r"P(\d{1,3})([DW])")
_HARMLESS = frozenset({"FREQ", "INTERVAL", "UNTIL", "COUNT", "WKST"})

Event = dict[str, list[str]]


def closed_spans(text: str) -> tuple[DateSpan, ...]:
    """The days of a feed, both ends included. Raises ValueError, `what: what to do`."""
    if "BEGIN:VCALENDAR" not in text:
        raise ValueError("the feed is no iCalendar: export it as .ics")
    spans: list[DateSpan] = []
    event: Event | None = None
    for line in _FOLD.sub("", text).splitlines():
        name, _, value = line.partition(":")
        name, value = name.split(";", 1)[0].upper(), value.strip()
        if (name, value) == ("BEGIN", "VEVENT"):
            event = {}
        elif (name, value) == ("END", "VEVENT") and event is not None:
            spans += _days_of(event)
            event = None
        elif event is not None:
            event.setdefault(name, []).append(value)
        if len(spans) > MAX_EVENTS:
            raise ValueError(f"the feed has more than {MAX_EVENTS:,} days: split it")
    return tuple(sorted(set(spans), key=lambda span: (span.first, span.last)))


def _days_of(event: Event) -> list[DateSpan]:
    title = (event.get("SUMMARY") or ["an event without a name"])[0]
    if event.get("STATUS") == ["CANCELLED"]:
        return []
    first = _day(event.get("DTSTART", [""])[0], title)
    days = _length(event, first, title)
    left_out = {_day(day, title) for line in event.get("EXDATE", []) for day in line.split(",")}
    starts = [first]
    if "RRULE" in event:
        starts = _every_year(first, event["RRULE"][0], title)
    return [
        DateSpan(start, start + dt.timedelta(days=days - 1))
        for start in starts
        if start not in left_out
    ]


def _day(text: str, title: str) -> dt.date:
    if not _DAY.fullmatch(text):
        raise ValueError(
            f"{title!r} is no whole-day event: leave events with hours out of the feed"
        )
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise ValueError(f"{title!r} has no date in {text}: correct the feed") from None


def _length(event: Event, first: dt.date, title: str) -> int:
    if "DTEND" in event:
        # The end of a whole-day event is the day after its last one.
        days = (_day(event["DTEND"][0], title) - first).days
    else:
        match = _LENGTH.fullmatch((event.get("DURATION") or ["P1D"])[0])
        if match is None:
            raise ValueError(f"{title!r} lasts no whole days: leave it out of the feed")
        days = int(match[1]) * (7 if match[2] == "W" else 1)
    if days < 0:
        raise ValueError(f"{title!r} ends before it begins: correct the feed")
    return max(days, 1)


def _every_year(first: dt.date, rule: str, title: str) -> list[dt.date]:
    parts = dict(part.partition("=")[::2] for part in rule.upper().split(";"))
    same = {"BYMONTH": str(first.month), "BYMONTHDAY": str(first.day)}
    odd = {key for key, value in parts.items() if key not in _HARMLESS and same.get(key) != value}
    if parts.get("FREQ") != "YEARLY" or parts.get("INTERVAL", "1") != "1" or odd:
        raise ValueError(f"{title!r} recurs by {rule}: only every year is read; list its days")
    until = _day(parts["UNTIL"][:8], title) if "UNTIL" in parts else dt.date.max
    found: list[dt.date] = []
    for year in range(first.year, LAST_YEAR + 1):
        try:
            day = first.replace(year=year)
        except ValueError:
            continue  # 29 February
        if day > until or ("COUNT" in parts and len(found) == _count(parts["COUNT"], title)):
            break
        found.append(day)
    return found


def _count(text: str, title: str) -> int:
    if not text.isdigit() or len(text) > 6:
        raise ValueError(f"{title!r} recurs {text} times: correct the feed")
    return int(text)
