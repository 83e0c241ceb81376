"""Real words and real mail: floors safely below what `python -m benchmarks.detection` measured.

Rules were written while reading one half of each set; these floors are of the other half.
"""

from pathlib import Path

import pytest

from benchmarks import detection as bench
from schemas.email import AutoKind

ROWS = 600
"""Enough to hold the floors, few enough to be quick; the benchmark reads all."""


@pytest.mark.parametrize(
    ("name", "precision", "recall"),
    [
        ("product reviews, en", 0.88, 0.58),
        ("reviews, zh (proxy)", 0.90, 0.57),
        ("regulator's complaints, en", 1.0, 0.65),
        ("support remarks, en (proxy)", 0.70, 0.33),
    ],
)
def test_complaints_are_found_with_few_false_alarms(
    shared_data: Path, name: str, precision: float, recall: float
) -> None:
    """A false complaint wakes somebody, so precision has the higher floor."""
    score = bench.measure(bench.SETS[name](shared_data), ROWS)

    assert score.rows >= ROWS
    assert score.precision >= precision
    assert score.recall >= recall


def test_questions_to_a_bank_are_hardly_ever_complaints(shared_data: Path) -> None:
    """One in fifty is flagged, most of them rightly ("I am not happy with your company")."""
    score = bench.measure(bench.bank_queries(shared_data), 2 * ROWS)

    assert score.rows >= 2 * ROWS
    assert score.found_ratio <= 0.03


def test_messages_to_companies_are_mostly_questions(shared_data: Path) -> None:
    """Not labelled; the share of found ones only must stay plausible."""
    score = bench.measure(bench.care_messages(shared_data))

    assert score.rows > 200
    assert 0.03 <= score.found_ratio <= 0.15


def test_bounces_are_told_by_their_headers(shared_data: Path) -> None:
    """Nine in ten real bounces, from thirty years of mail systems, without reading a body."""
    counts = bench.auto_kinds(shared_data, "email_fixtures.tar.gz", "flufl_bounce")

    assert counts[AutoKind.BOUNCE] / counts.total() >= 0.9


def test_people_are_not_taken_for_machines(shared_data: Path) -> None:
    """No answer of a person among the reply fixtures is called automatic."""
    counts = bench.auto_kinds(shared_data, "email_fixtures.tar.gz", "talon/standard_replies")

    assert set(counts) == {AutoKind.NONE}


def test_own_words_of_real_mail_clients(shared_data: Path) -> None:
    """The reply fixtures of a dozen clients, as text and as HTML, give the answer alone.

    One HTML part says something else than its text part, and keeps it.
    """
    answers = list(bench.replies(shared_data))
    others = {" ".join(words.split()) for _, words in answers} - {"Hello", "Hi. I am fine."}

    assert len(answers) >= 25
    assert others == {"Allo! Follow up MIME!"}
