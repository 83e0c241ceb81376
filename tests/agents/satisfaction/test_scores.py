"""Ratings become scores that say which way is better, on their own scale, or a reason why not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.effects import Measure
from agents.satisfaction.scores import (
    Band,
    ScoreReason,
    SlotReason,
    band,
    read_score,
    slot,
)
from schemas.common import Instrument, Rating
from schemas.satisfaction import SatisfactionScore

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def scored(rating: Rating) -> SatisfactionScore:
    """The score of a rating that has one."""
    score, reason = read_score(rating, "i-1", AT)
    assert reason is ScoreReason.SCORED
    assert score is not None
    return score


@pytest.mark.parametrize(
    ("rating", "reason"),
    [
        (None, ScoreReason.NOT_RATED),
        (Rating(Instrument.CSAT), ScoreReason.NOT_RATED),
        (Rating(Instrument.CSAT, label="good"), ScoreReason.NOT_RATED),
        (Rating(Instrument.CSAT, float("nan")), ScoreReason.NOT_RATED),
        (Rating(Instrument.CSAT, 6), ScoreReason.OFF_SCALE),
        (Rating(Instrument.CSAT, 0), ScoreReason.OFF_SCALE),
        (Rating(Instrument.CSAT, float("inf")), ScoreReason.OFF_SCALE),
        (Rating(Instrument.NPS, 11), ScoreReason.OFF_SCALE),
        (Rating(Instrument.NPS, -1), ScoreReason.OFF_SCALE),
        (Rating(Instrument.CES, 8), ScoreReason.OFF_SCALE),
        (Rating(Instrument.CUSTOM, 3), ScoreReason.NO_SCALE),
        (Rating(Instrument.CUSTOM, 3, scale_min=1), ScoreReason.NO_SCALE),
        (Rating(Instrument.CSAT, 3, scale_min=5, scale_max=1), ScoreReason.BAD_SCALE),
        (Rating(Instrument.CSAT, 3, scale_min=3, scale_max=3), ScoreReason.BAD_SCALE),
        (Rating(Instrument.SERVQUAL, expected=9, perceived=5), ScoreReason.OFF_SCALE),
        (Rating(Instrument.SERVQUAL, expected=5), ScoreReason.NOT_RATED),
    ],
)
def test_no_score_has_a_reason(rating: Rating | None, reason: ScoreReason) -> None:
    """What is not rated, or off its scale, gives no score and says why."""
    assert read_score(rating, "i-1", AT) == (None, reason)


def test_reversed_scale_is_turned() -> None:
    """On a phone menu where 1 is very satisfied, a 1 becomes the best score."""
    best = scored(Rating(Instrument.CSAT, 1, scale_min=1, scale_max=5, reversed=True))
    assert (best.score, best.unit_score) == (5, 1)
    worst = scored(Rating(Instrument.CSAT, 3, scale_min=1, scale_max=3, reversed=True))
    assert (worst.score, worst.unit_score) == (1, 0)


def test_reversed_pair_is_turned_with_its_scale() -> None:
    """Expectation and perception turn together, so the gap keeps its sense."""
    score = scored(Rating(Instrument.SERVQUAL, expected=2, perceived=3, reversed=True))
    assert slot(score) == (Measure.SERVQUAL, -1, SlotReason.COUNTED)


@pytest.mark.parametrize(
    ("low", "high", "bands"),
    [
        (0, 1, "LH"),
        (1, 3, "LMH"),
        (1, 4, "LLHH"),
        (1, 5, "LLMHH"),
        (0, 4, "LLMHH"),
        (1, 7, "LLLMHHH"),
        (1, 10, "LLLLMMMHHH"),
    ],
)
def test_bands_of_known_scales(low: int, high: int, bands: str) -> None:
    """Bands follow the published grouping of each scale."""
    found = [
        band(scored(Rating(Instrument.CSAT, step, scale_min=low, scale_max=high)))
        for step in range(low, high + 1)
    ]
    assert "".join(b.value[0].upper() for b in found) == bands


def test_nps_bands() -> None:
    """Detractors are 0-6, passives 7-8, promoters 9-10."""
    found = [band(scored(Rating(Instrument.NPS, step))) for step in range(11)]
    assert found == [Band.LOW] * 7 + [Band.MID] * 2 + [Band.HIGH] * 2


@pytest.mark.parametrize(
    ("low", "high", "slots"),
    [
        (0, 1, [1, 5]),
        (1, 3, [1, 3, 5]),
        (1, 4, [1, 2, 4, 5]),
        (1, 5, [1, 2, 3, 4, 5]),
        (0, 4, [1, 2, 3, 4, 5]),
        (1, 7, [1, 2, 2, 3, 4, 4, 5]),
        (1, 10, [1, 1, 2, 2, 3, 3, 3, 4, 5, 5]),
    ],
)
def test_csat_on_other_scales_is_counted_in_its_band(low: int, high: int, slots: list[int]) -> None:
    """A CSAT answer of another scale is counted at the nearest of five steps within its band."""
    found = [
        slot(scored(Rating(Instrument.CSAT, step, scale_min=low, scale_max=high))).value
        for step in range(low, high + 1)
    ]
    assert found == slots


def test_usual_scale_is_counted_as_it_is() -> None:
    """On the usual scale nothing is mapped."""
    assert slot(scored(Rating(Instrument.CSAT, 4))) == (Measure.CSAT, 4, SlotReason.COUNTED)
    assert slot(scored(Rating(Instrument.CES, 7))) == (Measure.CES, 7, SlotReason.COUNTED)
    assert slot(scored(Rating(Instrument.NPS, 0))) == (Measure.NPS, 0, SlotReason.COUNTED)


def test_half_a_step_counts_down() -> None:
    """Between two steps the lower one counts, because nobody said the higher."""
    assert slot(scored(Rating(Instrument.CSAT, 3.5))).value == 3
    assert slot(scored(Rating(Instrument.NPS, 8.9))).value == 8


def test_nps_and_servqual_never_change_scale() -> None:
    """NPS compares only on 0-10 and SERVQUAL only on 1-7, so other scales are counted nowhere."""
    nps = scored(Rating(Instrument.NPS, 5, scale_min=1, scale_max=5))
    gap = scored(Rating(Instrument.SERVQUAL, expected=4, perceived=5, scale_min=1, scale_max=5))
    assert slot(nps).reason is slot(gap).reason is SlotReason.OTHER_SCALE
    assert slot(nps).measure is slot(gap).measure is None


def test_servqual_needs_both_answers_to_have_a_gap() -> None:
    """Perception alone is a score, but no gap."""
    alone = scored(Rating(Instrument.SERVQUAL, perceived=6))
    assert alone.score == 6
    assert slot(alone).reason is SlotReason.NO_PAIR


def test_custom_question_is_kept_but_not_counted() -> None:
    """A company's own question has a score for the card and no table."""
    custom = scored(Rating(Instrument.CUSTOM, 3, scale_min=1, scale_max=5))
    assert slot(custom).reason is SlotReason.NOT_COUNTED


@given(
    instrument=st.sampled_from(list(Instrument)),
    score=st.floats(allow_nan=True, allow_infinity=True) | st.none(),
    low=st.floats() | st.integers(-1, 1) | st.none(),
    high=st.floats() | st.integers(2, 11) | st.none(),
    turned=st.booleans(),
)
def test_any_rating_gives_a_score_on_its_scale_or_none(
    instrument: Instrument, score: float | None, low: float | None, high: float | None, turned: bool
) -> None:
    """Whatever arrives, a score lies on its scale, its unit in 0..1, its slot on the histogram."""
    rating = Rating(instrument, score, scale_min=low, scale_max=high, reversed=turned)
    found, reason = read_score(rating, "i-1", AT)
    assert (found is None) is (reason is not ScoreReason.SCORED)
    if found is None:
        return
    assert 0 <= found.unit_score <= 1
    assert found.scale_min <= found.score <= found.scale_max
    assert band(found) in Band
    measure, value, _ = slot(found)
    if measure in (Measure.CSAT, Measure.CES, Measure.NPS):
        assert value is not None
        limits = {Measure.CSAT: (1, 5), Measure.CES: (1, 7), Measure.NPS: (0, 10)}
        assert limits[measure][0] <= value <= limits[measure][1]
