"""Figures from counts: shares, means, NPS, quantiles, each with its 95 % interval.

Counts are added first and figures derived last, never the other way round. No answers give `None`,
never zero; under `JUDGED_FROM` answers a figure says that it is not to be judged. Formulas and
their checks: docs/satisfaction.md.
"""

import math
from collections.abc import Mapping

from agents.satisfaction.sketch import quantile
from schemas.policy import Target
from schemas.satisfaction import DurationSketch, SatisfactionRow
from schemas.view import (
    CesFigure,
    CsatFigure,
    DurationFigure,
    MeanFigure,
    NpsFigure,
    Proportion,
    SatisfactionFigures,
)

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

JUDGED_FROM = 5
"""Fewer answers are shown as a number of answers only: three fives are not 100 % satisfied."""

COMPARED_FROM = 30
"""Fewer answers are never compared with another period, group or promise."""


def wilson(count: int, of: int, z: float = Z) -> tuple[float, float]:
    """The Wilson score interval of a share; `of` at least 1."""
    ratio = count / of
    scale = 1 + z * z / of
    centre = (ratio + z * z / (2 * of)) / scale
    half = z * math.sqrt(ratio * (1 - ratio) / of + z * z / (4 * of * of)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def t_value(degrees: int) -> float:
    """The 97.5 % point of Student's t by its series around the normal one.

    It is 0.3 % too small for 4 degrees of freedom (five values, the fewest that get an interval)
    and 0.01 % for 9.
    """
    z, v = Z, degrees
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def proportion(count: int, of: int) -> Proportion:
    """The share `count` of `of`. Counts a lagging partition left negative are read as zero."""
    of = max(0, of)
    count = min(max(0, count), of)
    if of == 0:
        return Proportion(count=0, of=0)
    low, high = wilson(count, of)
    return Proportion(
        count=count,
        of=of,
        ratio=count / of,
        low_ratio=low,
        high_ratio=high,
        judged=of >= JUDGED_FROM,
    )


def mean_figure(count: int, total: float, total_of_squares: float | None) -> MeanFigure:
    """A mean from sums; the interval needs the sum of squares and at least `JUDGED_FROM` values."""
    if count <= 0:
        return MeanFigure(count=0)
    mean = total / count
    if total_of_squares is None or count < JUDGED_FROM:
        return MeanFigure(count=count, mean=mean, judged=count >= JUDGED_FROM)
    variance = max(0.0, (total_of_squares - total * total / count) / (count - 1))
    half = t_value(count - 1) * math.sqrt(variance / count)
    return MeanFigure(count=count, mean=mean, low=mean - half, high=mean + half, judged=True)


def csat(histogram: Mapping[int, int]) -> CsatFigure:
    """CSAT from the counts of 1..5: the share of 4 and 5, and the mean."""
    counts = _positive(histogram)
    n = sum(counts.values())
    satisfied = counts.get(4, 0) + counts.get(5, 0)
    mean = sum(step * count for step, count in counts.items()) / n if n else None
    return CsatFigure(response_count=n, satisfied=proportion(satisfied, n), mean=mean)


def nps(histogram: Mapping[int, int]) -> NpsFigure:
    """NPS from the counts of 0..10: 100 (promoters - detractors) / n, interval adjusted.

    The interval adds 3/4 promoter, 3/4 detractor and 1 1/2 passives: with ten promoters of ten the
    plain margin is 0, the adjusted interval is 47.5 to 100.
    """
    counts = _positive(histogram)
    n = sum(counts.values())
    if n == 0:
        return NpsFigure(response_count=0)
    promoters = counts.get(9, 0) + counts.get(10, 0)
    passives = counts.get(7, 0) + counts.get(8, 0)
    detractors = n - promoters - passives
    p, d = promoters / n, detractors / n
    mean, variance = adjusted_nps(promoters, passives, detractors)
    half = Z * math.sqrt(variance)
    return NpsFigure(
        response_count=n,
        promoter_count=promoters,
        passive_count=passives,
        detractor_count=detractors,
        nps=100 * (p - d),
        low=max(-100.0, 100 * (mean - half)),
        high=min(100.0, 100 * (mean + half)),
        plain_margin=100 * Z * math.sqrt((p + d - (p - d) ** 2) / n),
        judged=n >= JUDGED_FROM,
    )


def adjusted_nps(promoters: int, passives: int, detractors: int) -> tuple[float, float]:
    """Mean (-1..1) and variance of the mean after the pseudo counts."""
    n = promoters + passives + detractors + 3
    p, d = (promoters + 0.75) / n, (detractors + 0.75) / n
    return p - d, (p + d - (p - d) ** 2) / n


def ces(histogram: Mapping[int, int]) -> CesFigure:
    """CES from the counts of 1..7 (high is easy): the mean, and the share of 5 to 7."""
    counts = _positive(histogram)
    n = sum(counts.values())
    total = sum(step * count for step, count in counts.items())
    squares = sum(step * step * count for step, count in counts.items())
    easy = sum(count for step, count in counts.items() if step >= 5)
    return CesFigure(
        response_count=n, mean=mean_figure(n, total, squares), easy=proportion(easy, n)
    )


def duration(sketch: DurationSketch) -> DurationFigure:
    """Mean, median and 90th percentile of durations."""
    if sketch.count <= 0:
        return DurationFigure(count=0)
    return DurationFigure(
        count=sketch.count,
        mean_seconds=sketch.sum_seconds / sketch.count,
        p50_seconds=quantile(sketch, 0.5),
        p90_seconds=quantile(sketch, 0.9),
        judged=sketch.count >= JUDGED_FROM,
    )


def kept(met: Mapping[str, int], breached: Mapping[str, int]) -> dict[str, Proportion]:
    """Promises kept per target: met / (met + breached). A breach counts from when it is one."""
    return {
        target: proportion(met.get(target, 0), met.get(target, 0) + breached.get(target, 0))
        for target in sorted({*met, *breached})
    }


def figures(row: SatisfactionRow) -> SatisfactionFigures:
    """Everything that follows from one row (which must be the sum over all partitions)."""
    met, breached = _promised(row.met), _promised(row.breached)
    return SatisfactionFigures(
        csat=csat(row.csat),
        nps=nps(row.nps),
        ces=ces(row.ces),
        servqual_gap=mean_figure(row.servqual_count, row.servqual_gap_sum, None),
        first_response=duration(row.first_response),
        resolution=duration(row.resolution),
        repeat_contacts=proportion(row.repeat_contacts, row.contacts),
        kept=proportion(met, met + breached),
        kept_by_target=kept(row.met, row.breached),
        complaints_open=row.complaints_opened - row.complaints_resolved + row.complaints_reopened,
    )


def _promised(counts: Mapping[str, int]) -> int:
    """Clocks of promises to customers; what teams owe each other is nobody's promise outside."""
    return sum(count for target, count in counts.items() if target != Target.HAND_OVER)


def _positive(histogram: Mapping[int, int]) -> dict[int, int]:
    """Without steps that are negative on their own: their other half has not been read yet."""
    return {step: count for step, count in histogram.items() if count > 0}
