"""Low ratings: shares of scales, limits, what is not rated and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.complaints.detection.rating import (
    DEFAULT_LIMITS,
    RatingLimits,
    RatingReason,
    judge_rating,
    judge_score,
)
from schemas.common import Instrument, Rating


def lows(instrument: Instrument, scores: range, **scale: float | bool) -> list[int]:
    """The scores of a range that count as low."""
    return [
        score
        for score in scores
        if judge_rating(Rating(instrument, float(score), **scale)).is_low  # type: ignore[arg-type]
    ]


def test_default_limits_are_the_documented_ones() -> None:
    """CSAT bottom two of five, NPS 0-3, CES 1-2 of seven, a perception of 1-2 of seven."""
    assert lows(Instrument.CSAT, range(1, 6)) == [1, 2]
    assert lows(Instrument.NPS, range(11)) == [0, 1, 2, 3]
    assert lows(Instrument.CES, range(1, 8)) == [1, 2]
    assert lows(Instrument.SERVQUAL, range(1, 8)) == [1, 2]


def test_scales_of_other_systems_keep_their_meaning() -> None:
    """1 is the best on Chinese IVR menus, 1 the worst of 3 at Feishu, 1 and 100 at 七鱼."""
    assert lows(Instrument.CSAT, range(1, 6), scale_min=1, scale_max=5, reversed=True) == [4, 5]
    assert lows(Instrument.CSAT, range(1, 4), scale_min=1, scale_max=3) == [1]
    assert lows(Instrument.CSAT, range(1, 101), scale_min=1, scale_max=100)[-1] == 25
    assert lows(Instrument.CSAT, range(2), scale_min=0, scale_max=1) == [0]
    assert lows(Instrument.CUSTOM, range(1, 11), scale_min=1, scale_max=10) == [1, 2, 3]


@pytest.mark.parametrize("score", [None, "", "  ", 0, "0"])
def test_unset_scores_are_not_rated(score: float | str | None) -> None:
    """Half of the systems spell "not rated" as 0 or an empty text."""
    assert judge_score(Instrument.CSAT, score).reason is RatingReason.NOT_RATED


def test_zero_counts_where_the_scale_has_it() -> None:
    """NPS begins at 0: there it is the worst answer."""
    assert judge_score(Instrument.NPS, 0).reason is RatingReason.LOW


@pytest.mark.parametrize("score", [6, -1, 100, math.nan, math.inf, "great", "1e400"])
def test_scores_off_the_scale_are_refused_with_the_reason(score: float | str) -> None:
    """A score of another scale says nothing; it is not clipped into a complaint."""
    verdict = judge_score(Instrument.CSAT, score)

    assert verdict.reason is RatingReason.OFF_SCALE
    assert verdict.share is None
    assert "between 1 and 5" in verdict.detail


@pytest.mark.parametrize("scale", [(None, None), (5, 1), (3, 3), (0, math.inf), (math.nan, 5)])
def test_without_a_scale_nothing_is_judged(scale: tuple[float | None, float | None]) -> None:
    """A custom question has no usual scale, and an empty or endless one is none."""
    verdict = judge_score(Instrument.CUSTOM, 3, scale_min=scale[0], scale_max=scale[1])

    assert verdict.reason is RatingReason.NO_SCALE


def test_far_below_the_expectation_is_low() -> None:
    """SERVQUAL: 3 of 7 is not low, but where 6 was expected the customer is let down."""
    expected_six = Rating(Instrument.SERVQUAL, expected=6.0, perceived=3.0)
    expected_five = Rating(Instrument.SERVQUAL, expected=5.0, perceived=3.0)

    assert judge_rating(expected_six).reason is RatingReason.BELOW_EXPECTATION
    assert judge_rating(expected_five).reason is RatingReason.NOT_LOW


def test_a_policy_may_draw_the_line_elsewhere() -> None:
    """Limits are data: all detractors, say."""
    assert judge_score(Instrument.NPS, 6, limits=RatingLimits(nps=0.6)).is_low
    assert not judge_score(Instrument.NPS, 6, limits=DEFAULT_LIMITS).is_low


SCALES = st.tuples(st.integers(-10, 10), st.integers(1, 100)).map(lambda x: (x[0], x[0] + x[1]))


@given(SCALES, st.data(), st.sampled_from(Instrument))
def test_turning_the_scale_round_turns_the_share_round(
    scale: tuple[int, int], data: st.DataObject, instrument: Instrument
) -> None:
    """The share of a score on a reversed scale is that of its mirror image."""
    low, high = scale
    score = data.draw(st.integers(low, high).filter(lambda x: x != 0 or low <= 0 <= high))
    plain = judge_score(instrument, score, scale_min=low, scale_max=high)
    turned = judge_score(
        instrument, low + high - score, scale_min=low, scale_max=high, is_reversed=True
    )

    assert plain.share == pytest.approx(turned.share)
    assert plain.share is not None
    assert 0 <= plain.share <= 1


@given(SCALES, st.data(), st.sampled_from(Instrument))
def test_a_better_score_is_never_lower(
    scale: tuple[int, int], data: st.DataObject, instrument: Instrument
) -> None:
    """If a score is not low, no higher one is."""
    low, high = scale
    scores = sorted(data.draw(st.lists(st.integers(low, high), min_size=2, max_size=2)))
    worse, better = (
        judge_score(instrument, score, scale_min=low, scale_max=high) for score in scores
    )

    assert worse.is_low or not better.is_low
