"""Laws of counted time, against a slow reference that asks minute by minute."""

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.complaints.sla.calendars import SECOND, WorkingCalendar, make_calendar, to_us
from schemas.policy import Calendar, DateSpan, HolidaySource, TimeRange

MINUTE = 60 * SECOND
ZONES = (
    "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Asia/Kolkata",
    "America/Santiago", "America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "UTC",
)  # fmt: skip
TURNS = (
    dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 3, 8), dt.date(2026, 11, 1),
    dt.date(2026, 4, 5), dt.date(2026, 9, 6), dt.date(2026, 2, 15), dt.date(2026, 10, 1),
    dt.date(2025, 12, 31),
)  # fmt: skip
"""Nights on which clocks change, holidays, and the turn of the year."""

ranges = st.lists(st.integers(0, 47), min_size=0, max_size=6, unique=True).map(
    lambda marks: tuple(
        TimeRange(opens * 1_800, closes * 1_800)
        for opens, closes in zip(sorted(marks)[::2], sorted(marks)[1::2], strict=False)
    )
)
nights = st.tuples(st.integers(40, 47), st.integers(49, 64)).map(
    lambda ends: (TimeRange(ends[0] * 1_800, ends[1] * 1_800),)
)
weeks = st.tuples(*(st.one_of(ranges, nights) for _ in range(7))).filter(any)
near = st.builds(lambda turn, days: turn + dt.timedelta(days=days), st.sampled_from(TURNS),
                 st.integers(-3, 3))  # fmt: skip
specs = st.builds(
    Calendar,
    name=st.just("c"),
    weekly=weeks,
    holidays=st.sampled_from([None, HolidaySource("CN"), HolidaySource("DE", "BY")]),
    closed=st.lists(near.map(lambda day: DateSpan(day, day)), max_size=2).map(tuple),
    opened=st.lists(st.tuples(near, ranges.filter(bool)), max_size=2, unique_by=lambda d: d[0]).map(
        tuple
    ),
)
calendars = st.builds(make_calendar, specs, st.sampled_from(ZONES).map(ZoneInfo))
instants = st.builds(
    lambda day, minute: to_us(dt.datetime.combine(day, dt.time(), dt.UTC)) + minute * MINUTE,
    near,
    st.integers(0, 1_439),
)
amounts = st.integers(0, 40 * 3_600 * SECOND)


def is_open(calendar: WorkingCalendar, us: int) -> bool:
    """The rule itself: does the clock on the wall show a time inside the hours?"""
    wall = dt.datetime.fromtimestamp(us / SECOND, calendar.zone).replace(tzinfo=None)
    for back in (0, 1):
        day = wall.date() - dt.timedelta(days=back)
        seconds = (wall - dt.datetime.combine(day, dt.time())).total_seconds()
        if any(hours.opens <= seconds < hours.closes for hours in calendar.hours_on(day)):
            return True
    return False


@settings(max_examples=25)
@given(calendars, instants, st.integers(1, 2 * 1_440))
def test_counted_time_is_the_sum_of_open_minutes(
    calendar: WorkingCalendar, start: int, minutes: int
) -> None:
    """Every minute whose wall time is inside the hours counts, and no other."""
    slow = sum(is_open(calendar, start + n * MINUTE) for n in range(minutes))
    assert calendar.between(start, start + minutes * MINUTE) == slow * MINUTE


@settings(max_examples=30)
@given(calendars, instants, amounts, amounts)
def test_time_adds_up_over_a_split(
    calendar: WorkingCalendar, start: int, first: int, second: int
) -> None:
    """between(a, c) = between(a, b) + between(b, c)."""
    middle, end = start + first, start + first + second
    whole = calendar.between(start, end)
    assert whole == calendar.between(start, middle) + calendar.between(middle, end)
    assert 0 <= whole <= end - start


@settings(max_examples=30)
@given(calendars, instants, amounts)
@example(make_calendar(Calendar(name="c", weekly=((),) * 7), ZoneInfo("UTC")), 0, 1)
def test_adding_and_measuring_are_inverse(
    calendar: WorkingCalendar, start: int, amount: int
) -> None:
    """add finds the first instant at which exactly the amount is counted."""
    found = calendar.add(start, amount)
    if found is None:
        assert amount > 0
        return
    assert calendar.between(start, found) == amount
    if found > start:
        assert calendar.between(start, found - 1) < amount


@settings(max_examples=30)
@given(calendars, instants, amounts, amounts)
def test_a_longer_limit_is_due_no_earlier(
    calendar: WorkingCalendar, start: int, amount: int, more: int
) -> None:
    """add is monotone in the amount."""
    earlier, later = calendar.add(start, amount), calendar.add(start, amount + more)
    if later is not None:
        assert earlier is not None
        assert start <= earlier <= later


@settings(max_examples=30)
@given(calendars, instants, amounts)
def test_stretches_tile_and_count(calendar: WorkingCalendar, start: int, length: int) -> None:
    """Pieces follow each other, change state, and their open parts are the counted time."""
    at, counted, last = start, 0, None
    for begins, ends, is_open_piece in calendar.stretches(start, start + length):
        assert begins == at
        assert begins < ends
        assert is_open_piece is not last
        counted += (ends - begins) * is_open_piece
        at, last = ends, is_open_piece
    assert at == start + length
    assert counted == calendar.between(start, start + length)
