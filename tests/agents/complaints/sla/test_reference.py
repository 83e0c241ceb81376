"""Counted time against a slow reference that walks second by second and shares no code with it.

The reference asks the clock on the wall of every second, and reads the policy's own words for the
day: own hours, closures, days worked in return, holidays (of the `holidays` package), the week.
"""

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo

import holidays
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.complaints.sla.calendars import SECOND, make_calendar, to_us
from schemas.policy import Calendar, DateSpan, HolidaySource, TimeRange

HOURS = 3_600
SPAN = 3 * HOURS
"""Seconds walked by an example: the hour of a change of the clocks and an hour on either side."""

NIGHTS = (
    ("Europe/Berlin", dt.datetime(2026, 3, 29, 0, tzinfo=dt.UTC)),
    ("Europe/Berlin", dt.datetime(2026, 10, 25, 0, tzinfo=dt.UTC)),
    ("America/New_York", dt.datetime(2026, 3, 8, 6, tzinfo=dt.UTC)),
    ("America/New_York", dt.datetime(2026, 11, 1, 5, tzinfo=dt.UTC)),
    ("Australia/Lord_Howe", dt.datetime(2026, 4, 4, 14, tzinfo=dt.UTC)),
    ("Australia/Lord_Howe", dt.datetime(2026, 10, 3, 14, tzinfo=dt.UTC)),
    ("America/Santiago", dt.datetime(2026, 9, 6, 3, tzinfo=dt.UTC)),
    ("Africa/Casablanca", dt.datetime(2026, 2, 15, 1, tzinfo=dt.UTC)),
    ("Pacific/Apia", dt.datetime(2011, 12, 30, 9, tzinfo=dt.UTC)),
    ("Asia/Shanghai", dt.datetime(2026, 2, 14, 15, tzinfo=dt.UTC)),
    ("Asia/Shanghai", dt.datetime(2026, 10, 9, 16, tzinfo=dt.UTC)),
    ("Asia/Kolkata", dt.datetime(2026, 3, 2, 18, tzinfo=dt.UTC)),
)
"""Zone and instant: clocks change around it, or a holiday or make-up day begins."""

marks = st.lists(st.integers(0, 86_399), min_size=2, max_size=6, unique=True).map(sorted)
days = marks.map(
    lambda cuts: tuple(
        TimeRange(opens, closes) for opens, closes in zip(cuts[::2], cuts[1::2], strict=False)
    )
)
nights = st.tuples(st.integers(70_000, 86_399), st.integers(86_401, 120_000)).map(
    lambda ends: (TimeRange(*ends),)
)


@st.composite
def examples(draw: st.DrawFn) -> tuple[Calendar, ZoneInfo, int]:
    """A calendar to the second, a zone, and where the walk begins."""
    zone, night = draw(st.sampled_from(NIGHTS))
    around = st.integers(-2, 2).map(lambda n: night.date() + dt.timedelta(days=n))
    spec = Calendar(
        name="c",
        weekly=draw(st.tuples(*(st.one_of(st.just(()), days, nights) for _ in range(7)))),
        holidays=HolidaySource("CN") if zone == "Asia/Shanghai" and draw(st.booleans()) else None,
        closed=tuple(DateSpan(day, day) for day in draw(st.lists(around, max_size=1))),
        opened=tuple((day, draw(days)) for day in draw(st.lists(around, max_size=1))),
    )
    start = to_us(night) + draw(st.integers(-2 * HOURS, HOURS)) * SECOND
    return spec, ZoneInfo(zone), start


@cache
def china(year: int) -> holidays.HolidayBase:
    """The holidays of China, with the weekends that were moved."""
    return holidays.country_holidays("CN", years=(year - 1, year, year + 1))


def hours_of(spec: Calendar, day: dt.date) -> tuple[TimeRange, ...]:
    """Which hours a day has, by the order the policy page states."""
    own = dict(spec.opened)
    if day in own:
        return own[day]
    if any(span.first <= day <= span.last for span in spec.closed):
        return ()
    if spec.holidays is not None:
        known = china(day.year)
        if day in known.weekend_workdays:
            return next((hours for hours in spec.weekly[:5] if hours), ())
        # A weekend that touches a holiday is part of it, as the State Council announces runs.
        for step in (-1, 1):
            near = day
            while near.weekday() >= 5 and near not in known and near not in known.weekend_workdays:
                near += dt.timedelta(days=step)
            if near in known:
                return ()
    return spec.weekly[day.weekday()]


def counts(spec: Calendar, zone: ZoneInfo, us: int) -> bool:
    """Does this second count: does the wall show a time inside the hours of today or last night?"""
    wall = dt.datetime.fromtimestamp(us // SECOND, zone).replace(tzinfo=None)
    midnight = dt.datetime.combine(wall.date(), dt.time())
    seconds = int((wall - midnight).total_seconds())
    yesterday = wall.date() - dt.timedelta(days=1)
    return any(hours.opens <= seconds < hours.closes for hours in hours_of(spec, wall.date())) or (
        any(hours.opens <= seconds + 86_400 < hours.closes for hours in hours_of(spec, yesterday))
    )


@settings(max_examples=12)
@given(examples(), st.integers(1, SPAN))
def test_every_second_is_counted_as_the_wall_shows_it(
    example: tuple[Calendar, ZoneInfo, int], length: int
) -> None:
    """`between` is the number of seconds that count; `add` finds each of them."""
    spec, zone, start = example
    calendar = make_calendar(spec, zone)
    walked = [counts(spec, zone, start + second * SECOND) for second in range(length)]
    total = sum(walked)
    assert calendar.between(start, start + length * SECOND) == total * SECOND
    reached = 0
    for second, counted in enumerate(walked):
        reached += counted
        if counted and reached in (1, (total + 1) // 2, total):
            assert calendar.add(start, reached * SECOND) == start + (second + 1) * SECOND
            assert calendar.between(start, start + (second + 1) * SECOND) == reached * SECOND
