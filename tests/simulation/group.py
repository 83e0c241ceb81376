"""The group coordinator: members, generations, rebalances, and the fencing of former members.

Join and sync are one request here. Between the two, commits are refused as Kafka does while the
leader's assignment is awaited.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar

from aiokafka.errors import (
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from streams.engine import TopicPartition
from streams.engine.assignor import Member, assign_by_topic
from tests.simulation.broker import Broker

__all__ = ["Group", "Joined"]

Answer = Callable[[Any], None]


@dataclass(frozen=True)
class Joined:
    """What a member gets: who it is, its generation and its partitions."""

    member_id: str
    generation: int
    assigned: tuple[TopicPartition, ...]


class _Phase(Enum):
    EMPTY = auto()
    PREPARING = auto()
    COMPLETING = auto()
    STABLE = auto()


@dataclass
class _Member:
    topics: frozenset[str]
    owned: frozenset[TopicPartition]
    generation: int
    session_seconds: float
    rebalance_seconds: float
    heard_at: float
    answer: Answer | None = None
    """Set while it waits for the rebalance to end."""
    watch: int = 0
    assigned: tuple[TopicPartition, ...] = ()


@dataclass
class Group:
    """One consumer group."""

    broker: Broker
    watch_commit: Callable[[TopicPartition, int], None] = lambda tp, offset: None
    fences: ClassVar[bool] = True
    """Whether former members are refused; off is a hole put back on purpose."""
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    members: dict[str, _Member] = field(default_factory=dict)
    generation: int = 0
    rebalances: int = 0
    phase: _Phase = _Phase.EMPTY
    _instances: dict[str, str] = field(default_factory=dict)
    _ids: int = 0
    _round: int = 0

    # --- requests --------------------------------------------------------------------------------

    def join(
        self,
        member_id: str,
        topics: Iterable[str],
        owned: Iterable[TopicPartition],
        generation: int,
        session_seconds: float,
        rebalance_seconds: float,
        instance: str | None,
        answer: Answer,
    ) -> None:
        """A member asks to be in the next generation; it is answered when that begins.

        A static member (`instance`) that starts again within its session is answered at once: it
        has the partitions its former self had.
        """
        if member_id and member_id not in self.members:
            raise UnknownMemberIdError
        if not member_id:
            self._ids += 1
            member_id = f"m{self._ids}"
            if instance is not None and self._comes_back(member_id, instance, answer):
                return
        now = self.broker.loop.now
        self.members[member_id] = _Member(
            frozenset(topics),
            frozenset(owned),
            generation,
            session_seconds,
            rebalance_seconds,
            now,
            answer,
        )
        if self.phase is not _Phase.PREPARING:
            self._prepare()
        self._complete_if_all_are_here()

    def _comes_back(self, name: str, instance: str, answer: Answer) -> bool:
        """Put a static member in the place of its former self; whether that is all there is."""
        before, self._instances[instance] = self._instances.get(instance), name
        member = self.members.pop(before, None) if before is not None else None
        if member is None or self.phase is not _Phase.STABLE:
            return False
        self.members[name] = member
        member.watch = 0
        self._hear(name, member)
        answer(Joined(name, self.generation, member.assigned))
        return True

    def heartbeat(self, member_id: str, generation: int, answer: Answer) -> None:
        """A member is alive; the answer tells it to join again when a rebalance is on."""
        member = self._known(member_id, generation)
        self._hear(member_id, member)
        if self.phase is _Phase.PREPARING:
            raise RebalanceInProgressError
        answer(None)

    def leave(self, member_id: str, answer: Answer) -> None:
        """A member goes."""
        self._remove(member_id)
        answer(None)

    def commit(
        self,
        member_id: str,
        generation: int,
        offsets: Mapping[TopicPartition, int],
        answer: Answer,
    ) -> None:
        """Take offsets of a member of the present generation, or of nobody while nobody is here."""
        if self.fences and (generation >= 0 or self.members):
            self._hear(member_id, self._known(member_id, generation))
            if self.phase is _Phase.COMPLETING:
                raise RebalanceInProgressError
        for tp, offset in offsets.items():
            self.watch_commit(tp, offset)
            self.offsets[tp] = offset
        answer(None)

    # --- rebalance -------------------------------------------------------------------------------

    def _known(self, member_id: str, generation: int) -> _Member:
        member = self.members.get(member_id)
        if member is None:
            raise UnknownMemberIdError
        if generation != self.generation:
            raise IllegalGenerationError
        return member

    def _prepare(self) -> None:
        self.phase = _Phase.PREPARING
        self._round += 1
        patience = max(member.rebalance_seconds for member in self.members.values())
        self.broker.loop.at(patience, self._give_up_waiting, self._round)

    def _give_up_waiting(self, number: int) -> None:
        if self.phase is _Phase.PREPARING and number == self._round:
            for name, member in list(self.members.items()):
                if member.answer is None:
                    del self.members[name]
            self._complete_if_all_are_here()

    def _complete_if_all_are_here(self) -> None:
        if self.phase is not _Phase.PREPARING:
            return
        if not self.members:
            self.phase = _Phase.EMPTY
            return
        if all(member.answer is not None for member in self.members.values()):
            self.phase = _Phase.COMPLETING
            self.generation += 1
            self.rebalances += 1
            self.broker.loop.at(self.broker.network.one_way() * 2, self._assign, self._round)

    def _assign(self, number: int) -> None:
        if number != self._round or self.phase is not _Phase.COMPLETING:
            return
        self.phase = _Phase.STABLE
        shares = assign_by_topic(
            {topic: range(count) for topic, count in self.broker.partitions.items()},
            {name: _said(member) for name, member in self.members.items()},
        )
        for name, member in self.members.items():
            tps = tuple(
                TopicPartition(topic, number)
                for topic, numbers in shares[name].items()
                for number in numbers
            )
            answer, member.answer = member.answer, None
            member.assigned = tps
            self._hear(name, member)
            if answer is not None:
                answer(Joined(name, self.generation, tps))

    # --- sessions --------------------------------------------------------------------------------

    def _hear(self, name: str, member: _Member) -> None:
        loop = self.broker.loop
        member.heard_at = loop.now
        if not member.watch:
            member.watch = 1
            loop.at(member.session_seconds, self._look, name, member)

    def _look(self, name: str, member: _Member) -> None:
        """Remove a member that was silent for its session, look again later otherwise."""
        if self.members.get(name) is not member:
            return
        loop = self.broker.loop
        silent = loop.now - member.heard_at
        if member.answer is None and silent >= member.session_seconds:
            self._remove(name)
        else:
            loop.at(max(0.05, member.session_seconds - silent), self._look, name, member)

    def _remove(self, name: str) -> None:
        if self.members.pop(name, None) is None:
            return
        if not self.members:
            self.phase = _Phase.EMPTY
        elif self.phase is _Phase.PREPARING:
            self._complete_if_all_are_here()
        else:
            self._prepare()


def _said(member: _Member) -> Member:
    owned: dict[str, set[int]] = {}
    for tp in member.owned:
        owned.setdefault(tp.topic, set()).add(tp.partition)
    return Member(
        member.topics, {topic: frozenset(them) for topic, them in owned.items()}, member.generation
    )


def refusal(error: KafkaError) -> bool:
    """Whether the group has told a client that it is not a member of this generation."""
    return isinstance(
        error, UnknownMemberIdError | IllegalGenerationError | RebalanceInProgressError
    )
