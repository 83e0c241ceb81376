"""A stand-in for aiokafka's producer: one batch on the wire per partition, one waiting behind it.

With an id (idempotent) it sends a batch until there is an answer, and the broker knows it again.
Without, it gives up after the request time-out, although the batch may stand in the log; what was
sent twice then stands there twice.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError, KafkaTimeoutError, NotEnoughReplicasAfterAppendError

from streams.engine import TopicPartition
from tests.simulation.broker import Draft
from tests.simulation.consumer import BACKOFF_SECONDS, Client
from tests.simulation.loop import BOOT, EPOCH

__all__ = ["Batch", "Producer"]


class Batch:
    """A record batch being built, sized nearly as the real one."""

    __slots__ = ("_size", "closed", "drafts", "stamp")

    def __init__(self, stamp: int) -> None:
        self.drafts: list[Draft] = []
        self.closed = False
        self.stamp = stamp
        self._size = 61

    def append(
        self,
        *,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> object:
        """Add a record."""
        if self.closed:
            raise RuntimeError("a closed batch takes no records")
        stamp = self.stamp if timestamp is None else timestamp
        self.drafts.append((key, value, tuple(headers or ()), stamp))
        self._size += len(key or b"") + len(value or b"") + 12
        return self

    def size(self) -> int:
        """Bytes so far."""
        return self._size

    def record_count(self) -> int:
        """Records so far."""
        return len(self.drafts)

    def close(self) -> None:
        """No more records."""
        self.closed = True


@dataclass(frozen=True)
class _Answer:
    offset: int


@dataclass
class _Sending:
    batch: Batch
    future: "asyncio.Future[_Answer]"
    since: float
    sequence: int


class Producer(Client):
    """Sends record batches."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._id = self.broker.new_producer_id() if settings["enable_idempotence"] else 0
        self._timeout_seconds = settings["request_timeout_ms"] / 1000
        self._wire: dict[TopicPartition, _Sending] = {}
        self._queue: dict[TopicPartition, _Sending] = {}
        self._turns: dict[TopicPartition, deque[asyncio.Future[None]]] = {}
        self._sequences: dict[TopicPartition, int] = {}

    def create_batch(self) -> Batch:
        """A fresh builder."""
        process = self.process
        ahead = 0.0 if process is None else process.wall_ahead
        return Batch(int((self.loop.now - BOOT + EPOCH + ahead) * 1000))

    async def partitions_for(self, topic: str) -> set[int]:
        """Partition ids of a topic."""
        return set(range(self.broker.partitions.get(topic, 0)))

    async def stop(self) -> None:
        """Send what waits, then disconnect."""
        pending = [each.future for each in (*self._wire.values(), *self._queue.values())]
        if pending:
            await asyncio.wait(pending)
        self.connection.open = False

    async def send_batch(
        self, batch: Batch, topic: str, *, partition: int
    ) -> "asyncio.Future[_Answer]":
        """Queue a batch; waits while another one is queued for its partition."""
        tp = TopicPartition(topic, partition)
        while tp in self._queue:
            turn: asyncio.Future[None] = self.loop.create_future()
            self._turns.setdefault(tp, deque()).append(turn)
            timer = self.loop.call_later(self._timeout_seconds, _fail, turn)
            try:
                await turn
            finally:
                timer.cancel()
        number = self._sequences.get(tp, 0)
        self._sequences[tp] = number + 1
        sending = _Sending(batch, self.loop.create_future(), self.loop.now, number)
        if tp in self._wire:
            self._queue[tp] = sending
        else:
            self._put_on_wire(tp, sending)
        return sending.future

    def _put_on_wire(self, tp: TopicPartition, sending: _Sending) -> None:
        self._wire[tp] = sending
        self._attempt(tp, sending)

    def _attempt(self, tp: TopicPartition, sending: _Sending) -> None:
        def apply(answer: Any) -> None:
            log = self.broker.log_of(tp)
            base = log.append(
                sending.batch.drafts, self.broker.loop.now, self._id, sending.sequence
            )
            self.cluster.appended(tp, self.process, base, sending.batch.drafts)
            if self.cluster.refuses_after_append():
                raise NotEnoughReplicasAfterAppendError
            answer(_Answer(base))

        def answered(result: Any, error: KafkaError | None) -> None:
            if error is None:
                self._finish(tp, sending, result, None)
            elif error.retriable and (self._id or not self._is_expired(sending)):
                self.loop.call_later(BACKOFF_SECONDS, self._attempt, tp, sending)
            else:
                self._finish(tp, sending, None, error)

        self.connection.request(apply, answered, self._timeout_seconds)

    def _is_expired(self, sending: _Sending) -> bool:
        return bool(self.loop.now - sending.since >= self._timeout_seconds)

    def _finish(
        self, tp: TopicPartition, sending: _Sending, result: Any, error: KafkaError | None
    ) -> None:
        del self._wire[tp]
        if not sending.future.done():
            if error is None:
                sending.future.set_result(result)
            else:
                sending.future.set_exception(error)
        following = self._queue.pop(tp, None)
        if following is not None:
            self._put_on_wire(tp, following)
            if turns := self._turns.get(tp):
                turn = turns.popleft()
                if not turn.done():
                    turn.set_result(None)


def _fail(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_exception(KafkaTimeoutError("no room for the batch"))
