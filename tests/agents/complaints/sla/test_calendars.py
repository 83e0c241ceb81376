"""Counted time: dated cases, zones and their changes, holidays, own days."""

import datetime as dt
import json
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agents.complaints.sla.calendars import (
    SECOND,
    AlwaysOpen,
    WorkingCalendar,
    from_us,
    make_calendar,
    to_us,
)
from schemas.policy import Calendar, DateSpan, HolidaySource
from tests.agents.complaints.sla.support import (
    DAYS,
    SHANGHAI,
    at,
    calendar,
    counted,
    due,
    hours,
)

HOUR = 3_600


def _calendar_of(case: dict[str, object]) -> WorkingCalendar:
    by_day = case["hours"]
    assert isinstance(by_day, dict)
    weekly = tuple(hours(*("-".join(pair) for pair in by_day.get(day, []))) for day in DAYS)
    closed = case["holidays"]
    assert isinstance(closed, list)
    days = tuple(dt.date.fromisoformat(day) for day in closed)
    spec = Calendar(name="c", weekly=weekly, closed=tuple(DateSpan(day, day) for day in days))
    return make_calendar(spec, ZoneInfo(str(case["tz"])))


def _without_breaks(
    cal: WorkingCalendar, start: int, end: int, breaks: list[tuple[int, int]]
) -> int:
    """Counted time of an interval without its pauses."""
    paused = sum(
        cal.between(max(a, start), min(b, end)) for a, b in breaks if max(a, start) < min(b, end)
    )
    return cal.between(start, end) - paused


def _due_with_breaks(
    cal: WorkingCalendar, start: int, amount: int, breaks: list[tuple[int, int]]
) -> int:
    """Run from break to break, as a clock does."""
    for begins, ends in breaks:
        if begins < start:
            start = max(start, ends)
            continue
        here = cal.between(start, begins)
        if here >= amount:
            break
        amount, start = amount - here, ends
    found = cal.add(start, amount)
    assert found is not None
    return found


def test_every_dated_case_agrees(shared_data: Path) -> None:
    """Deadlines and elapsed times of other systems' own tests, to the second."""
    cases = json.loads((shared_data / "sla_cases.json").read_text())
    calendars = {name: _calendar_of(case) for name, case in cases["calendars"].items()}

    def instants(case: dict[str, list[list[str]]]) -> list[tuple[int, int]]:
        return [(to_us(at(a)), to_us(at(b))) for a, b in case["breaks"]]

    for case in cases["deadlines"]:
        found = _due_with_breaks(
            calendars[case["calendar"]],
            to_us(at(case["start"])),
            case["minutes"] * 60 * SECOND,
            instants(case),
        )
        difference = abs(found - to_us(at(case["deadline"]))) / SECOND
        assert difference <= case.get("tolerance_s", 0), (case, from_us(found))
    for case in cases["elapsed"]:
        spent = _without_breaks(
            calendars[case["calendar"]],
            to_us(at(case["start"])),
            to_us(at(case["end"])),
            instants(case),
        )
        assert spent // (60 * SECOND) == case["elapsed_minutes_floor"], case
    assert len(cases["deadlines"]) == 23
    assert len(cases["elapsed"]) == 7


@pytest.mark.parametrize(
    ("ranges", "start", "amount", "expected"),
    [
        ("09:00-17:00", "2026-03-06 16:30", 1, "2026-03-09 09:30"),
        ("08:00-18:00", "2026-03-02 17:00", 4, "2026-03-03 11:00"),
        ("08:00-18:00", "2026-03-02 17:00", 3, "2026-03-03 10:00"),
        ("09:00-17:00", "2026-03-06 16:00", 8, "2026-03-09 16:00"),
        ("09:00-17:00", "2026-03-06 16:00", 2, "2026-03-09 10:00"),
        ("08:00-18:00", "2026-03-06 17:00", 4, "2026-03-09 11:00"),
        ("08:00-16:00", "2026-03-04 20:30", 0.000001, "2026-03-05 08:00"),
        ("09:00-18:00", "2026-03-06 17:00", 24, "2026-03-11 14:00"),
    ],
    ids=[
        "1-chatwoot-13392", "2-glpi-22678-due", "2-glpi-22678-level", "3-helpdesk-ai-3935-day",
        "3-helpdesk-ai-3935-hours", "4-osticket-4807", "7-servicenow-outside", "8-against-naive",
    ],
)  # fmt: skip
def test_conformance_vectors_of_public_trackers(
    ranges: str, start: str, amount: float, expected: str
) -> None:
    """Vectors 1-4, 7 and 8 of the research: Friday afternoon, overnight, outside hours, 24 h."""
    found = due(calendar(ranges=(ranges,)), at(start), amount * HOUR)

    assert found is not None
    assert found.replace(microsecond=0) == at(expected)


def test_business_time_and_elapsed_time_are_two_numbers() -> None:
    """Vectors 5 and 6: 60 h 30 elapsed are 1 h 30 of business time, 19 h are 3 h."""
    early = calendar(ranges=("08:00-17:00",))
    assert counted(early, at("2014-12-12 21:00"), at("2014-12-15 09:30")) == 1.5 * HOUR
    assert at("2014-12-15 09:30") - at("2014-12-12 21:00") == dt.timedelta(hours=60, minutes=30)
    assert counted(calendar(), at("2014-12-10 14:00"), at("2014-12-11 09:00")) == 3 * HOUR


def test_a_limit_that_ends_at_closing_time_is_due_then() -> None:
    """The first instant at which the limit is reached, not the next opening."""
    assert due(calendar(), at("2026-03-02 09:00"), 8 * HOUR) == at("2026-03-02 17:00")
    assert due(calendar(), at("2026-03-02 17:00"), 8 * HOUR) == at("2026-03-03 17:00")


def test_several_ranges_a_day_leave_lunch_out() -> None:
    """Split shifts: two hours from eleven are due at two."""
    split = calendar(SHANGHAI, ranges=("09:00-12:00", "13:00-18:00"))
    assert due(split, at("2026-03-02 11:00", SHANGHAI), 2 * HOUR) == at(
        "2026-03-02 14:00", SHANGHAI
    )


def test_night_hours_belong_to_the_day_they_begin_on() -> None:
    """22:00-06:00 on Friday is open on Saturday morning; a closed Friday closes that too."""
    night = calendar(days="fri", ranges=("22:00-30:00",))
    assert counted(night, at("2026-03-06 20:00"), at("2026-03-08 00:00")) == 8 * HOUR
    assert due(night, at("2026-03-07 05:00"), 2 * HOUR) == at("2026-03-13 23:00")
    friday = dt.date(2026, 3, 6)
    shut = calendar(days="fri", ranges=("22:00-30:00",), closed=(DateSpan(friday, friday),))
    assert counted(shut, at("2026-03-06 20:00"), at("2026-03-08 00:00")) == 0


def test_midnight_to_midnight_is_a_whole_day() -> None:
    """00:00-24:00 leaves no gap between two days."""
    whole = calendar(days=" ".join(DAYS), ranges=("00:00-24:00",))
    assert isinstance(whole, AlwaysOpen)
    weekdays = calendar(ranges=("00:00-24:00",))
    assert counted(weekdays, at("2026-03-02 00:00"), at("2026-03-09 00:00")) == 120 * HOUR


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-28 22:00", "2026-03-29 06:00", 7),
        ("2026-10-24 22:00", "2026-10-25 06:00", 9),
    ],
)
def test_the_night_of_the_change_is_as_long_as_it_was(start: str, end: str, expected: int) -> None:
    """A night shift is seven hours when summer time begins and nine when it ends."""
    night = calendar(days=" ".join(DAYS), ranges=("22:00-30:00",))
    assert counted(night, at(start), at(end)) == expected * HOUR


def test_office_hours_keep_their_wall_time_across_the_change() -> None:
    """Rocket.Chat#4898: nine o'clock stays nine o'clock."""
    office = calendar(days=" ".join(DAYS))
    assert due(office, at("2026-03-28 16:00"), 2 * HOUR) == at("2026-03-29 10:00")
    assert due(office, at("2026-10-24 16:00"), 2 * HOUR) == at("2026-10-25 10:00")


def test_the_clock_on_the_wall_decides_within_the_hour_of_the_change() -> None:
    """Hours from 02:30 open when the wall shows 02:30: at 03:00 in spring, twice in autumn."""
    early = calendar(days="sun", ranges=("02:30-05:00",))
    assert due(early, at("2026-03-29 00:00"), 0.000001) == at("2026-03-29 03:00") + dt.timedelta(
        microseconds=1
    )
    assert counted(early, at("2026-10-25 00:00"), at("2026-10-25 12:00")) == 3 * HOUR


def test_a_zone_may_change_at_midnight_or_by_half_an_hour() -> None:
    """Santiago's 6 September 2026 begins at one o'clock; Lord Howe moves by thirty minutes."""
    santiago = ZoneInfo("America/Santiago")
    whole = calendar(santiago, days="sun", ranges=("00:00-24:00",))
    assert counted(whole, at("2026-09-05 12:00", santiago), at("2026-09-08 12:00", santiago)) == (
        23 * HOUR
    )
    howe = ZoneInfo("Australia/Lord_Howe")
    whole = calendar(howe, days="sun", ranges=("00:00-24:00",))
    assert counted(whole, at("2026-04-04 12:00", howe), at("2026-04-06 12:00", howe)) == 24.5 * HOUR


def test_own_days_win_over_closures_closures_over_holidays_holidays_over_the_week() -> None:
    """The order of the policy page."""
    day = dt.date(2026, 10, 1)
    holiday = HolidaySource("CN")
    shut = (DateSpan(dt.date(2026, 9, 1), dt.date(2026, 12, 31)),)
    own = ((day, hours("10:00-11:00")),)
    assert calendar(SHANGHAI).hours_on(day) == hours("09:00-17:00")
    assert calendar(SHANGHAI, holidays=holiday).hours_on(day) == ()
    assert calendar(SHANGHAI, holidays=holiday, opened=own).hours_on(day) == hours("10:00-11:00")
    assert calendar(SHANGHAI, closed=shut, opened=own).hours_on(day) == hours("10:00-11:00")
    make_up = dt.date(2026, 10, 10)
    assert calendar(SHANGHAI, holidays=holiday).hours_on(make_up) == hours("09:00-17:00")
    assert calendar(SHANGHAI, holidays=holiday, closed=shut).hours_on(make_up) == ()


def test_a_make_up_day_has_the_hours_of_a_working_day_not_of_a_saturday() -> None:
    """10 October 2026 is a Saturday worked: from nine to five, not from ten to four."""
    weekly = (*(hours("09:00-17:00"),) * 5, hours("10:00-16:00"), ())
    spec = Calendar(name="c", weekly=weekly, holidays=HolidaySource("CN"))
    office = make_calendar(spec, SHANGHAI)
    assert office.hours_on(dt.date(2026, 10, 10)) == hours("09:00-17:00")
    assert office.hours_on(dt.date(2026, 10, 17)) == hours("10:00-16:00")


def test_holidays_may_be_those_of_a_region() -> None:
    """Epiphany is a holiday in Bavaria and none in Berlin."""
    epiphany = dt.date(2026, 1, 6)
    assert calendar(holidays=HolidaySource("DE", "BY")).hours_on(epiphany) == ()
    assert calendar(holidays=HolidaySource("DE", "BE")).hours_on(epiphany) != ()


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-03-05 10:00", 3, "2026-03-10 17:00"),
        ("2026-03-05 23:30", 1, "2026-03-06 17:00"),
        ("2026-03-06 08:00", 1, "2026-03-09 17:00"),
        ("2026-03-07 10:00", 1, "2026-03-09 17:00"),
        ("2026-12-30 10:00", 2, "2027-01-01 17:00"),
    ],
)
def test_working_days_end_at_closing_time(start: str, days: int, expected: str) -> None:
    """The day of the start is not counted, whatever its hour; closed days are none."""
    found = calendar().working_days_after(to_us(at(start)), days)
    assert found is not None
    assert from_us(found) == at(expected)


def test_working_days_skip_holidays_and_count_the_days_worked_in_return() -> None:
    """Three working days after 30 September 2026 in China: 8, 9 and 10 October."""
    office = calendar(SHANGHAI, holidays=HolidaySource("CN"))
    found = office.working_days_after(to_us(at("2026-09-30 10:00", SHANGHAI)), 3)
    assert found is not None
    assert from_us(found) == at("2026-10-10 17:00", SHANGHAI)


def test_a_working_day_of_night_hours_ends_in_the_morning() -> None:
    """The last closing of a day is that of the hours that began on it."""
    night = calendar(ranges=("22:00-30:00",))
    found = night.working_days_after(to_us(at("2026-03-02 10:00")), 1)
    assert found is not None
    assert from_us(found) == at("2026-03-04 06:00")


def test_round_the_clock_every_day_is_a_working_day() -> None:
    """24x7: the third day after ends at midnight, in the calendar's zone."""
    always = calendar(days=" ".join(DAYS), ranges=("00:00-24:00",))
    found = always.working_days_after(to_us(at("2026-03-05 10:00")), 3)
    assert found is not None
    assert from_us(found) == at("2026-03-09 00:00")


def test_a_calendar_that_stays_closed_never_gets_there() -> None:
    """No endless search: None, and no time counts."""
    ever = DateSpan(dt.date(1900, 1, 1), dt.date(2999, 12, 31))
    shut = calendar(closed=(ever,))
    assert due(shut, at("2026-03-02 09:00"), 1) is None
    assert shut.working_days_after(to_us(at("2026-03-02 09:00")), 1) is None
    assert counted(shut, at("2026-03-02 09:00"), at("2036-03-02 09:00")) == 0


def test_years_are_built_when_they_are_asked_for() -> None:
    """Earlier and later questions widen the index without changing an answer."""
    office = calendar()
    first = counted(office, at("2026-03-02 09:00"), at("2026-03-03 09:00"))
    assert counted(office, at("2016-03-01 09:00"), at("2016-03-02 09:00")) == first
    assert due(office, at("2026-03-02 09:00"), 8 * HOUR * 260 * 5) is not None
    assert counted(office, at("2026-03-02 09:00"), at("2026-03-03 09:00")) == first


def test_stretches_tile_an_interval() -> None:
    """Open and closed pieces follow each other without a gap."""
    office = calendar()
    start, end = to_us(at("2026-03-06 08:00")), to_us(at("2026-03-09 10:00"))
    pieces = list(office.stretches(start, end))
    assert [is_open for _, _, is_open in pieces] == [False, True, False, True]
    assert pieces[0][0] == start
    assert pieces[-1][1] == end
    assert all(a[1] == b[0] for a, b in pairwise(pieces))


def test_microseconds_survive() -> None:
    """Instants are exact, there and back."""
    instant = dt.datetime(2026, 3, 2, 9, 0, 0, 123_457, tzinfo=dt.UTC)
    assert from_us(to_us(instant)) == instant
