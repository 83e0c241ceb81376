"""Who gets which partition: evenly topic by topic, and where it was before if possible.

The assignors that come with clients balance the *number* of partitions only, or start from scratch
each time. With several stages in one group that may put one whole stage on one worker: eight light
partitions here, eight heavy ones there count as balanced. This one gives every member its share of
each topic, keeps totals within one of each other, and within that leaves partitions where they are,
so that few rows have to be restored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

__all__ = ["Member", "assign_by_topic", "by_topic_assignor"]


@dataclass(frozen=True)
class Member:
    """What a member of the group says when it joins."""

    topics: frozenset[str]
    owned: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Partitions by topic it had in `generation`."""
    generation: int = -1


def assign_by_topic(
    partitions: Mapping[str, Iterable[int]], members: Mapping[str, Member]
) -> dict[str, dict[str, list[int]]]:
    """Partitions by topic for every member.

    Every partition of a topic somebody subscribes to has one owner. Among members with the same
    topics, shares of a topic differ by one at most, and so do totals. Assigning again with nothing
    changed moves nothing.
    """
    shares: dict[str, dict[str, list[int]]] = {name: {} for name in members}
    totals = dict.fromkeys(members, 0)
    for topic in sorted({topic for member in members.values() for topic in member.topics}):
        names = sorted(name for name in members if topic in members[name].topics)
        kept = _previous_owners(topic, sorted(partitions.get(topic, ())), names, members)
        for name, share in _share_out(kept, names, totals).items():
            totals[name] += len(share)
            if share:
                shares[name][topic] = sorted(share)
    return shares


def _previous_owners(
    topic: str, partitions: Iterable[int], names: Iterable[str], members: Mapping[str, Member]
) -> dict[int, str | None]:
    """Who had a partition last; when two claim it, the one of the younger generation."""
    owners: dict[int, str | None] = {}
    for partition in partitions:
        claims = [
            (members[name].generation, name)
            for name in names
            if partition in members[name].owned.get(topic, ())
        ]
        owners[partition] = max(claims)[1] if claims else None
    return owners


def _share_out(
    owners: Mapping[int, str | None], names: list[str], totals: Mapping[str, int]
) -> dict[str, list[int]]:
    had = {name: [p for p, owner in owners.items() if owner == name] for name in names}
    share, extra = divmod(len(owners), len(names))
    # One more for those who have least so far; among equals for those who have one more already.
    by_need = sorted(names, key=lambda name: (totals[name], -len(had[name]), name))
    quota = {name: share + (place < extra) for place, name in enumerate(by_need)}
    shares = {name: had[name][: quota[name]] for name in names}
    settled = {partition for share_of in shares.values() for partition in share_of}
    free = [partition for partition in owners if partition not in settled]
    for name in by_need:
        while len(shares[name]) < quota[name]:
            shares[name].append(free.pop(0))
    return shares


def by_topic_assignor() -> type:
    """A fresh assignor class for one consumer: aiokafka keeps what a member owns on the class."""
    return type("ByTopicAssignor", (_ByTopicAssignor,), {})


class _ByTopicAssignor(StickyPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """Speaks aiokafka's sticky protocol (members tell what they had) and decides by topic."""

    name = "sticky-by-topic"

    @classmethod
    def assign(cls, cluster: Any, members: Mapping[str, Any]) -> dict[str, Any]:
        """Called on the group's leader with what all members said."""
        said = {name: cls.parse_member_metadata(metadata) for name, metadata in members.items()}
        joined = {
            name: Member(frozenset(each.subscription), _by_topic(each.partitions), each.generation)
            for name, each in said.items()
        }
        topics = {topic for member in joined.values() for topic in member.topics}
        partitions = {topic: cluster.partitions_for_topic(topic) or () for topic in topics}
        return {
            name: ConsumerProtocolMemberAssignment(cls.version, sorted(shares.items()), b"")
            for name, shares in assign_by_topic(partitions, joined).items()
        }


def _by_topic(tps: Iterable[Any]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for tp in tps:
        found.setdefault(tp.topic, set()).add(tp.partition)
    return {topic: frozenset(partitions) for topic, partitions in found.items()}
