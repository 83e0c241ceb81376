"""Reading a rating: which way is better, whether it lies on its scale, and where it is counted.

Scores of different scales are never averaged. What may be done is to count bands: low, mid, high.
So a CSAT or CES answer on another scale is counted in the usual histogram at the nearest step
*within its band*; NPS and SERVQUAL compare only on their own scales and are counted on no other.
"""

import math
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from agents.effects import Measure
from schemas.common import Instrument, Rating
from schemas.satisfaction import SatisfactionScore

USUAL_SCALES: dict[Instrument, tuple[float, float]] = {
    Instrument.CSAT: (1, 5),
    Instrument.NPS: (0, 10),
    Instrument.CES: (1, 7),
    Instrument.SERVQUAL: (1, 7),
}
"""The scale of an instrument, used where a rating names none. Custom questions have none."""


class Band(StrEnum):
    """The only thing that is comparable across scales."""

    LOW = "low"
    MID = "mid"
    HIGH = "high"


class ScoreReason(StrEnum):
    """Why a rating gave a score, or none."""

    SCORED = "scored"
    NOT_RATED = "not_rated"
    NO_SCALE = "no_scale"
    BAD_SCALE = "bad_scale"
    OFF_SCALE = "off_scale"


class SlotReason(StrEnum):
    """Why a score is counted in a histogram, or not."""

    COUNTED = "counted"
    MAPPED_BY_BAND = "mapped_by_band"
    OTHER_SCALE = "other_scale"
    NOT_COUNTED = "not_counted"
    NO_PAIR = "no_pair"


class ReadScore(NamedTuple):
    """A score, or None with the reason."""

    score: SatisfactionScore | None
    reason: ScoreReason


class Slot(NamedTuple):
    """Where a score is counted: the measure and its histogram step (or gap); or why nowhere."""

    measure: Measure | None
    value: float | None
    reason: SlotReason


def read_score(rating: Rating | None, interaction_id: str, rated_at: datetime) -> ReadScore:
    """Orient a rating so that more is better, and check it against its scale.

    `rating.reversed` turns a scale whose low end is the best. A SERVQUAL rating may carry only
    `perceived`; that is its score. Nothing is guessed: off the scale is no score.
    """
    if rating is None:
        return ReadScore(None, ScoreReason.NOT_RATED)
    raw = rating.perceived if rating.score is None else rating.score
    if raw is None or math.isnan(raw):
        return ReadScore(None, ScoreReason.NOT_RATED)
    usual = USUAL_SCALES.get(rating.instrument)
    low = rating.scale_min if rating.scale_min is not None else (usual[0] if usual else None)
    high = rating.scale_max if rating.scale_max is not None else (usual[1] if usual else None)
    if low is None or high is None:
        return ReadScore(None, ScoreReason.NO_SCALE)
    if not (low < high and math.isfinite(high - low)):
        return ReadScore(None, ScoreReason.BAD_SCALE)
    if not all(v is None or low <= v <= high for v in (raw, rating.expected, rating.perceived)):
        return ReadScore(None, ScoreReason.OFF_SCALE)

    def oriented(value: float) -> float:
        # Kept within the scale, which rounding of the difference could leave by one last bit.
        return min(max(high - (value - low), low), high) if rating.reversed else value

    score = oriented(raw)
    return ReadScore(
        SatisfactionScore(
            interaction_id=interaction_id,
            instrument=rating.instrument,
            score=score,
            scale_min=low,
            scale_max=high,
            unit_score=(score - low) / (high - low),
            rated_at=rated_at,
            dimension=rating.dimension,
            expected=None if rating.expected is None else oriented(rating.expected),
            perceived=None if rating.perceived is None else oriented(rating.perceived),
        ),
        ScoreReason.SCORED,
    )


def band(score: SatisfactionScore) -> Band:
    """The band of a score: for NPS 0-6, 7-8, 9-10; otherwise by the number of steps of its scale.

    2 steps (thumbs) low, high; 3 one each; 4 two low, two high; 5: 1-2, 3, 4-5; 7: 1-3, 4, 5-7;
    10: 1-4, 5-7, 8-10. Any other scale by its unit score: low below 0.4, high from 0.7 on. An
    answer between two steps counts as the lower one: nobody said the higher.
    """
    steps = _steps(score)
    if score.instrument is Instrument.NPS and steps == 11:
        step = math.floor(score.score - score.scale_min)
        return Band.LOW if step <= 6 else Band.MID if step <= 8 else Band.HIGH
    if steps in _LOW_MID_STEPS:
        step = math.floor(score.score - score.scale_min) + 1
        low, mid = _LOW_MID_STEPS[steps]
        return Band.LOW if step <= low else Band.MID if step <= mid else Band.HIGH
    unit = score.unit_score
    return Band.LOW if unit < 0.4 else Band.MID if unit < 0.7 else Band.HIGH


def slot(score: SatisfactionScore) -> Slot:
    """Where `score` is counted: the measure with a step, or for SERVQUAL the gap P - E."""
    match score.instrument:
        case Instrument.CSAT:
            return _mapped(score, Measure.CSAT, 5, _CSAT_BANDS)
        case Instrument.CES:
            return _mapped(score, Measure.CES, 7, _CES_BANDS)
        case Instrument.NPS:
            if (score.scale_min, score.scale_max) != USUAL_SCALES[Instrument.NPS]:
                return Slot(None, None, SlotReason.OTHER_SCALE)
            return Slot(Measure.NPS, math.floor(score.score), SlotReason.COUNTED)
        case Instrument.SERVQUAL:
            if (score.scale_min, score.scale_max) != USUAL_SCALES[Instrument.SERVQUAL]:
                return Slot(None, None, SlotReason.OTHER_SCALE)
            if score.expected is None or score.perceived is None:
                return Slot(None, None, SlotReason.NO_PAIR)
            return Slot(Measure.SERVQUAL, score.perceived - score.expected, SlotReason.COUNTED)
        case _:
            return Slot(None, None, SlotReason.NOT_COUNTED)


_LOW_MID_STEPS = {2: (1, 1), 3: (1, 2), 4: (2, 2), 5: (2, 3), 7: (3, 4), 10: (4, 7)}
"""Last low and last mid step (counted from 1) by the number of steps."""

_CSAT_BANDS = {Band.LOW: (1, 2), Band.MID: (3, 3), Band.HIGH: (4, 5)}
_CES_BANDS = {Band.LOW: (1, 3), Band.MID: (4, 4), Band.HIGH: (5, 7)}


def _steps(score: SatisfactionScore) -> int:
    """Steps of a scale of whole steps; 0 for one that is not."""
    width = score.scale_max - score.scale_min
    return int(width) + 1 if width == int(width) else 0


def _mapped(
    score: SatisfactionScore, measure: Measure, steps: int, bands: dict[Band, tuple[int, int]]
) -> Slot:
    if _steps(score) == steps:
        step = math.floor(score.score - score.scale_min) + 1
        same = (score.scale_min, score.scale_max) == USUAL_SCALES[score.instrument]
        return Slot(measure, step, SlotReason.COUNTED if same else SlotReason.MAPPED_BY_BAND)
    low, high = bands[band(score)]
    nearest = math.floor(1 + score.unit_score * (steps - 1) + 0.5)
    return Slot(measure, min(max(nearest, low), high), SlotReason.MAPPED_BY_BAND)
