"""What is new wins, and nobody goes back by himself."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.complaints.sla.policy_file import default_policy
from schemas.customer import PolicyEntry
from schemas.events import PolicyPublished
from schemas.policy import Condition, PolicySet
from streams.errors import UserError
from streams.policies import Published, Standing, standing
from streams.policies.publishing import publication, record_of
from tests.builders import MONDAY


def policy(name: str) -> PolicySet:
    """A version that only has a name."""
    return replace(default_policy(), digest=name)


def published(*names: str) -> Published:
    """What stands on the topic after these were published, an hour after one another."""
    known = Published()
    for hours, name in enumerate(names):
        known.take(publication(known, policy(name), "test", MONDAY + timedelta(hours=hours)))
    return known


@pytest.mark.parametrize(
    ("names", "version", "before", "expected"),
    [
        ((), "a", None, Standing.NEWS),
        (("a",), "a", None, Standing.IN_FORCE),
        (("a",), "b", None, Standing.NEWS),
        (("a", "b"), "a", None, Standing.SUPERSEDED),  # a worker that starts with the old file
        (("a", "b"), "a", "b", Standing.NEWS),  # somebody changed the file back
        (("a", "b", "c"), "b", "a", Standing.SUPERSEDED),  # a worker that is one change behind
        (("a", "b"), "a", "a", Standing.SUPERSEDED),  # asked again, nothing changed
        (("a", "b", "a"), "a", None, Standing.IN_FORCE),
        (("a", "b", "a"), "b", None, Standing.SUPERSEDED),
    ],
)
def test_how_a_file_stands(
    names: tuple[str, ...], version: str, before: str | None, expected: Standing
) -> None:
    """News is content nobody published, or a change away from what is in force."""
    assert standing(published(*names), version, before) is expected


CHANGES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("abcd"), st.booleans()), max_size=20
)


@given(st.tuples(*[st.sampled_from("abcd")] * 3), CHANGES)
def test_workers_with_different_files_come_to_rest(
    files: tuple[str, ...], changes: list[tuple[int, str, bool]]
) -> None:
    """However files change and workers restart: without another change nothing is published, and
    every restart with the same files leaves what is in force."""
    known, held = Published(), list(files)

    def offer(version: str, before: str | None) -> bool:
        if standing(known, version, before) is not Standing.NEWS:
            return False
        known.take(publication(known, policy(version), "test", MONDAY))
        return True

    for version in held:
        offer(version, None)
    for worker, version, restarted in changes:
        offer(version, None if restarted else held[worker])
        held[worker] = version
    newest = known.newest
    assert newest is not None
    for _ in range(2):
        assert not any(offer(version, version) for version in held)
        assert not any(offer(version, None) for version in held)
    assert known.newest is newest


def test_a_rolling_deployment_ends_with_the_new_file() -> None:
    """Old workers see the new version come and leave it; going back needs a change or a person."""
    known = published("old")
    for _ in range(3):
        assert standing(known, "old", "old") is Standing.IN_FORCE
    known.take(publication(known, policy("new"), "first pod", MONDAY + timedelta(days=1)))
    assert standing(known, "old", "old") is Standing.SUPERSEDED
    assert standing(known, "new", "old") is Standing.IN_FORCE


def test_a_slow_clock_publishes_later_all_the_same() -> None:
    """What is published later is in force, whatever the machine's clock says."""
    known = published("a", "b")
    record = publication(known, policy("c"), "test", MONDAY - timedelta(days=3))
    known.take(record)
    newest = known.newest
    assert newest is not None
    assert newest.policy.digest == "c"


def test_a_partition_is_told_what_it_does_not_know() -> None:
    """In order; and not of the very version it knows, which two workers published at once."""
    known = published("a", "b", "c")
    assert [one.policy.digest for one in known.since(None)] == ["a", "b", "c"]
    a = PolicyEntry("a", MONDAY)
    assert [one.policy.digest for one in known.since(a)] == ["b", "c"]
    c = PolicyEntry("c", MONDAY + timedelta(minutes=90))
    assert known.since(c) == []


def test_what_is_no_version_is_passed_over() -> None:
    """A foreign record on the topic stops nobody; an older copy changes nothing."""
    known = published("a")
    assert not known.read(b"{nonsense")
    assert not known.read(None)
    _, value = record_of(PolicyPublished(policy=policy("a"), published_at=MONDAY - timedelta(1)))
    assert not known.read(value)
    assert "a" in known
    assert "b" not in known


def test_a_version_too_large_for_a_record_is_refused_with_its_size() -> None:
    """It is copied into every partition's log, and must fit there."""
    rule = replace(
        default_policy().policies[0],
        when=(Condition("category", tuple(f"category {n:06}" for n in range(40_000))),),
    )
    with pytest.raises(UserError, match="more than 524,288"):
        publication(Published(), replace(policy("x"), policies=(rule,)), "big.yaml")
