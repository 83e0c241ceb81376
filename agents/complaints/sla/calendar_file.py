"""The `calendars` section of a policy file: hours, holidays, closures and own days."""

from __future__ import annotations

import datetime as dt
import re

from agents.complaints.sla.calendars import WHOLE_DAY
from agents.complaints.sla.holiday_days import supported_countries
from agents.complaints.sla.ical import closed_spans
from agents.complaints.sla.plan import find_zone
from agents.complaints.sla.yaml_reader import Node, Reader, ScalarNode, SequenceNode, entry, suggest
from schemas.policy import (
    BUILT_IN_CALENDAR,
    CUSTOMER_TIMEZONE,
    Calendar,
    DateSpan,
    HolidaySource,
    TimeRange,
)

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_SECONDS = 86_400
HOURS_EXAMPLE = 'write it like "09:00-17:00"'

_RANGE = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]?\d|2[0-3]):([0-5]\d)|(24):(00))")

Week = tuple[tuple[TimeRange, ...], ...]


def read_calendars(reader: Reader, node: Node | None) -> dict[str, Calendar]:
    """All calendars by name; the built-in `24x7` is among them unless the file redefines it."""
    calendars = {BUILT_IN_CALENDAR: Calendar(name=BUILT_IN_CALENDAR, weekly=(WHOLE_DAY,) * 7)}
    if node is not None:
        for name, (_, value) in reader.mapping(node, "calendars", None).items():
            calendars[name] = _calendar(reader, value, name)
    return calendars


def read_zone(reader: Reader, node: Node, *, customer: bool) -> str | None:
    """An IANA zone, or `customer` where that is allowed."""
    name = reader.text(node, "timezone")
    if name is None or (customer and name == CUSTOMER_TIMEZONE) or find_zone(name) is not None:
        return name
    also = f", or `{CUSTOMER_TIMEZONE}`" if customer else ""
    reader.problem(
        node, f"no time zone is named {name!r}", f"write an IANA name like Asia/Shanghai{also}"
    )
    return None


def _calendar(reader: Reader, node: Node, name: str) -> Calendar:
    what = f"calendar {name!r}"
    if isinstance(node, ScalarNode):
        if reader.text(node, what) not in (BUILT_IN_CALENDAR, None):
            reader.problem(node, f"{what} is neither hours nor 24x7", "write `hours:` or 24x7")
        return Calendar(name=name, weekly=(WHOLE_DAY,) * 7)
    fields = reader.mapping(
        node,
        what,
        ("timezone", "hours", "holidays", "closed", "feeds", "open"),
        required=("hours",),
    )
    zone_node, hours_node = entry(fields, "timezone"), entry(fields, "hours")
    weekly: Week = ((),) * 7
    if hours_node is not None:
        weekly = _week(reader, hours_node)
        if not any(weekly) and not reader.problems:
            reader.problem(hours_node, f"{what} never opens", "give at least one day its hours")
    return Calendar(
        name=name,
        timezone=read_zone(reader, zone_node, customer=True) if zone_node is not None else None,
        weekly=weekly,
        holidays=_holidays(reader, entry(fields, "holidays")),
        closed=_closed(reader, entry(fields, "closed")) + _feeds(reader, entry(fields, "feeds")),
        opened=_opened(reader, entry(fields, "open")),
    )


def _week(reader: Reader, node: Node) -> Week:
    days: list[tuple[TimeRange, ...] | None] = [None] * 7
    for key, (key_node, value) in reader.mapping(node, "hours", None).items():
        hours = _ranges(reader, value, f"hours of {key}")
        for day in _days(reader, key_node, key):
            if days[day] is not None:
                name = DAY_NAMES[day]
                reader.problem(key_node, f"{name} has hours already", "give each day once")
            days[day] = hours
    return tuple(hours or () for hours in days)


def _days(reader: Reader, node: Node, key: str) -> list[int]:
    """`mon`, `mon-fri`, `sat,sun` or `fri-mon` as numbers, Monday 0."""
    days: list[int] = []
    for part in key.split(","):
        first, dash, last = part.strip().lower().partition("-")
        ends = (first, last if dash else first)
        unknown = [name for name in ends if name not in DAY_NAMES]
        if unknown:
            fix = "write mon, tue, wed, thu, fri, sat, sun, or a span like mon-fri"
            reader.problem(node, f"no day is named {unknown[0]!r}", fix)
            continue
        start, end = (DAY_NAMES.index(name) for name in ends)
        days.extend((start + step) % 7 for step in range((end - start) % 7 + 1))
    return days


def _ranges(reader: Reader, node: Node, what: str) -> tuple[TimeRange, ...]:
    items = [node] if isinstance(node, ScalarNode) else reader.sequence(node, what)
    ranges: list[TimeRange] = []
    for item in items:
        found = reader.parsed(item, what, parse_range)
        if found is None:
            continue
        if any(found.opens < other.closes and other.opens < found.closes for other in ranges):
            reader.problem(item, f"{what} overlap", "make one range of them, or move one")
        ranges.append(found)
    return tuple(sorted(ranges, key=lambda hours: hours.opens))


def parse_range(text: str) -> TimeRange:
    """`09:00-17:00`; an end at or before the start lies on the next day. Raises ValueError."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a range of hours: {HOURS_EXAMPLE}")
    opens = int(match[1]) * 3_600 + int(match[2]) * 60
    closes = DAY_SECONDS if match[5] else int(match[3]) * 3_600 + int(match[4]) * 60
    if closes == opens:
        raise ValueError(f"{text!r} begins where it ends: for a whole day write 00:00-24:00")
    return TimeRange(opens, closes if closes > opens else closes + DAY_SECONDS)


def _holidays(reader: Reader, node: Node | None) -> HolidaySource | None:
    if node is None:
        return None
    country_node, region_node = node, None
    if not isinstance(node, ScalarNode):
        fields = reader.mapping(node, "holidays", ("country", "region"), required=("country",))
        if "country" not in fields:
            return None
        country_node, region_node = fields["country"][1], entry(fields, "region")
    country = reader.text(country_node, "country")
    if country is None:
        return None
    regions = supported_countries().get(country)
    if regions is None:
        fix = "write the ISO code of a country, such as CN or DE"
        reader.problem(country_node, f"no holidays are known for {country!r}", fix)
        return None
    region = None if region_node is None else reader.text(region_node, "region")
    if region is not None and region_node is not None and region not in regions:
        fix = suggest(region, regions) if regions else "leave `region` out"
        reader.problem(region_node, f"{country} has no region {region!r}", fix)
        return None
    return HolidaySource(country, region)


def _date(reader: Reader, node: Node, what: str) -> dt.date | None:
    return reader.parsed(node, what, parse_date)


def parse_date(text: str) -> dt.date:
    """`2026-12-24`. Raises ValueError."""
    try:
        if len(text) == 10:
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{text!r} is not a date: write it like 2026-12-24")


def _closed(reader: Reader, node: Node | None) -> tuple[DateSpan, ...]:
    spans: list[DateSpan] = []
    if node is None:
        return ()
    items = reader.sequence(node, "closed") if isinstance(node, SequenceNode) else [node]
    for item in items:
        if isinstance(item, ScalarNode):
            day = _date(reader, item, "closed")
            if day is not None:
                spans.append(DateSpan(day, day))
            continue
        fields = reader.mapping(item, "closed", ("from", "to"), required=("from", "to"))
        if len(fields) < 2:
            continue
        first = _date(reader, fields["from"][1], "from")
        last = _date(reader, fields["to"][1], "to")
        if first is not None and last is not None:
            if last < first:
                reader.problem(item, "closed ends before it begins", "swap from and to")
            spans.append(DateSpan(first, last))
    return tuple(spans)


def _feeds(reader: Reader, node: Node | None) -> tuple[DateSpan, ...]:
    """The whole-day events of iCalendar files beside the policy file are closed days."""
    spans: list[DateSpan] = []
    if node is None:
        return ()
    for item in [node] if isinstance(node, ScalarNode) else reader.sequence(node, "feeds"):
        name = reader.text(item, "feeds")
        if name is None:
            continue
        if reader.read_feed is None:
            reader.problem(item, "feeds cannot be read here", "list the days under `closed`")
            continue
        try:
            text = reader.read_feed(name)
            spans += closed_spans(text)
            reader.feeds.append(text)
        except OSError as error:
            reader.problem(item, f"{name}: {error.strerror}", "a path beside the policy file")
        except ValueError as error:
            message, _, fix = str(error).rpartition(": ")
            reader.problem(item, f"{name}: {message}", fix)
    return tuple(spans)


def _opened(reader: Reader, node: Node | None) -> tuple[tuple[dt.date, tuple[TimeRange, ...]], ...]:
    days: list[tuple[dt.date, tuple[TimeRange, ...]]] = []
    if node is None:
        return ()
    for key, (key_node, value) in reader.mapping(node, "open", None).items():
        day = _date(reader, key_node, "open")
        hours = _ranges(reader, value, f"hours of {key}")
        if not hours and isinstance(value, SequenceNode):
            reader.problem(value, f"{key} has no hours", "list it under `closed` instead")
        if day is not None and hours:
            days.append((day, hours))
    return tuple(sorted(days))
