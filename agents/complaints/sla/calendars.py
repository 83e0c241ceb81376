"""Counted time: how much of an interval lies inside a calendar's hours, and its inverse.

Instants are integer microseconds since the epoch, so that arithmetic is exact. A calendar is an
index of open intervals in UTC with running totals, built by the year when first asked for; every
question is then one or two binary searches.

The clock on the wall decides: an instant is open if the local time it shows lies inside the hours
of that day. So the hour that summer time skips never counts, and the hour that comes twice in
autumn counts twice.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from agents.complaints.sla.holiday_days import holidays_of
from schemas.policy import Calendar, TimeRange

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
MICROSECOND = dt.timedelta(microseconds=1)

FIRST_YEAR, LAST_YEAR = 1971, 2200
"""What a calendar can be asked about. Beyond it no time counts: a limit is never reached."""

AHEAD_YEARS = 50
"""How far a due time is searched: ten years of counted time at eight hours a working day are 42."""

WHOLE_DAY = (TimeRange(0, 86_400),)


def to_us(at: dt.datetime) -> int:
    """An aware instant as microseconds since the epoch, exactly."""
    return (at - EPOCH) // MICROSECOND


def from_us(us: int) -> dt.datetime:
    """The inverse of `to_us`, in UTC."""
    return EPOCH + us * MICROSECOND


class WorkingCalendar:
    """One calendar in one zone."""

    def __init__(self, spec: Calendar, zone: ZoneInfo) -> None:
        self.spec = spec
        self.zone = zone
        self._opened = dict(spec.opened)
        days = spec.holiday_days
        self._days = (frozenset(days.off), frozenset(days.worked)) if days is not None else None
        self._make_up = next((hours for hours in spec.weekly[:5] if hours), ())
        self._years: tuple[int, int] = (0, 0)
        self._last_asked = 0
        self._covered: tuple[int, int] = (0, 0)
        self._opens: list[int] = []
        self._closes: list[int] = []
        self._before: list[int] = []
        self._after: list[int] = []
        self._offset_from: list[int] = []
        self._offsets: list[int] = []
        self._working_days: list[int] = []
        self._last_closing: list[int] = []

    def between(self, start: int, end: int) -> int:
        """Counted microseconds from `start` to `end`, which is not before it."""
        self._cover(start, end)
        return self._total(end) - self._total(start)

    def add(self, start: int, amount: int) -> int | None:
        """The first instant at which `amount` microseconds after `start` are counted.

        `add(start, 0)` is `start`; None where the calendar never opens long enough.
        """
        if amount <= 0:
            return start
        self._cover(start, start)
        goal = self._total(start) + amount
        while not self._after or self._after[-1] < goal:
            if not self._grow():
                return None
        found = bisect_left(self._after, goal)
        return self._opens[found] + goal - self._before[found]

    def working_days_after(self, start: int, count: int) -> int | None:
        """The last closing of the `count`-th working day after the local day of `start`."""
        self._cover(start, start)
        today = self._local_day(start)
        while True:
            found = bisect_right(self._working_days, today) + count - 1
            # The last day of the index may go on behind its edge.
            if found < len(self._working_days) - 1:
                return self._last_closing[found]
            if not self._grow():
                return None

    def stretches(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """`start` to `end` in pieces (from, to, open?) that tile it."""
        self._cover(start, end)
        at = start
        found = bisect_right(self._closes, start)
        while at < end and found < len(self._opens):
            opens, closes = self._opens[found], min(self._closes[found], end)
            if opens >= end:
                break
            if opens > at:
                yield at, opens, False
            yield max(at, opens), closes, True
            at = closes
            found += 1
        if at < end:
            yield at, end, False

    def hours_on(self, day: dt.date) -> tuple[TimeRange, ...]:
        """The hours that begin on a local day; empty where it is closed."""
        own = self._opened.get(day)
        if own is not None:
            return own
        if any(span.first <= day <= span.last for span in self.spec.closed):
            return ()
        if self.spec.holidays is not None:
            off, worked = self._days or holidays_of(self.spec.holidays, day.year)
            if day in worked:
                return self._make_up
            if day in off:
                return ()
        return self.spec.weekly[day.weekday()]

    def _total(self, at: int) -> int:
        """Counted microseconds from the beginning of the index to `at`."""
        found = bisect_right(self._opens, at) - 1
        if found < 0:
            return 0
        closes = self._closes[found]
        return self._before[found] + (at if at < closes else closes) - self._opens[found]

    def _local_day(self, at: int) -> int:
        """The day the wall shows at an instant that the index covers."""
        found = max(bisect_right(self._offset_from, at) - 1, 0)
        return (at + self._offsets[found]) // DAY

    def _offset(self, at: int) -> int:
        offset = (EPOCH + dt.timedelta(seconds=at // SECOND)).astimezone(self.zone).utcoffset()
        return offset // MICROSECOND if offset is not None else 0

    def _cover(self, start: int, end: int) -> None:
        if self._covered[0] <= start and end < self._covered[1]:
            return
        first = min(max(from_us(start).year, FIRST_YEAR), LAST_YEAR)
        last = min(max(from_us(end).year, FIRST_YEAR), LAST_YEAR)
        self._last_asked = max(last, self._last_asked)
        if self._years != (0, 0):
            first, last = min(first, self._years[0]), max(last, self._years[1])
        self._build(first, min(last + 1, LAST_YEAR))

    def _grow(self) -> bool:
        """Double the years ahead; running totals stay. False where no more is searched."""
        first, last = self._years
        furthest = min(self._last_asked + AHEAD_YEARS, LAST_YEAR)
        if last >= furthest:
            return False
        self._build(first, min(last + 1 + last - first, furthest))
        return True

    def _build(self, first_year: int, last_year: int) -> None:
        start = to_us(dt.datetime(first_year, 1, 1, tzinfo=dt.UTC))
        end = to_us(dt.datetime(last_year + 1, 1, 1, tzinfo=dt.UTC))
        intervals: list[tuple[int, int]] = []
        closings: dict[int, int] = {}
        pieces = list(self._pieces(start, end))
        self._offset_from = [piece_start for piece_start, _, _ in pieces]
        self._offsets = [offset for _, _, offset in pieces]
        for piece_start, piece_end, offset in pieces:
            for day, opens, closes in self._open_in(piece_start, piece_end, offset):
                intervals.append((opens, closes))
                closings[day] = max(closes, closings.get(day, closes))
        self._opens, self._closes, self._before, self._after = [], [], [], []
        total = 0
        for opens, closes in _merged(intervals):
            self._opens.append(opens)
            self._closes.append(closes)
            self._before.append(total)
            total += closes - opens
            self._after.append(total)
        self._working_days = sorted(closings)
        self._last_closing = [closings[day] for day in self._working_days]
        self._years = (first_year, last_year)
        # Outside the years of the law there is nothing to build; say so once and for all.
        self._covered = (
            start if first_year > FIRST_YEAR else -(2**62),
            end if last_year < LAST_YEAR else 2**62,
        )

    def _pieces(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """`start` to `end` in pieces of one offset from UTC each (microseconds)."""
        piece, offset = start, self._offset(start)
        for probe in range(start + DAY, end + DAY, DAY):
            now = self._offset(min(probe, end))
            if now != offset:
                change = self._change_between(probe - DAY, min(probe, end), offset)
                yield piece, change, offset
                piece, offset = change, now
        if piece < end:
            yield piece, end, offset

    def _change_between(self, low: int, high: int, offset: int) -> int:
        """The first whole second after `low` whose offset differs from `offset`."""
        while high - low > SECOND:
            middle = (low + high) // 2 // SECOND * SECOND
            if self._offset(middle) == offset:
                low = middle
            else:
                high = middle
        return high

    def _open_in(self, start: int, end: int, offset: int) -> Iterator[tuple[int, int, int]]:
        """(local day, opens, closes) of the hours that touch a piece of one offset, cut to it."""
        wall_start, wall_end = start + offset, end + offset
        # Hours may run into the next day, so the day before counts too.
        for day in range(wall_start // DAY - 1, (wall_end - 1) // DAY + 1):
            for hours in self.hours_on(dt.date.fromordinal(EPOCH_ORDINAL + day)):
                opens = max(day * DAY + hours.opens * SECOND, wall_start)
                closes = min(day * DAY + hours.closes * SECOND, wall_end)
                if opens < closes:
                    yield day, opens - offset, closes - offset


class AlwaysOpen(WorkingCalendar):
    """24x7: counted time is elapsed time. Only working days need the index."""

    def between(self, start: int, end: int) -> int:
        """Elapsed microseconds."""
        return end - start

    def add(self, start: int, amount: int) -> int | None:
        """Plain addition."""
        return start + amount

    def stretches(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """One open piece."""
        if start < end:
            yield start, end, True


def make_calendar(spec: Calendar, zone: ZoneInfo) -> WorkingCalendar:
    """The calendar of `spec` in `zone`; one without any closed second takes the short way."""
    bounded = spec.closed or spec.opened or spec.holidays
    if not bounded and all(hours == WHOLE_DAY for hours in spec.weekly):
        return AlwaysOpen(spec, zone)
    return WorkingCalendar(spec, zone)


def _merged(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, without overlaps; neighbours that touch become one."""
    merged: list[tuple[int, int]] = []
    for opens, closes in sorted(intervals):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    return merged
