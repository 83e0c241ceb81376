"""Dated cases of calendars: when a limit falls due, and how much of an interval counted.

One document: `calendars` (a zone, hours per weekday, days off), `deadlines` and `elapsed`. `breaks`
are stretches in which nothing counts, such as pauses. JSON is YAML, so both can be written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

import msgspec

from agents.complaints.sla.calendar_file import DAY_NAMES, parse_date, parse_range
from agents.complaints.sla.calendars import SECOND, WorkingCalendar, from_us, make_calendar, to_us
from agents.complaints.sla.journey_file import format_instant, parse_instant
from agents.complaints.sla.plan import find_zone
from agents.complaints.sla.yaml_reader import (
    Field,
    MappingNode,
    Node,
    Reader,
    entry,
    suggest,
)
from schemas.policy import Calendar, DateSpan, TimeRange

MINUTE = 60 * SECOND
SECTIONS = ("calendars", "deadlines", "elapsed")
DEADLINE_KEYS = ("calendar", "start", "minutes", "breaks", "deadline", "note", "tolerance_s")
ELAPSED_KEYS = ("calendar", "start", "end", "breaks", "elapsed_minutes_floor", "note")
UTC = ZoneInfo("UTC")

Break = tuple[int, int]


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one case: `expected` and `found` are equal as far as the case asks."""

    line: int
    says: str
    expected: str
    found: str
    passed: bool


def is_calendar_document(node: Node) -> bool:
    """Whether a document is of this form, and not a journey or a policy."""
    if not isinstance(node, MappingNode):
        return False
    keys = {str(key.value) for key, _ in node.value}
    return "calendars" in keys and not keys.isdisjoint(SECTIONS[1:])


def run_calendar_document(reader: Reader, root: Node) -> list[CaseResult]:
    """Run the cases of a document; what cannot be read is left with the reader."""
    fields = reader.mapping(root, "the cases", SECTIONS, required=("calendars",))
    calendars: dict[str, WorkingCalendar | None] = {}
    if "calendars" in fields:
        named = reader.mapping(fields["calendars"][1], "calendars", None)
        calendars = {name: _calendar(reader, node, name) for name, (_, node) in named.items()}
    results: list[CaseResult | None] = []
    for section, run in (("deadlines", _deadline), ("elapsed", _elapsed)):
        node = entry(fields, section)
        if node is not None:
            results += [run(reader, item, calendars) for item in reader.sequence(node, section)]
    return [result for result in results if result is not None]


def due_with_breaks(
    calendar: WorkingCalendar, start: int, amount: int, breaks: Iterable[Break]
) -> int | None:
    """The instant at which `amount` has counted outside of `breaks`; all in microseconds."""
    for begins, ends in _united(breaks):
        if ends <= start:
            continue
        here = calendar.between(start, max(begins, start))
        if here >= amount:
            break
        amount, start = amount - here, ends
    return calendar.add(start, amount)


def counted_without_breaks(
    calendar: WorkingCalendar, start: int, end: int, breaks: Iterable[Break]
) -> int:
    """Counted microseconds from `start` to `end` outside of `breaks`."""
    inside = [(max(begins, start), min(ends, end)) for begins, ends in _united(breaks)]
    paused = sum(calendar.between(begins, ends) for begins, ends in inside if begins < ends)
    return calendar.between(start, end) - paused


def _united(breaks: Iterable[Break]) -> list[Break]:
    """Sorted and without overlaps, so that no second is taken off twice."""
    united: list[Break] = []
    for begins, ends in sorted(breaks):
        if united and begins <= united[-1][1]:
            united[-1] = (united[-1][0], max(ends, united[-1][1]))
        else:
            united.append((begins, ends))
    return united


def _calendar(reader: Reader, node: Node, name: str) -> WorkingCalendar | None:
    before = len(reader.problems)
    fields = reader.mapping(node, f"calendar {name!r}", ("tz", "hours", "holidays"), ("hours",))
    zone_node, off_node = entry(fields, "tz"), entry(fields, "holidays")
    zone = UTC if zone_node is None else reader.parsed(zone_node, "tz", _zone)
    hours = reader.mapping(fields["hours"][1], "hours", DAY_NAMES) if "hours" in fields else {}
    weekly = tuple(_ranges(reader, entry(hours, day), day) for day in DAY_NAMES)
    off = [] if off_node is None else reader.sequence(off_node, "holidays")
    days = [reader.parsed(item, "holidays", parse_date) for item in off]
    if zone is None or len(reader.problems) > before:
        return None
    closed = tuple(DateSpan(day, day) for day in days if day is not None)
    return make_calendar(Calendar(name=name, weekly=weekly, closed=closed), zone)


def _ranges(reader: Reader, node: Node | None, day: str) -> tuple[TimeRange, ...]:
    ranges = []
    for item in [] if node is None else reader.sequence(node, day):
        ends = reader.texts(item, day)
        text = "-".join(ends) if len(ends) == 2 else str(ends)
        try:
            ranges.append(parse_range(text))
        except ValueError:
            reader.problem(item, f"{day} has no hours in {text}", 'write ["09:00", "17:00"]')
    return tuple(sorted(ranges, key=lambda hours: hours.opens))


def _deadline(
    reader: Reader, node: Node, calendars: Mapping[str, WorkingCalendar | None]
) -> CaseResult | None:
    before = len(reader.problems)
    required = ("calendar", "start", "minutes", "deadline")
    fields = reader.mapping(node, "a deadline", DEADLINE_KEYS, required)
    calendar, start, breaks, says = _common(reader, fields, calendars)
    minutes = _number(reader, fields, "minutes")
    expected = _instant(reader, fields, "deadline")
    tolerance = _number(reader, fields, "tolerance_s") or 0.0
    if len(reader.problems) > before or calendar is None or expected is None or start is None:
        return None
    found = due_with_breaks(calendar, start, round((minutes or 0.0) * MINUTE), breaks)
    near = found is not None and abs(found - expected) <= tolerance * SECOND
    return CaseResult(
        line=node.start_mark.line + 1,
        says=f"{says}: {minutes:g} minutes from {_show(start, calendar)}",
        expected=f"due {_show(expected, calendar)}",
        found="never due" if found is None else f"due {_show(found, calendar)}",
        passed=near,
    )


def _elapsed(
    reader: Reader, node: Node, calendars: Mapping[str, WorkingCalendar | None]
) -> CaseResult | None:
    before = len(reader.problems)
    required = ("calendar", "start", "end", "elapsed_minutes_floor")
    fields = reader.mapping(node, "an interval", ELAPSED_KEYS, required)
    calendar, start, breaks, says = _common(reader, fields, calendars)
    end = _instant(reader, fields, "end")
    expected = _number(reader, fields, "elapsed_minutes_floor")
    if len(reader.problems) > before or calendar is None or start is None or end is None:
        return None
    if end < start:
        reader.problem(fields["end"][1], "the end is before the start", "swap them")
        return None
    found = counted_without_breaks(calendar, start, end, breaks) // MINUTE
    return CaseResult(
        line=node.start_mark.line + 1,
        says=f"{says}: {_show(start, calendar)} to {_show(end, calendar)}",
        expected=f"{expected:g} whole minutes",
        found=f"{found} whole minutes",
        passed=found == expected,
    )


def _common(
    reader: Reader, fields: Mapping[str, Field], calendars: Mapping[str, WorkingCalendar | None]
) -> tuple[WorkingCalendar | None, int | None, list[Break], str]:
    name_node, note_node = entry(fields, "calendar"), entry(fields, "note")
    name = None if name_node is None else reader.text(name_node, "calendar")
    if name is not None and name_node is not None and name not in calendars:
        reader.problem(name_node, f"no calendar is named {name!r}", suggest(name, calendars))
    note = str(note_node.value) if note_node is not None else ""
    breaks: list[Break] = []
    breaks_node = entry(fields, "breaks")
    for item in [] if breaks_node is None else reader.sequence(breaks_node, "breaks"):
        ends = [_at(reader, end, "breaks") for end in reader.sequence(item, "a break")]
        if len(ends) != 2 or None in ends:
            reader.problem(item, "a break has a beginning and an end", "write [from, to]")
        elif ends[0] is not None and ends[1] is not None and ends[0] <= ends[1]:
            breaks.append((ends[0], ends[1]))
        else:
            reader.problem(item, "a break ends before it begins", "swap its two ends")
    start = _instant(reader, fields, "start")
    return calendars.get(name or ""), start, breaks, f"{name} ({note})" if note else name or ""


def _instant(reader: Reader, fields: Mapping[str, Field], key: str) -> int | None:
    node = entry(fields, key)
    return None if node is None else _at(reader, node, key)


def _at(reader: Reader, node: Node, key: str) -> int | None:
    at = reader.parsed(node, key, lambda text: parse_instant(text, UTC))
    return None if at is None else to_us(at)


def _number(reader: Reader, fields: Mapping[str, Field], key: str) -> float | None:
    node = entry(fields, key)
    return None if node is None else reader.parsed(node, key, _minutes)


def _minutes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1e8:
        raise ValueError(f"{text!r} is no number of minutes: write it like 90")
    return number


def _zone(text: str) -> ZoneInfo:
    zone = find_zone(text)
    if zone is None:
        raise ValueError(f"no time zone is named {text!r}: write an IANA name like Asia/Shanghai")
    return zone


def _show(us: int, calendar: WorkingCalendar) -> str:
    at: dt.datetime = from_us(us)
    return f"{format_instant(at, calendar.zone)} {calendar.zone.key}"
