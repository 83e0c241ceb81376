"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.complaints.sla.durations import (
    MAX_SECONDS,
    format_duration,
    format_limit,
    parse_duration,
    parse_limit,
)
from schemas.policy import Limit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("30m", 1_800), ("24h", 86_400), ("3d", 259_200), ("1h30m", 5_400),
     ("1d2h3m4s", 93_784), ("0m", 0), ("90m", 5_400)],
)  # fmt: skip
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: int) -> None:
    """Days are 24 hours; parts stand from large to small."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "1m1h", "-5m", "1.5h", "5 m", "5min", "٣m", "3wd", "99999d", "9" * 5_000]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A clear error instead of a guess."""
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


def test_working_days_are_a_limit_but_no_duration() -> None:
    """`3wd` is a date to be found, not an amount."""
    assert parse_limit("3wd") == Limit(working_days=3)
    assert parse_limit("8h") == Limit(seconds=28_800)


@pytest.mark.parametrize("text", ["0h", "0wd", "1001wd", "99999wd", "3 wd"])
def test_a_limit_is_more_than_nothing_and_less_than_absurd(text: str) -> None:
    """A promise of no time is broken when it is made."""
    with pytest.raises(ValueError, match=r"wd|no time"):
        parse_limit(text)


@given(st.integers(0, MAX_SECONDS))
def test_reading_what_was_written_gives_it_back(seconds: int) -> None:
    """format_duration and parse_duration are inverse."""
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (9_000, "2h30m"), (3_585, "59m45s"), (97_200, "27h"), (1.5, "1.5s"), (-60, "-1m"),
     (3_600.000001, "1h0.000001s")],
)  # fmt: skip
def test_a_duration_reads_well(seconds: float, text: str) -> None:
    """Hours are not folded into days; no fraction is hidden."""
    assert format_duration(seconds) == text


def test_a_limit_is_written_as_it_is_read() -> None:
    """format_limit and parse_limit are inverse."""
    for text in ("3wd", "1h30m", "45s"):
        assert format_limit(parse_limit(text)) == text
