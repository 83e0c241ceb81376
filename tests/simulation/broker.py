"""A Kafka cluster in memory: partition logs, and what the network does to requests on their way.

Kept as Kafka keeps them: a record batch is appended whole or not at all; a producer with an id is
recognised when it sends a batch again; a fetch waits for records; compaction keeps the last record
of a key once it is older than the lag. Not modelled: replicas (an answer means it is durable),
transactions, retention, message size limits.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
)

from streams.engine import TopicPartition
from tests.simulation.loop import BOOT, EPOCH, Process, VirtualLoop

__all__ = ["Broker", "Network", "PartitionLog", "Record"]

HISTORY = 5
"""Batches per producer and partition that the broker recognises, as Kafka does."""


class Record(NamedTuple):
    """A record as it stands in a log."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int
    appended_at: float
    """True time of the append: what no worker can know."""


Draft = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], int]
"""Key, value, headers, timestamp."""


class PartitionLog:
    """One partition: records by offset, with holes where compaction took some."""

    __slots__ = ("_seen", "_waiting", "cleaned_to", "end", "last_base", "led_from", "records", "tp")

    def __init__(self, tp: TopicPartition) -> None:
        self.tp = tp
        self.records: list[Record] = []
        self.end = 0
        self.last_base = 0
        """Where the last batch begins: what some brokers give as the end when asked."""
        self.led_from = 0.0
        """Nobody leads the partition before this time."""
        self.cleaned_to = 0
        self._seen: dict[int, dict[int, int]] = {}  # producer id -> sequence -> base offset
        self._waiting: list[Callable[[], None]] = []

    def append(
        self, drafts: Iterable[Draft], now: float, producer: int = 0, sequence: int = -1
    ) -> int:
        """Append one record batch; returns its base offset, the old one if it came again."""
        if producer:
            seen = self._seen.setdefault(producer, {})
            if sequence in seen:
                return seen[sequence]
            seen[sequence] = self.end
            while len(seen) > HISTORY:
                del seen[next(iter(seen))]
        base = self.last_base = self.end
        for key, value, headers, timestamp in drafts:
            self.records.append(Record(self.end, key, value, headers, timestamp, now))
            self.end += 1
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()
        return base

    def read(self, offset: int, most: int) -> Sequence[Record]:
        """Up to `most` records from `offset` on."""
        records = self.records
        if not records or offset > records[-1].offset:
            return ()
        start = bisect_left(records, offset, key=lambda record: record.offset)
        return records[start : start + most]

    def when_appended(self, wake: Callable[[], None]) -> None:
        """Call back once, at the next append."""
        self._waiting.append(wake)

    def compact(self, before: float) -> int:
        """Drop what a later record of the same key replaced, up to that age; returns how many."""
        stop = next((n for n, each in enumerate(self.records) if each.appended_at >= before), None)
        closed = self.records if stop is None else self.records[:stop]
        last = {record.key: record.offset for record in closed}
        kept = [record for record in closed if last[record.key] == record.offset]
        dropped = len(closed) - len(kept)
        self.cleaned_to = closed[-1].offset + 1 if closed else 0
        self.records = kept + (self.records[stop:] if stop is not None else [])
        return dropped


@dataclass
class Network:
    """What happens to requests. Everything is drawn from one generator, so a seed is a run."""

    loop: VirtualLoop
    rng: Random
    slow_seconds: float = 0.004
    """Mean time of one way."""
    request_timeout_seconds: float = 5.0
    loss: float = 0.0
    """Share of requests, and of answers, that vanish."""
    down_until: float = 0.0
    """No broker answers before this time."""
    cut_until: dict[Process, float] = field(default_factory=dict)
    """Processes that reach nobody before a time."""
    lost_answers_until: dict[Process, float] = field(default_factory=dict)
    """Processes whose requests arrive and whose answers do not, before a time."""
    held_until: dict[Process, tuple[float, float]] = field(default_factory=dict)
    """Processes whose connections hang before a first time: what they send arrives after a second
    one, when they have long connected anew."""
    lost: int = 0

    def reaches(self, process: Process | None) -> bool:
        """Whether a connection of this process works now."""
        now = self.loop.now
        return now >= self.down_until and (
            process is None or now >= self.cut_until.get(process, 0.0)
        )

    def one_way(self) -> float:
        """Seconds a message is under way."""
        return self.rng.expovariate(1.0 / self.slow_seconds)

    def held_up(self, process: Process | None) -> float:
        """When a request that is sent now arrives, if its connection hangs; else 0."""
        until, arrives_at = self.held_until.get(process, (0.0, 0.0)) if process else (0.0, 0.0)
        return arrives_at if self.loop.now < until else 0.0

    @property
    def quiet_from(self) -> float:
        """When the last of the requests that are held up arrives."""
        return max((arrives for _, arrives in self.held_until.values()), default=0.0)

    def loses(self, process: Process | None, answer: bool) -> bool:
        """Whether this message vanishes."""
        lost = not self.reaches(process) or (self.loss and self.rng.random() < self.loss)
        if answer and not lost and process is not None:
            lost = self.loop.now < self.lost_answers_until.get(process, 0.0)
        self.lost += bool(lost)
        return bool(lost)


Answered = Callable[[Any, KafkaError | None], None]


class Connection:
    """Requests of one client, which arrive in the order they were sent."""

    __slots__ = ("_arrived_at", "_network", "open", "process")

    def __init__(self, network: Network, process: Process | None) -> None:
        self._network = network
        self.process = process
        self.open = True
        self._arrived_at = 0.0

    def request(
        self,
        apply: Callable[[Callable[[Any], None]], None],
        answered: Answered,
        timeout_seconds: float | None = None,
    ) -> None:
        """Let the cluster do `apply(answer)` and tell `answered(result, error)` in the client.

        Lost messages end in `RequestTimedOutError` after the time-out; what arrived is done all the
        same, also when the client is dead by then. So is what hung in a connection the client has
        given up: the bytes were under way, and TCP delivers them, in order, when it can.
        """
        network, loop, process = self._network, self._network.loop, self.process
        if not self.open or (process is not None and not process.alive):
            return
        over = False

        def tell(result: Any, error: KafkaError | None) -> None:
            nonlocal over
            if not over:
                over = True
                timer.cancel()
                answered(result, error)

        patience = timeout_seconds or network.request_timeout_seconds
        timer = loop.call_later(patience, tell, None, RequestTimedOutError())
        context = timer._context
        if network.loses(process, answer=False):
            return

        held = network.held_up(process)

        def answer(result: Any) -> None:
            if held or network.loses(process, answer=True):
                return
            error = result if isinstance(result, KafkaError) else None
            loop.call_at(
                loop.now + network.one_way(), tell, None if error else result, error,
                context=context,
            )  # fmt: skip

        def arrive() -> None:
            try:
                apply(answer)
            except KafkaError as error:
                answer(error)

        if held:
            loop.at(held - loop.now, arrive)
            return
        self._arrived_at = max(self._arrived_at, loop.now + network.one_way())
        loop.at(self._arrived_at - loop.now, arrive)


class Broker:
    """The cluster: topics, their partitions, and who may append."""

    def __init__(
        self, loop: VirtualLoop, network: Network, topics: Mapping[str, int], lag_seconds: float
    ) -> None:
        self.loop = loop
        self.network = network
        self.compaction_lag_seconds = lag_seconds
        self.tells_exact_ends = True
        self.partitions = dict(topics)
        self.logs = {
            TopicPartition(topic, number): PartitionLog(TopicPartition(topic, number))
            for topic, count in topics.items()
            for number in range(count)
        }
        self._producers = 0

    def new_producer_id(self) -> int:
        """An id for an idempotent producer."""
        self._producers += 1
        return self._producers

    def log_of(self, tp: TopicPartition) -> PartitionLog:
        """The log of a partition; raises what a broker says without a leader."""
        log = self.logs[tp]
        if self.loop.now < log.led_from:
            raise LeaderNotAvailableError if tp.partition % 2 else NotLeaderForPartitionError
        return log

    def told_end(self, tp: TopicPartition) -> int:
        """What the broker says when it is asked for the end of a partition."""
        log = self.logs[tp]
        return log.end if self.tells_exact_ends else log.last_base

    def records(self, topic: str) -> dict[int, list[Record]]:
        """All records of a topic, by partition."""
        return {tp.partition: log.records for tp, log in self.logs.items() if tp.topic == topic}

    def publish(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Append one record as a channel system that is always heard."""
        now = self.loop.now
        stamp = int((now - BOOT + EPOCH) * 1000)
        self.logs[TopicPartition(topic, partition)].append([(key, value, (), stamp)], now)

    def compact(self, topics: Iterable[str]) -> int:
        """Compact topics as far as their lag allows; returns how many records went."""
        before = self.loop.now - self.compaction_lag_seconds
        wanted = set(topics)
        return sum(log.compact(before) for tp, log in self.logs.items() if tp.topic in wanted)
