"""The doctor says whether this machine's file is what complaints are judged by."""

import pytest

from streams.doctor.findings import Health
from streams.doctor.policy import judge
from streams.policies import Published
from tests.streams.policies.test_publishing import policy, published


@pytest.mark.parametrize(
    ("names", "file", "health", "says"),
    [
        ((), "a", Health.UNKNOWN, "no worker has started"),
        (("a",), "a", Health.FINE, "the file is in force: a of test, 2026-03-02 09:00 UTC"),
        (("a",), None, Health.FINE, "in force is a"),
        (("a",), "b", Health.DOUBTFUL, "never published"),
        (("a", "b"), "a", Health.DOUBTFUL, "superseded by b"),
    ],
)
def test_how_the_file_stands(
    names: tuple[str, ...], file: str | None, health: Health, says: str
) -> None:
    """In force, not published, superseded; and nothing to say before the first worker."""
    known: Published = published(*names)
    found = judge(None if file is None else policy(file), known)
    assert found.health is health
    assert says in found.says
    assert (health is Health.DOUBTFUL) == bool(found.mend)
