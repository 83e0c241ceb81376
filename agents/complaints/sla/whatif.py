"""What another policy would have meant: histories replayed on a virtual clock, nothing sent.

What representatives and customers did is held fixed. A stricter promise would have made people
answer sooner, and a page would have woken somebody: so the breaches counted here are those the
same work would have caused, not a forecast.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

import msgspec

from agents.complaints.sla.judging import (
    PAGES,
    Call,
    Case,
    PolicyRun,
    Verdict,
    judge_case,
    read_cases,
    replay_case,
    run_policies,
    run_policy,
)
from agents.complaints.sla.plan import Plan
from schemas.alert import AlertKind
from schemas.clock import ClockState

__all__ = [
    "DIMENSIONS",
    "HELD_FIXED",
    "LATENESS_QUANTILES",
    "PAGES",
    "Call",
    "Case",
    "Comparison",
    "Lateness",
    "OnCall",
    "PolicyRun",
    "Tally",
    "Verdict",
    "compare",
    "judge_case",
    "lateness",
    "on_call",
    "quantile_of",
    "read_cases",
    "replay_case",
    "run_policies",
    "run_policy",
    "tally",
    "unknown_words",
]

HELD_FIXED = (
    "Staff replies are held fixed: this is what the same work would have kept and broken, not a"
    " forecast of how people would have worked under the other promise."
)
DIMENSIONS = ("target", "channel", "tier", "region", "team", "month")
LATENESS_QUANTILES = (0.5, 0.9, 0.99)


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


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Which promises the other policy would have broken anew, and which no longer.

    Pairs are (under the first, under the second); None where a policy promises nothing.
    """

    newly_breached: list[tuple[Verdict | None, Verdict]]
    no_longer_breached: list[tuple[Verdict, Verdict | None]]


def unknown_words(cases: Iterable[Case], plan: Plan) -> Counter[tuple[str, str]]:
    """Words for a severity or tier that the policy does not know -> in how many complaints.

    Pairs are (severity or tier, word). Each of them counted as not said.
    """
    words, found = plan.words, Counter[tuple[str, str]]()
    for case in cases:
        changes = [event.changes for event in case.history if event.changes]
        severities = {case.context.attributes.get("priority", "")}
        tiers = {case.context.tier}
        for change in changes:
            severities |= {change.get("attributes.priority", ""), change.get("severity", "")}
            tiers.add(change.get("tier", ""))
        found.update({("severity", w) for w in severities if w and words.severity(w) is None})
        found.update({("tier", w) for w in tiers if w and words.tier(w) is None})
    return found


def tally(run: PolicyRun, *dimensions: str) -> dict[tuple[str, ...], Tally]:
    """Verdicts counted by any of `DIMENSIONS`, in order of their values."""
    unknown = [name for name in dimensions if name not in DIMENSIONS]
    if unknown:
        raise ValueError(f"no dimension {unknown[0]!r}: known are {', '.join(DIMENSIONS)}")
    counted: dict[tuple[str, ...], Tally] = {}
    for verdict in run.verdicts:
        key = tuple(str(getattr(verdict, name)) for name in dimensions)
        row = counted.setdefault(key, Tally())
        match verdict.state:
            case ClockState.MET:
                row.met += 1
            case ClockState.BREACHED:
                row.breached += 1
            case ClockState.ENDED:
                row.ended += 1
            case _:
                row.open += 1
    return dict(sorted(counted.items()))


def compare(first: PolicyRun, second: PolicyRun) -> Comparison:
    """The clocks whose verdict differs, the latest start first within each list."""
    before = {verdict.name: verdict for verdict in first.verdicts}
    after = {verdict.name: verdict for verdict in second.verdicts}
    newly = [
        (before.get(name), verdict)
        for name, verdict in after.items()
        if _is_breached(verdict) and not _is_breached(before.get(name))
    ]
    healed = [
        (verdict, after.get(name))
        for name, verdict in before.items()
        if _is_breached(verdict) and not _is_breached(after.get(name))
    ]
    newly.sort(key=lambda pair: pair[1].started_at, reverse=True)
    healed.sort(key=lambda pair: pair[0].started_at, reverse=True)
    return Comparison(newly_breached=newly, no_longer_breached=healed)


def lateness(run: PolicyRun) -> Lateness:
    """From breach to end, or to now where nobody has ended it."""
    broken = [verdict for verdict in run.verdicts if verdict.breached_at is not None]
    late = sorted(
        max(0.0, ((verdict.ended_at or run.until) - verdict.breached_at).total_seconds())
        for verdict in broken
        if verdict.breached_at is not None
    )
    return Lateness(
        count=len(late),
        still_open=sum(verdict.ended_at is None for verdict in broken),
        quantiles={share: quantile_of(late, share) for share in LATENESS_QUANTILES if late},
        longest_seconds=late[-1] if late else 0.0,
    )


def on_call(run: PolicyRun, zone: ZoneInfo) -> OnCall:
    """Pages by hour, from the first start of a clock to `until`."""
    pages = [call.at.astimezone(zone) for call in run.calls if call.kind in PAGES]
    starts = [verdict.started_at for verdict in run.verdicts]
    hours = (run.until - min(starts)).total_seconds() / 3_600 if starts else 0.0
    by_hour = Counter(at.replace(minute=0, second=0, microsecond=0) for at in pages)
    busiest = max(by_hour, key=lambda hour: (by_hour[hour], -hour.timestamp()), default=None)
    by_hour_of_day = Counter(at.hour for at in pages)
    return OnCall(
        pages=len(pages),
        warnings=sum(call.kind is AlertKind.WARNED for call in run.calls),
        hours=hours,
        pages_an_hour=len(pages) / hours if hours else 0.0,
        busiest_hour=busiest,
        busiest_hour_pages=by_hour[busiest] if busiest is not None else 0,
        by_hour_of_day=tuple(by_hour_of_day[hour] for hour in range(24)),
    )


def quantile_of(values: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that at least this share does not exceed."""
    rank = -(-len(values) * share // 1)
    return values[max(0, min(len(values), int(rank)) - 1)]


def _is_breached(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.state is ClockState.BREACHED
