"""The tightest promises, and how sure they are."""

import math
import random

import msgspec
import pytest

from agents.complaints.sla.judging import Verdict
from agents.complaints.sla.suggest import (
    FEWEST,
    kaplan_meier,
    quantile_with_limits,
    round_up,
    satisfaction_by_wait,
    suggest,
)
from schemas.clock import ClockState
from tests.agents.complaints.sla.support import opened
from tests.agents.complaints.sla.test_whatif import DAY, answered, case, verdicts


def waits(minutes: list[int], still_open: int = 0) -> list[Verdict]:
    """First responses after so many minutes, and some that nobody has given."""
    cases = [case(f"c{n}", answered(wait)) for n, wait in enumerate(minutes)]
    cases += [case(f"o{n}", opened("2026-03-02 09:00")) for n in range(still_open)]
    return verdicts(DAY, cases)


def test_a_suggested_limit_would_have_been_kept_that_often_and_no_shorter_one_would() -> None:
    """The verdicts of the suggested limit themselves say so."""
    minutes = list(range(3, 300, 3))
    (found,) = suggest(waits(minutes), shares=(0.90,))
    assert found.limit_seconds is not None
    kept = sum(minute * 60 < found.limit_seconds for minute in minutes) / len(minutes)
    tighter = sum(minute * 60 < found.limit_seconds * 0.9 for minute in minutes) / len(minutes)
    assert kept >= 0.90 > tighter


def test_too_few_waits_suggest_nothing() -> None:
    """One of nineteen is already five percent."""
    assert suggest(waits([5] * (FEWEST - 1))) == []
    assert len(suggest(waits([5] * FEWEST))) == 3


def test_waits_that_have_not_ended_are_not_forgotten() -> None:
    """Forty answered and forty still waiting: not even half are known to be answered in time."""
    (half,) = suggest(waits(list(range(1, 41)), still_open=40), shares=(0.5,))
    (ninety,) = suggest(waits(list(range(1, 41)), still_open=40), shares=(0.9,))
    assert half.limit_seconds is not None
    assert half.limit_seconds > 40 * 60 - 1
    assert ninety.limit_seconds is None
    assert (half.count, half.still_open) == (80, 40)


def test_groups_are_counted_apart_and_clocks_without_a_verdict_not_at_all() -> None:
    """By channel, tier and region."""
    base = waits([5] * 30)
    phone = [msgspec.structs.replace(verdict, channel="phone") for verdict in base]
    ended = [msgspec.structs.replace(verdict, state=ClockState.ENDED) for verdict in base]
    found = suggest(base + phone + ended, "channel", shares=(0.9,))
    assert [(item.labels, item.count) for item in found] == [(("email",), 30), (("phone",), 30)]


def test_the_curve_is_that_of_the_textbook() -> None:
    """Kaplan and Meier on 6-MP, the leukaemia data of Freireich et al. (1963)."""
    ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = kaplan_meier([(t, True) for t in ended] + [(t, False) for t in censored])
    assert curve.times == [6, 7, 10, 13, 16, 22, 23]
    assert curve.waiting == pytest.approx(
        [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], abs=5e-5
    )
    assert quantile_with_limits(curve, 0.5)[0] == 23


def test_the_interval_holds_the_true_limit_about_nineteen_times_in_twenty() -> None:
    """Simulated: exponential waits, a fifth of them censored, the true 90 % point known."""
    chance = random.Random(2026)
    truth = -math.log(0.1)
    hits = rounds = 0
    for _ in range(200):
        sample = []
        for _ in range(150):
            wait, seen = chance.expovariate(1), chance.expovariate(0.25)
            sample.append((min(wait, seen), wait <= seen))
        _, low, high = quantile_with_limits(kaplan_meier(sample), 0.9)
        rounds += 1
        hits += (low is None or low <= truth) and (high is None or truth <= high)
    assert 0.92 <= hits / rounds <= 0.99


@pytest.mark.parametrize(
    ("seconds", "limit"),
    [(0, 1), (9, 10), (59.5, 60), (100, 101), (600, 660), (3_000, 3_300), (20_000, 21_600),
     (35_999, 36_000), (36_000, 39_600), (500_000, 504_000), (2_000_000, 2_073_600)],
)  # fmt: skip
def test_a_limit_is_a_round_figure_above_the_wait(seconds: float, limit: int) -> None:
    """At the due instant it is broken, so the limit is longer than the wait; never by much."""
    assert round_up(seconds) == limit
    assert seconds < limit <= max(seconds * 1.12, seconds + 1)


def test_beyond_the_data_there_is_no_figure() -> None:
    """Nothing is extrapolated."""
    assert round_up(None) is None


def test_satisfaction_falls_with_waiting_and_says_how_sure_that_is() -> None:
    """Scores by wait, each with its count and Wilson's interval."""
    cases = [case(f"f{n}", answered(4), csat=5) for n in range(10)]
    cases += [case(f"s{n}", answered(300), csat=1 + n % 2 * 3) for n in range(10)]
    cases.append(case("silent", answered(300)))
    fast, slow = satisfaction_by_wait(verdicts(DAY, cases), cases)
    assert (fast.count, fast.mean_score, fast.satisfied_ratio) == (10, 5, 1)
    assert (slow.count, slow.mean_score, slow.satisfied_ratio) == (10, 2.5, 0.5)
    assert (fast.from_seconds, fast.to_seconds, slow.from_seconds) == (0, 300, 14_400)
    assert slow.low_ratio < 0.5 < slow.high_ratio
