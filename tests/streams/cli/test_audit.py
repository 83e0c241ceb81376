"""What `manyi audit --since` understands."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from streams.audit import Audit, PartitionAudit, lines
from streams.cli.audit import since_of

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("120000", 120_000),
        ("90m", NOW - timedelta(minutes=90)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("2026-03-01T08:00Z", NOW - timedelta(days=1)),
        ("2026-03-02T16:00+08:00", NOW),
    ],
)
def test_offsets_spans_and_times(text: str, meant: int | datetime) -> None:
    """A number is an offset; a span counts back from now; a time has its zone."""
    assert since_of(text, NOW) == meant


@pytest.mark.parametrize("text", ["yesterday", "2h30", "2026-03-01T08:00", "-5"])
def test_what_could_mean_two_things_is_refused(text: str) -> None:
    """Above all a time without a zone."""
    with pytest.raises(click.BadParameter):
        since_of(text, NOW)


def test_the_last_line_says_how_far_the_proof_goes() -> None:
    """Whole, for some customers, with some that cannot be proved, or not at all."""

    def last(**found: object) -> str:
        part = PartitionAudit(partition=0, applied=9, customers=5, **found)  # type: ignore[arg-type]
        return list(lines(Audit([part])))[-1]

    assert last() == "Equal: 5 customers, their tables and the accounting."
    assert last(since=3, tables=False) == "Equal: 5 customers."
    assert last(begin=4, unprovable=2, tables=False) == "Equal: 3 customers; 2 cannot be proved."
    assert last(differences=["customer x"]) == "Not equal."
