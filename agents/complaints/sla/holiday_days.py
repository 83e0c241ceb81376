"""Public holidays and the working days given for them, by the `holidays` package.

In China, Taiwan, Vietnam, Hungary, Russia and some neighbours a holiday may be lengthened by
moving a working day to a weekend. The package knows those days as `weekend_workdays`.
"""

from __future__ import annotations

import datetime as dt
import warnings
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
    return country_days(source, range(year, year + 1))


def country_days(
    source: HolidaySource, years: range
) -> tuple[frozenset[dt.date], frozenset[dt.date]]:
    """Days off and days worked in return, in an unbroken run of years."""
    # The neighbouring years are asked too: a holiday's run may begin or end across New Year's Eve.
    around = range(years.start - 1, years.stop + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # years it does not know: they have no holidays here
        known = holidays.country_holidays(source.country, subdiv=source.region, years=around)
    worked = frozenset(day for day in known.weekend_workdays if day.year in years)
    off = set(known)
    if source.country in ABSORBS_WEEKENDS:
        off |= _touching_weekends(off, known.weekend_workdays)
    return frozenset(day for day in off if day.year in years), worked


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
