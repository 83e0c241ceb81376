"""Low ratings: what a score means on its scale, and whether it is low enough to be a complaint.

Every score becomes a share of its scale, 0 the worst and 1 the best answer, after turning reversed
scales round. Low is a share at or below the limit of the instrument. The limits are few and
deliberately stricter than the reporting bands (a detractor is not yet a complaint), because each
low rating may wake somebody.
"""

import math
from enum import StrEnum

from msgspec import Struct

from schemas.common import Instrument, Rating

_TOLERANCE = 1e-9
"""2 of 5 must be at the limit 0.25 whatever the float arithmetic of an odd scale."""


class RatingReason(StrEnum):
    """Why a rating is, or is not, taken as a complaint."""

    LOW = "low"
    BELOW_EXPECTATION = "below_expectation"
    NOT_LOW = "not_low"
    NOT_RATED = "not_rated"
    OFF_SCALE = "off_scale"
    NO_SCALE = "no_scale"


class RatingLimits(Struct, frozen=True, kw_only=True):
    """Largest share of the scale that still counts as low, per instrument.

    csat: the bottom two of five. nps: 0 to 3; all of 0 to 6 are detractors, but 4 to 6 are lukewarm
    far more often than angry. ces: 1 and 2 of seven ("strongly disagree" and "disagree" that it was
    easy). servqual: a perception of 1 or 2 of seven. custom: the bottom quarter. `gap_share` is the
    SERVQUAL gap P - E, as a share of the scale, at or below which a customer got much less than
    expected (three steps of seven).
    """

    csat: float = 0.25
    nps: float = 0.3
    ces: float = 1 / 6
    servqual: float = 1 / 6
    custom: float = 0.25
    gap_share: float = -0.5

    def of(self, instrument: Instrument) -> float:
        """Return the limit of one instrument."""
        limit: float = getattr(self, instrument.value)
        return limit


DEFAULT_LIMITS = RatingLimits()

_USUAL_SCALES: dict[Instrument, tuple[float, float]] = {
    Instrument.CSAT: (1, 5),
    Instrument.NPS: (0, 10),
    Instrument.CES: (1, 7),
    Instrument.SERVQUAL: (1, 7),
}
"""Used where a publisher names no scale; a custom question has no usual one."""


class RatingVerdict(Struct, frozen=True):
    """The judgement of one rating. `share` is None unless the score lies on its scale."""

    reason: RatingReason
    share: float | None = None
    detail: str = ""

    @property
    def is_low(self) -> bool:
        """Whether the rating counts as a complaint."""
        return self.reason in (RatingReason.LOW, RatingReason.BELOW_EXPECTATION)


def judge_rating(rating: Rating, limits: RatingLimits = DEFAULT_LIMITS) -> RatingVerdict:
    """Judge a rating of a channel record; of a SERVQUAL pair the perception is the score."""
    if rating.instrument is Instrument.SERVQUAL and rating.perceived is not None:
        score: float | None = rating.perceived
    else:
        score = rating.score
    verdict = judge_score(
        rating.instrument,
        score,
        scale_min=rating.scale_min,
        scale_max=rating.scale_max,
        is_reversed=rating.reversed,
        limits=limits,
    )
    if verdict.reason is not RatingReason.NOT_LOW or rating.expected is None:
        return verdict
    expectation = judge_score(
        rating.instrument,
        rating.expected,
        scale_min=rating.scale_min,
        scale_max=rating.scale_max,
        is_reversed=rating.reversed,
    )
    if verdict.share is None or expectation.share is None:
        return verdict
    gap_share = verdict.share - expectation.share
    if gap_share > limits.gap_share + _TOLERANCE:
        return verdict
    detail = f"{_number(score)} where {_number(rating.expected)} was expected"
    return RatingVerdict(RatingReason.BELOW_EXPECTATION, verdict.share, detail)


def judge_score(
    instrument: Instrument,
    score: float | str | None,
    *,
    scale_min: float | None = None,
    scale_max: float | None = None,
    is_reversed: bool = False,
    limits: RatingLimits = DEFAULT_LIMITS,
) -> RatingVerdict:
    """Judge a bare score. Text is read as a number; `None`, `""` and a 0 off the scale: not rated.

    A score outside its scale is refused (`off_scale`), never clipped: it was measured with another
    scale, so nobody knows what it means.
    """
    scale = _scale(instrument, scale_min, scale_max)
    if scale is None:
        return RatingVerdict(
            RatingReason.NO_SCALE, detail=f"{instrument.value} needs scale_min < scale_max"
        )
    low, high = scale
    value = _value(score)
    if value is None:
        return RatingVerdict(RatingReason.NOT_RATED)
    if value == 0 and not low <= 0 <= high:
        return RatingVerdict(RatingReason.NOT_RATED, detail="0 is not on the scale")
    if not low <= value <= high:  # also refuses NaN
        detail = f"{_number(value)} is not between {_number(low)} and {_number(high)}"
        return RatingVerdict(RatingReason.OFF_SCALE, detail=detail)
    share = (high - value if is_reversed else value - low) / (high - low)
    is_low = share <= limits.of(instrument) + _TOLERANCE
    detail = f"{_number(value)} on {_number(low)}..{_number(high)}" + (
        ", reversed" if is_reversed else ""
    )
    return RatingVerdict(RatingReason.LOW if is_low else RatingReason.NOT_LOW, share, detail)


def _scale(
    instrument: Instrument, low: float | None, high: float | None
) -> tuple[float, float] | None:
    usual = _USUAL_SCALES.get(instrument, (None, None))
    low = usual[0] if low is None else low
    high = usual[1] if high is None else high
    if low is None or high is None or not math.isfinite(high - low) or low >= high:
        return None
    return low, high


def _value(score: float | str | None) -> float | None:
    if score is None or not isinstance(score, str):
        return score
    try:
        return float(score) if score.strip() else None
    except ValueError:
        return math.nan  # words where a number belongs: refused as off the scale, with the reason


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"
