"""Stand-ins for aiokafka's consumer and admin client, with the habits the engine has to live with.

Taken over from aiokafka 0.14: `getmany` waits for the next assignment during a rebalance; records
that were fetched are handed out although the group has moved on; heartbeats go on while partitions
are revoked and start again only after the assignment callback; a commit that got no answer is sent
again *with the generation of that moment*; refused members join anew under another id.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    RebalanceInProgressError,
)

from streams.engine import TopicPartition
from tests.simulation.broker import Connection, Record
from tests.simulation.group import Answer, Joined, refusal
from tests.simulation.world import Cluster, here

__all__ = ["BACKOFF_SECONDS", "Admin", "Client", "Consumer"]

BACKOFF_SECONDS = 0.1
FETCHED = 40
"""Records per fetch: more than a batch, so that some wait in the client."""
NO_ID = ""


class Client:
    """What consumer and admin share: a connection, and questions asked until answered."""

    def __init__(self, **settings: Any) -> None:
        self.cluster: Cluster
        self.cluster, self.process = here()
        self.broker = self.cluster.broker
        self.loop = self.cluster.loop
        self.group = self.cluster.group
        self.settings = settings
        self.connection = Connection(self.broker.network, self.process)

    async def start(self) -> None:
        """Connect; refused while no broker answers."""
        await asyncio.sleep(self.broker.network.one_way())
        if not self.broker.network.reaches(self.process):
            raise KafkaConnectionError("connection refused")

    def ask(
        self, apply: Callable[[Answer], None], timeout_seconds: float | None = None
    ) -> "asyncio.Future[Any]":
        """One request; the future raises the broker's error, or a time-out."""
        future: asyncio.Future[Any] = self.loop.create_future()

        def answered(result: Any, error: KafkaError | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.connection.request(apply, answered, timeout_seconds)
        return future

    async def insist(self, apply: Callable[[Answer], None]) -> Any:
        """Ask until there is an answer that is no retriable error, as aiokafka does."""
        while True:
            try:
                return await self.ask(apply)
            except KafkaError as error:
                if not error.retriable:
                    raise
            await asyncio.sleep(BACKOFF_SECONDS)


@dataclass
class _Offset:
    offset: int


class Admin(Client):
    """Topic metadata and the group's offsets."""

    async def close(self) -> None:
        """Disconnect."""
        self.connection.open = False

    async def describe_topics(self, _names: object) -> list[dict[str, Any]]:
        """All topics and their partitions."""
        found = await self.ask(lambda answer: answer(dict(self.broker.partitions)))
        return [
            {"topic": name, "error_code": 0, "partitions": [{}] * count}
            for name, count in found.items()
        ]

    async def list_consumer_group_offsets(
        self, _group: str, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, _Offset]:
        """Committed offsets; -1 where there is none."""
        offsets = await self.ask(lambda answer: answer(dict(self.group.offsets)))
        return {tp: _Offset(offsets.get(tp, -1)) for tp in partitions}


class Consumer(Client):
    """A member of the group when it has a `group_id`, a plain reader otherwise."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.assigned: frozenset[TopicPartition] | None = None
        self._listener: Any = None
        self._topics: Sequence[str] = ()
        self._positions: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._buffers: dict[TopicPartition, Sequence[Record]] = {}
        self._assignment = asyncio.Event()
        self._wake = asyncio.Event()
        self._closing = False
        self._rejoin = True
        self._member_id, self._generation = NO_ID, -1
        self._coordinator: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None

    # --- assignment ------------------------------------------------------------------------------

    def subscribe(self, topics: Sequence[str], listener: Any) -> None:
        """Join the group for these topics."""
        self._topics, self._listener = topics, listener
        self._coordinator = asyncio.create_task(self._coordinate())

    def assign(self, tps: Iterable[TopicPartition]) -> None:
        """Read these partitions, without a group."""
        self._take(tps)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Go on from there."""
        self._positions[tp] = offset
        self._buffers.pop(tp, None)

    def _take(self, tps: Iterable[TopicPartition]) -> None:
        self.assigned = frozenset(tps)
        self._positions, self._buffers, self._ends = {}, {}, {}
        self._assignment.set()

    def _check(self, tp: TopicPartition) -> None:
        if self._closing:
            raise ConsumerStoppedError
        if self.assigned is None or tp not in self.assigned:
            raise IllegalStateError(f"no current assignment for {tp}")

    async def stop(self) -> None:
        """Finish coordination, leave the group, disconnect."""
        self._closing = True
        self._wake.set()
        if self._coordinator is not None:
            await self._coordinator
            await self._stop_heart()
            if self._generation > 0 and self.settings["group_instance_id"] is None:
                name, self._generation = self._member_id, -1
                with contextlib.suppress(KafkaError):
                    await self.ask(lambda answer: self.group.leave(name, answer))
        self.connection.open = False

    # --- reading ---------------------------------------------------------------------------------

    async def position(self, tp: TopicPartition) -> int:
        """The next offset: committed, or the beginning."""
        self._check(tp)
        while tp not in self._positions:
            committed = await self._committed(tp)
            self._check(tp)
            if tp not in self._positions:
                self._positions[tp] = committed or 0
        return self._positions[tp]

    async def committed(self, tp: TopicPartition) -> int | None:
        """What the group has committed."""
        self._check(tp)
        return await self._committed(tp)

    async def _committed(self, tp: TopicPartition) -> int | None:
        offsets = self.group.offsets
        found: int | None = await self.insist(lambda answer: answer(offsets.get(tp)))
        return found

    async def beginning_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where partitions begin."""
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where partitions end."""
        wanted, end = list(tps), self.broker.told_end
        ends: dict[TopicPartition, int] = await self.insist(
            lambda answer: answer({tp: end(tp) for tp in wanted})
        )
        return ends

    def highwater(self, tp: TopicPartition) -> int | None:
        """The end as the last fetch told it."""
        self._check(tp)
        return self._ends.get(tp)

    async def getmany(
        self, tp: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, Sequence[Record]]:
        """Records from the buffer, or a fetch that waits for some."""
        while self._listener is not None and self.assigned is None and not self._closing:
            await self._assignment.wait()
        self._check(tp)
        if tp not in self._buffers:
            position = await self.position(tp)
            records, end = await self._fetch(tp, position, timeout_ms / 1000)
            if self._positions.get(tp) != position:
                return {}
            self._ends[tp] = max(end, self._ends.get(tp, 0))
            if not records:
                self._positions[tp] = max(position, end)  # the rest of the log was compacted away
                return {}
            self._buffers[tp] = records
        got = self._buffers[tp][:max_records]
        if rest := self._buffers[tp][max_records:]:
            self._buffers[tp] = rest
        else:
            del self._buffers[tp]
        self._positions[tp] = got[-1].offset + 1
        return {tp: got}

    async def _fetch(
        self, tp: TopicPartition, position: int, wait_seconds: float
    ) -> tuple[Sequence[Record], int]:
        future: asyncio.Future[Any] = self.loop.create_future()

        def answered(result: Any, _error: KafkaError | None) -> None:
            if not future.done():
                future.set_result(result or ((), 0))

        def serve(answer: Any) -> None:
            log = self.broker.log_of(tp)
            done = False

            def respond() -> None:
                nonlocal done
                if not done:
                    done = True
                    answer((log.read(position, FETCHED), log.end))

            if log.end > position:
                respond()
            else:
                log.when_appended(respond)
                self.broker.loop.at(wait_seconds, respond)

        self.connection.request(serve, answered, wait_seconds + 0.5)
        found: tuple[Sequence[Record], int] = await future
        return found

    # --- offsets ---------------------------------------------------------------------------------

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit; asked again until there is an answer, with the generation of that moment."""
        while True:
            name, generation = self._member_id, self._generation
            try:
                asking = self.ask(partial(self.group.commit, name, generation, offsets))
                asking.add_done_callback(_noticed)
                await asyncio.shield(asking)
            except KafkaError as error:
                if refusal(error):
                    self._refused(error)
                    raise CommitFailedError("the group has already rebalanced") from error
                await asyncio.sleep(BACKOFF_SECONDS)
            else:
                return

    # --- membership ------------------------------------------------------------------------------

    def _refused(self, error: KafkaError) -> None:
        if not isinstance(error, RebalanceInProgressError):
            self._member_id, self._generation = NO_ID, -1
        self._rejoin = True
        self._wake.set()

    async def _coordinate(self) -> None:
        prepared = False
        before: frozenset[TopicPartition] = frozenset()
        while not self._closing:
            if not self._rejoin:
                self._wake.clear()
                await self._wake.wait()
                continue
            if not prepared:
                before = self.assigned or frozenset()
                self.assigned = None
                self._assignment.clear()
                self.cluster.note("revoked", len(before))
                await self._listener.on_partitions_revoked(before)
                prepared = True
            await self._stop_heart()
            if (joined := await self._join(before)) is None:
                await asyncio.sleep(BACKOFF_SECONDS)
                continue
            self._member_id, self._generation = joined.member_id, joined.generation
            self._rejoin = prepared = False
            self._take(joined.assigned)
            self.cluster.note("assigned", joined.member_id, joined.generation, len(joined.assigned))
            self._listener.on_partitions_assigned(self.assigned)
            self._heart = asyncio.create_task(self._beat())

    async def _join(self, before: frozenset[TopicPartition]) -> Joined | None:
        session = self.settings["session_timeout_ms"] / 1000
        patience = self.settings["rebalance_timeout_ms"] / 1000
        name, generation = self._member_id, self._generation
        instance = self.settings["group_instance_id"]
        try:
            joined: Joined = await self.ask(
                partial(
                    self.group.join,
                    name,
                    self._topics,
                    before,
                    generation,
                    session,
                    patience,
                    instance,
                ),
                patience + 2.0,
            )
        except KafkaError as error:
            if refusal(error):
                self._refused(error)
            return None
        return joined

    async def _beat(self) -> None:
        interval = self.settings["heartbeat_interval_ms"] / 1000
        while self._member_id != NO_ID:
            await asyncio.sleep(interval)
            name, generation = self._member_id, self._generation
            try:
                await self.ask(partial(self.group.heartbeat, name, generation))
            except KafkaError as error:
                if refusal(error) and (name, generation) == (self._member_id, self._generation):
                    self._refused(error)

    async def _stop_heart(self) -> None:
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)
            self._heart = None


def _noticed(answer: "asyncio.Future[Any]") -> None:
    """Who gave up waiting for an answer does not miss it, whatever it is."""
    if not answer.cancelled():
        answer.exception()
