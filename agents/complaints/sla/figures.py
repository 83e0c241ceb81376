"""The figures of one policy over many complaints, counted while they are judged.

Nothing is kept of a complaint but what it adds: a million events need no more memory than their
labels, and no figure looks through them again.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from agents.complaints.sla.calendars import SECOND, from_us, to_us
from agents.complaints.sla.hindsight import Calls
from agents.complaints.sla.judging import PAGES, Judged
from agents.complaints.sla.plan import TARGETS
from schemas.clock import ClockState

DIMENSIONS = ("target", "channel", "tier", "region", "team", "month")
LATENESS_QUANTILES = (0.5, 0.9, 0.99)

_QUARTER = 900 * SECOND
"""No zone begins its hours or months apart from a quarter of an hour (since 1972)."""

_Cell = tuple[str, str, str, str, str, str, ClockState]
"""The labels of `DIMENSIONS`, and what became of the clock."""


class Tally(msgspec.Struct, kw_only=True):
    """Counted verdicts. `open` clocks still run unbreached, `ended` ones gave no verdict."""

    met: int = 0
    breached: int = 0
    open: int = 0
    ended: int = 0

    @property
    def kept_ratio(self) -> float | None:
        """Met of all that have a verdict; None where nothing has."""
        judged = self.met + self.breached
        return self.met / judged if judged else None


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """How late broken promises were, in elapsed seconds; those still unanswered count up to now."""

    count: int
    still_open: int
    quantiles: dict[float, float]
    longest_seconds: float


class OnCall(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy would have cost those on call. Hours are of the company's zone."""

    pages: int
    warnings: int
    hours: float
    pages_an_hour: float
    busiest_hour: dt.datetime | None
    busiest_hour_pages: int
    by_hour_of_day: tuple[int, ...]


class Figures:
    """What one policy kept, broke and called for, as of `until`. Months and hours are of `zone`."""

    def __init__(self, name: str, until: dt.datetime, zone: ZoneInfo) -> None:
        self.name = name
        self._until = to_us(until)
        self._zone = zone
        self._cells: defaultdict[_Cell, int] = defaultdict(int)
        self._months: dict[int, str] = {}
        self._first_start = self._until
        self._late: list[int] = []
        self._still_late = 0
        self._warnings = 0
        self._pages: Counter[int] = Counter()

    def add(self, judged: Judged) -> None:
        """Count one complaint."""
        case, merged = judged.case, judged.is_merged
        channel, region = case.context.channel, case.context.region
        tier, team, cells = judged.tier, case.team, self._cells
        for clock in judged.clocks:
            ended, _ = clock.stop()
            state = clock.state_of(ended, merged=merged)
            month = self._month(clock.started)
            target = TARGETS[clock.position]
            cells[target, channel, tier, region, clock.team or team, month, state] += 1
            if clock.breached is not None and not merged:
                self._still_late += ended is None
                until = self._until if ended is None else ended
                self._late.append(max(0, until - clock.breached))
        if judged.clocks:
            self._first_start = min(self._first_start, judged.clocks[0].started)
        for calls in judged.calls:
            self._call(calls)

    def tally(self, *dimensions: str) -> dict[tuple[str, ...], Tally]:
        """Verdicts counted by any of `DIMENSIONS`, in order of their values."""
        unknown = [name for name in dimensions if name not in DIMENSIONS]
        if unknown:
            raise ValueError(f"no dimension {unknown[0]!r}: known are {', '.join(DIMENSIONS)}")
        positions = [DIMENSIONS.index(name) for name in dimensions]
        counted: dict[tuple[str, ...], Tally] = {}
        for cell, count in self._cells.items():
            key = tuple(str(cell[position]) for position in positions)
            row, column = counted.setdefault(key, Tally()), _COLUMNS.get(cell[-1], "open")
            setattr(row, column, getattr(row, column) + count)
        return dict(sorted(counted.items()))

    def lateness(self) -> Lateness:
        """From breach to end, or to now where nobody has ended it."""
        self._late.sort()
        late = self._late
        return Lateness(
            count=len(late),
            still_open=self._still_late,
            quantiles={
                share: quantile_of(late, share) / SECOND for share in LATENESS_QUANTILES if late
            },
            longest_seconds=late[-1] / SECOND if late else 0.0,
        )

    def late_counts(self, cuts: Sequence[int]) -> list[int]:
        """How many broken promises were late by less than each next cut (seconds), and beyond."""
        self._late.sort()
        found = [bisect_left(self._late, cut * SECOND) for cut in cuts]
        return [high - low for low, high in pairwise([*found, len(self._late)])]

    def on_call(self) -> OnCall:
        """Pages by hour, from the first start of a clock to `until`."""
        by_hour, by_hour_of_day = Counter[dt.datetime](), [0] * 24
        for quarter, count in sorted(self._pages.items()):
            at = self._local(quarter * _QUARTER)
            by_hour_of_day[at.hour] += count
            by_hour[at.replace(minute=0)] += count
        pages, hours = sum(by_hour_of_day), (self._until - self._first_start) / SECOND / 3_600
        busiest = max(by_hour, key=lambda hour: (by_hour[hour], -hour.timestamp()), default=None)
        return OnCall(
            pages=pages,
            warnings=self._warnings,
            hours=hours,
            pages_an_hour=pages / hours if hours else 0.0,
            busiest_hour=busiest,
            busiest_hour_pages=by_hour[busiest] if busiest is not None else 0,
            by_hour_of_day=tuple(by_hour_of_day),
        )

    def _call(self, calls: Calls) -> None:
        if calls.kind in PAGES:
            self._pages.update(_quarters(calls))
        else:
            self._warnings += calls.times

    def _month(self, at: int) -> str:
        quarter = at // _QUARTER
        month = self._months.get(quarter)
        if month is None:
            month = self._months[quarter] = f"{self._local(at):%Y-%m}"
        return month

    def _local(self, at: int) -> dt.datetime:
        return from_us(at).astimezone(self._zone)


def _quarters(calls: Calls) -> Iterable[int]:
    """The quarters of an hour the calls fall in: many thousands where nobody stopped a ladder."""
    if calls.every % _QUARTER:
        return (at // _QUARTER for at in calls.instants())
    step, first = calls.every // _QUARTER or 1, calls.at // _QUARTER
    return range(first, first + calls.times * step, step)


_COLUMNS = {
    ClockState.MET: "met",
    ClockState.BREACHED: "breached",
    ClockState.ENDED: "ended",
}


def quantile_of(values: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that at least this share does not exceed."""
    rank = -(-len(values) * share // 1)
    return values[max(0, min(len(values), int(rank)) - 1)]
