"""When a score counts: only with its scale, and only on it.

| instrument | scale when the record names none |
|---|---|
| nps | 0 to 10 (the instrument defines it) |
| ces | 1 to 7 (CES 2.0) |
| csat, servqual, custom | none: such a score is dropped, for 1 may be the best or the worst |
"""

from msgspec.structs import replace

from schemas.common import Instrument, Rating
from schemas.leniency import Fault, Problem

DEFAULT_SCALES: dict[Instrument, tuple[float, float]] = {
    Instrument.NPS: (0.0, 10.0),
    Instrument.CES: (1.0, 7.0),
}


def settle_rating(rating: Rating) -> tuple[Rating, Problem | None]:
    """Return the rating with its scale settled, and the problem where scores had to be dropped.

    A score of 0 on a scale that does not include it means "not rated" in most systems: it is
    dropped without a problem. Label, question and comment are kept in every case.
    """
    if rating.score is None and rating.expected is None and rating.perceived is None:
        return rating, None
    low, high = rating.scale_min, rating.scale_max
    if low is None and high is None:
        low, high = DEFAULT_SCALES.get(rating.instrument, (None, None))
    if low is None or high is None or low >= high:
        return _unscored(rating), Problem("rating.score", Fault.NO_SCALE)
    values = (rating.score, rating.expected, rating.perceived)
    score, expected, perceived = (v if v is None or low <= v <= high else None for v in values)
    off_scale = sum(1 for v in values if v is not None and v != 0 and not low <= v <= high)
    settled = replace(
        rating, score=score, expected=expected, perceived=perceived, scale_min=low, scale_max=high
    )
    return settled, Problem("rating.score", Fault.OFF_SCALE) if off_scale else None


def _unscored(rating: Rating) -> Rating:
    return replace(rating, score=None, expected=None, perceived=None)
