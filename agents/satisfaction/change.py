"""Is a change real? Differences of two periods, named only when their interval excludes zero.

Two-point comparisons make people chase noise; so both periods need `COMPARED_FROM` answers, and a
table of several rows needs a wider interval (Bonferroni), because one of ten rows always moves.
"""

import math
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

from agents.satisfaction.derive import COMPARED_FROM, Z, adjusted_nps, wilson
from schemas.view import NpsFigure, Proportion


class ChangeVerdict(StrEnum):
    """What may be said of a change."""

    FALL = "fall"
    RISE = "rise"
    NONE = "none"
    UNKNOWN = "unknown"
    """Too few answers in one of the periods."""


class Change(NamedTuple):
    """A difference (now less before) with its interval, and what may be said of it."""

    verdict: ChangeVerdict
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def z_for(rows: int) -> float:
    """The point of the normal distribution for a level of 1 - 0.05 / rows, two-sided."""
    return Z if rows <= 1 else NormalDist().inv_cdf(1 - 0.05 / rows / 2)


def share_change(now: Proportion, before: Proportion, rows: int = 1) -> Change:
    """Newcombe's hybrid score interval (method 10) of a difference of shares."""
    if now.ratio is None or before.ratio is None:
        return Change(ChangeVerdict.UNKNOWN)
    z = z_for(rows)
    low1, high1 = wilson(now.count, now.of, z)
    low0, high0 = wilson(before.count, before.of, z)
    difference = now.ratio - before.ratio
    low = difference - math.hypot(now.ratio - low1, high0 - before.ratio)
    high = difference + math.hypot(high1 - now.ratio, before.ratio - low0)
    enough = min(now.of, before.of) >= COMPARED_FROM
    return Change(_verdict(low, high, enough), difference, low, high)


def nps_change(now: NpsFigure, before: NpsFigure, rows: int = 1) -> Change:
    """Difference of the adjusted NPS in points; its interval from the sum of their variances."""
    if now.nps is None or before.nps is None:
        return Change(ChangeVerdict.UNKNOWN)
    mean1, variance1 = adjusted_nps(now.promoter_count, now.passive_count, now.detractor_count)
    mean0, variance0 = adjusted_nps(
        before.promoter_count, before.passive_count, before.detractor_count
    )
    difference = 100 * (mean1 - mean0)
    half = 100 * z_for(rows) * math.sqrt(variance1 + variance0)
    enough = min(now.response_count, before.response_count) >= COMPARED_FROM
    low, high = difference - half, difference + half
    return Change(_verdict(low, high, enough), difference, low, high)


def _verdict(low: float, high: float, enough: bool) -> ChangeVerdict:
    if not enough:
        return ChangeVerdict.UNKNOWN
    if high < 0:
        return ChangeVerdict.FALL
    return ChangeVerdict.RISE if low > 0 else ChangeVerdict.NONE
