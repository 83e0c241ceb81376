"""Partitions are shared out evenly, topic by topic, and move as little as that allows."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.assignor import Member, assign_by_topic

TOPICS = {"chat": range(8), "email": range(8), "events": range(12), "phone": range(3)}
names = st.sampled_from(["ann", "bob", "eve", "joe", "kim"])


def again(
    members: set[str], before: dict[str, dict[str, list[int]]], generation: int
) -> dict[str, dict[str, list[int]]]:
    """The next assignment, when members tell what they had."""
    return assign_by_topic(
        TOPICS,
        {
            name: Member(
                frozenset(TOPICS),
                {topic: frozenset(had) for topic, had in before.get(name, {}).items()},
                generation if name in before else -1,
            )
            for name in members
        },
    )


def check(members: set[str], shares: dict[str, dict[str, list[int]]]) -> None:
    """Complete, disjoint and even."""
    for topic, partitions in TOPICS.items():
        owned = [shares[name].get(topic, []) for name in members]
        assert sorted(partition for share in owned for partition in share) == list(partitions)
        sizes = [len(share) for share in owned]
        assert max(sizes) - min(sizes) <= 1
    totals = [sum(map(len, shares[name].values())) for name in members]
    assert max(totals) - min(totals) <= 1


@given(st.lists(st.sets(names, min_size=1), min_size=1, max_size=8))
def test_shares_are_complete_even_and_stable(history: list[set[str]]) -> None:
    """Through any history of members: even by topic and in total; no change, no move."""
    shares: dict[str, dict[str, list[int]]] = {}
    for generation, members in enumerate(history):
        shares = again(members, shares, generation)
        check(members, shares)
        assert again(members, shares, generation + 1) == shares


def test_a_joining_member_takes_only_its_share() -> None:
    """Everybody else keeps what they had, less that share."""
    before = again({"ann", "bob"}, {}, 1)
    after = again({"ann", "bob", "eve"}, before, 2)
    for name in ("ann", "bob"):
        for topic, partitions in after[name].items():
            assert set(partitions) <= set(before[name][topic])


def test_a_leaving_member_gives_only_its_share() -> None:
    """What the others had stays with them."""
    before = again({"ann", "bob", "eve", "joe"}, {}, 1)
    after = again({"ann", "bob"}, before, 2)
    for name in ("ann", "bob"):
        for topic, partitions in before[name].items():
            assert set(partitions) <= set(after[name][topic])


def test_the_younger_generation_is_believed() -> None:
    """A member that was away may still claim what others own by now."""
    shares = assign_by_topic(
        {"events": range(2)},
        {
            "stale": Member(frozenset({"events"}), {"events": frozenset({0, 1})}, 3),
            "owner": Member(frozenset({"events"}), {"events": frozenset({0})}, 7),
        },
    )
    assert shares == {"owner": {"events": [0]}, "stale": {"events": [1]}}


def test_members_of_other_topics_get_nothing_they_did_not_ask_for() -> None:
    """During an upgrade the members may not agree about topics."""
    shares = assign_by_topic(
        {"old": range(4), "new": range(4), "gone": range(0)},
        {
            "one": Member(frozenset({"old"})),
            "two": Member(frozenset({"old", "new", "gone"})),
        },
    )
    assert shares["one"] == {"old": shares["one"]["old"]}
    assert shares["two"]["new"] == [0, 1, 2, 3]
    assert sorted(shares["one"]["old"] + shares["two"].get("old", [])) == [0, 1, 2, 3]
