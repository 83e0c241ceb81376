"""Public holidays and the working days given for them, by the `holidays` package.

In China, Taiwan, Vietnam, Hungary, Russia and some neighbours a holiday may be lengthened by
moving a working day to a weekend. The package knows those days as `weekend_workdays`.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import holidays

from schemas.policy import HolidaySource

ABSORBS_WEEKENDS = frozenset({"CN", "CHN"})
"""Where the law names holidays as unbroken runs of days: the State Council's notice gives
"15 to 23 February", weekends included, and the package lists the weekdays only."""

ONE_DAY = dt.timedelta(days=1)


@lru_cache(maxsize=1)
def supported_countries() -> dict[str, list[str]]:
    """Country codes, each with its regions."""
    return holidays.list_supported_countries()


@lru_cache(maxsize=512)
def holidays_of(source: HolidaySource, year: int) -> tuple[frozenset[dt.date], frozenset[dt.date]]:
    """Days off and days worked in return, in one year. Both are empty outside the known years."""
    # The neighbouring years are asked too: a holiday's run may begin or end across New Year's Eve.
    known = holidays.country_holidays(
        source.country, subdiv=source.region, years=range(year - 1, year + 2)
    )
    worked = frozenset(day for day in known.weekend_workdays if day.year == year)
    off = set(known)
    if source.country in ABSORBS_WEEKENDS:
        off |= _touching_weekends(off, known.weekend_workdays)
    return frozenset(day for day in off if day.year == year), worked


def _touching_weekends(off: set[dt.date], worked: set[dt.date]) -> set[dt.date]:
    """Weekend days next to a holiday belong to it, unless they are worked."""
    touched: set[dt.date] = set()
    for day in off:
        for step in (ONE_DAY, -ONE_DAY):
            near = day + step
            while near.weekday() >= 5 and near not in worked and near not in off:
                touched.add(near)
                near += step
    return touched
