"""Every official day of rest and every make-up working day of China, 2024 to 2026.

The lists are those of the General Office of the State Council: 国办发明电〔2023〕7号 (for 2024),
〔2024〕12号 (for 2025) and 〔2025〕7号 (for 2026). Where a notice says "off, together with the
weekend" (与周末连休), the weekend is in the span.
"""

import datetime as dt

import pytest

from schemas.policy import HolidaySource
from tests.agents.complaints.sla.support import DAYS, SHANGHAI, calendar, hours

REST = [
    # 2024: New Year, Spring Festival, Qingming, Labour Day, Dragon Boat, Mid-Autumn, National Day
    ("2024-01-01", "2024-01-01"), ("2024-02-10", "2024-02-17"), ("2024-04-04", "2024-04-06"),
    ("2024-05-01", "2024-05-05"), ("2024-06-08", "2024-06-10"), ("2024-09-15", "2024-09-17"),
    ("2024-10-01", "2024-10-07"),
    # 2025: in this year National Day and Mid-Autumn are one
    ("2025-01-01", "2025-01-01"), ("2025-01-28", "2025-02-04"), ("2025-04-04", "2025-04-06"),
    ("2025-05-01", "2025-05-05"), ("2025-05-31", "2025-06-02"), ("2025-10-01", "2025-10-08"),
    # 2026
    ("2026-01-01", "2026-01-03"), ("2026-02-15", "2026-02-23"), ("2026-04-04", "2026-04-06"),
    ("2026-05-01", "2026-05-05"), ("2026-06-19", "2026-06-21"), ("2026-09-25", "2026-09-27"),
    ("2026-10-01", "2026-10-07"),
]  # fmt: skip
WORKED = [
    "2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14",
    "2024-09-29", "2024-10-12",
    "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11",
    "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
]  # fmt: skip


def _days(year: int) -> list[dt.date]:
    first = dt.date(year, 1, 1)
    return [first + dt.timedelta(days=n) for n in range((dt.date(year + 1, 1, 1) - first).days)]


def _resting() -> set[dt.date]:
    days: set[dt.date] = set()
    for first, last in REST:
        start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        days.update(start + dt.timedelta(days=n) for n in range((end - start).days + 1))
    return days


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_an_office_works_exactly_on_the_official_working_days(year: int) -> None:
    """Monday to Friday without holidays, and the weekends worked in return."""
    office = calendar(SHANGHAI, holidays=HolidaySource("CN"))
    worked = {dt.date.fromisoformat(day) for day in WORKED}
    rest = _resting()
    wrong = [
        day
        for day in _days(year)
        if bool(office.hours_on(day)) != (day in worked or (day.weekday() < 5 and day not in rest))
    ]
    assert wrong == []


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_a_shop_open_every_day_closes_exactly_on_the_official_holidays(year: int) -> None:
    """A holiday is an unbroken run of days: its Saturdays and Sundays are holidays too."""
    shop = calendar(SHANGHAI, days=" ".join(DAYS), holidays=HolidaySource("CN"))
    rest = _resting()
    wrong = [day for day in _days(year) if (shop.hours_on(day) == ()) != (day in rest)]
    assert wrong == []


def test_working_days_a_year_are_as_published() -> None:
    """251 in 2024, 248 in 2025 and 248 in 2026: the whole year adds up."""
    office = calendar(SHANGHAI, holidays=HolidaySource("CN"))
    assert [sum(office.hours_on(day) != () for day in _days(year)) for year in (2024, 2025, 2026)] \
        == [251, 248, 248]  # fmt: skip


def test_the_weekend_before_a_make_up_monday_stays_a_weekend() -> None:
    """17 October 2026 touches no holiday: a Saturday like any other."""
    shop = calendar(SHANGHAI, days=" ".join(DAYS), holidays=HolidaySource("CN"))
    assert shop.hours_on(dt.date(2026, 10, 17)) == hours("09:00-17:00")
