"""The tightest promises history would have kept, with how sure that is, and what waiting cost.

Waits that have not ended are not left out: they are known to be at least as long as they are
(censored), as in a study of survival. So the share that ended within a time is estimated by Kaplan
and Meier, and its limits by Brookmeyer and Crowley with the log-log transform.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

import msgspec

from agents.complaints.sla.judging import Case, Verdict
from agents.satisfaction.derive import Z, wilson
from schemas.clock import ClockState
from schemas.policy import Target

SHARES = (0.90, 0.95, 0.99)
"""How often a promise shall be kept."""

FEWEST = 20
"""Fewer waits than this suggest nothing: one of them is already five percent."""

STEPS = (1, 60, 300, 900, 1_800, 3_600, 4 * 3_600, 86_400)
"""Promises are made in round figures: seconds below a minute, minutes below ten, and so on."""

WAITS = (300, 900, 3_600, 4 * 3_600, 86_400, 3 * 86_400)
"""Where waiting is cut to look at satisfaction: 5 and 15 minutes, 1 and 4 hours, 1 and 3 days."""

SATISFIED_FROM = 4


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest round limit this share of the waits would have kept.

    `low_seconds` and `high_seconds` hold the true value with 95 % confidence; None where the data
    do not reach so far. `limit_seconds` None: even the longest wait does not settle it.
    """

    target: Target
    labels: tuple[str, ...]
    share: float
    count: int
    still_open: int
    limit_seconds: int | None
    low_seconds: int | None
    high_seconds: int | None


class WaitAndScore(msgspec.Struct, frozen=True, kw_only=True):
    """Satisfaction of those who waited from one cut to the next for their first response."""

    from_seconds: float
    to_seconds: float | None
    count: int
    mean_score: float
    satisfied_ratio: float
    low_ratio: float
    high_ratio: float


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Kaplan-Meier: after `times[i]` the share `waiting[i]` still waits; `errors` of log(-log)."""

    times: list[float]
    waiting: list[float]
    errors: list[float]


def suggest(
    verdicts: Iterable[Verdict], *dimensions: str, shares: Sequence[float] = SHARES
) -> list[Suggestion]:
    """Limits for every target, by any of channel, tier, region and team; counted as the policy of
    these verdicts counts.

    It should promise every target whose limit is asked for, on the calendar it shall have;
    its own limits do not matter. Clocks without a verdict (resolved updates, merged complaints) are
    left out.
    """
    groups: dict[tuple[Target, tuple[str, ...]], list[tuple[float, bool]]] = {}
    for verdict in verdicts:
        if verdict.state is not ClockState.ENDED:
            labels = tuple(str(getattr(verdict, name)) for name in dimensions)
            wait = (verdict.used_seconds, verdict.ended_at is not None)
            groups.setdefault((verdict.target, labels), []).append(wait)
    order = {target: position for position, target in enumerate(Target)}
    suggestions = []
    for (target, labels), waits in sorted(
        groups.items(), key=lambda item: (order[item[0][0]], item[0][1])
    ):
        if len(waits) < FEWEST:
            continue
        curve = kaplan_meier(waits)
        for share in shares:
            limit, low, high = quantile_with_limits(curve, share)
            suggestions.append(
                Suggestion(
                    target=target,
                    labels=labels,
                    share=share,
                    count=len(waits),
                    still_open=sum(not ended for _, ended in waits),
                    limit_seconds=round_up(limit),
                    low_seconds=round_up(low),
                    high_seconds=round_up(high),
                )
            )
    return suggestions


def kaplan_meier(waits: Iterable[tuple[float, bool]]) -> Curve:
    """The share that still waits after each wait that ended. Pairs are (seconds, ended?)."""
    ordered = sorted(waits)
    waiting, hazard = 1.0, 0.0
    times: list[float] = []
    shares: list[float] = []
    errors: list[float] = []
    done = 0
    for seconds, group in groupby(ordered, key=itemgetter(0)):
        here = [ended for _, ended in group]
        ended_here, at_risk = sum(here), len(ordered) - done
        done += len(here)
        if not ended_here:
            continue
        waiting *= 1 - ended_here / at_risk
        error = math.inf
        if waiting > 0:
            hazard += ended_here / (at_risk * (at_risk - ended_here))
            error = math.sqrt(hazard) / abs(math.log(waiting))
        times.append(seconds)
        shares.append(waiting)
        errors.append(error)
    return Curve(times=times, waiting=shares, errors=errors)


def quantile_with_limits(
    curve: Curve, share: float
) -> tuple[float | None, float | None, float | None]:
    """The time within which `share` ended, and its 95 % limits; None beyond the data.

    Each is the first time at which the curve, its lower or its upper band has come down to
    `1 - share`.
    """
    left = 1 - share + 1e-12
    estimate = low = high = None
    for seconds, waiting, error in zip(curve.times, curve.waiting, curve.errors, strict=True):
        lower, upper = 0.0, 1.0
        if 0 < waiting < 1:
            middle = math.log(-math.log(waiting))
            lower = math.exp(-math.exp(middle + Z * error))
            upper = math.exp(-math.exp(middle - Z * error))
        if low is None and lower <= left:
            low = seconds
        if estimate is None and waiting <= left:
            estimate = seconds
        if high is None and upper <= left:
            high = seconds
    return estimate, low, high


def round_up(seconds: float | None) -> int | None:
    """The next round figure above: a promise ends before it is due, at due it is broken."""
    if seconds is None:
        return None
    for step, coarser in zip(STEPS, (*STEPS[1:], math.inf), strict=True):
        # A figure may be as coarse as a tenth of itself.
        if seconds < 10 * coarser or coarser == math.inf:
            return (int(seconds // step) + 1) * step
    raise AssertionError("the last step has no coarser one")


def satisfaction_by_wait(verdicts: Iterable[Verdict], cases: Iterable[Case]) -> list[WaitAndScore]:
    """How the score fell with the wait for the first response, in elapsed time."""
    scores = {case.complaint_id: case.csat for case in cases if case.csat is not None}
    groups: list[list[int]] = [[] for _ in range(len(WAITS) + 1)]
    for verdict in verdicts:
        score = scores.get(verdict.complaint_id)
        if verdict.target is not Target.FIRST_RESPONSE or score is None:
            continue
        if verdict.ended_at is not None:
            waited = (verdict.ended_at - verdict.started_at).total_seconds()
            groups[bisect_right(WAITS, waited)].append(score)
    rows = []
    for position, group in enumerate(groups):
        if not group:
            continue
        satisfied = sum(score >= SATISFIED_FROM for score in group)
        low, high = wilson(satisfied, len(group))
        rows.append(
            WaitAndScore(
                from_seconds=WAITS[position - 1] if position else 0,
                to_seconds=WAITS[position] if position < len(WAITS) else None,
                count=len(group),
                mean_score=sum(group) / len(group),
                satisfied_ratio=satisfied / len(group),
                low_ratio=low,
                high_ratio=high,
            )
        )
    return rows
