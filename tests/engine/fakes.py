"""Stand-ins for Kafka in unit tests: a log in memory, a reader of it, a producer into it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import msgspec

from streams.engine import Stage, Table, TopicPartition


@dataclass
class Record:
    """A source or changelog record."""

    offset: int
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


class Row(msgspec.Struct, frozen=True):
    """A row with something to count."""

    count: int = 0
    text: str = ""


ROWS = Table(name="rows", prefix=b"r", row_type=Row)
OTHERS = Table(name="others", prefix=b"o", row_type=Row)


class Channel:
    """A channel nobody listens to."""

    async def put(self, value: Any) -> None:
        """Drop it."""


def stage_of(*topics: str) -> Stage:
    """A stage with two tables over these topics."""
    return Stage(
        name="stage",
        topics=topics or ("source",),
        channel=Channel(),
        changelog="log",
        tables=(ROWS, OTHERS),
    )


@dataclass
class FakeLane:
    """What a batch needs to know of its lane."""

    stage: Stage
    state: Any
    topic: str = "source"
    partition: int = 0


@dataclass
class Log:
    """One partition: records by offset, possibly with holes where compaction took some."""

    records: list[Record] = field(default_factory=list)
    begin: int = 0
    end: int = 0
    reported_end: int | None = None
    """What the broker answers when asked for the end; None is the truth."""

    def append(
        self,
        pairs: Iterable[tuple[bytes | None, bytes | None]],
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> int:
        """Append one record batch, headers on its first record; returns its base offset."""
        marks = chain([headers], repeat(()))
        return self.append_each(
            (key, value, mark) for (key, value), mark in zip(pairs, marks, strict=False)
        )

    def append_each(
        self,
        records: Iterable[tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]],
    ) -> int:
        """Append one record batch, each record with its headers; returns its base offset."""
        base = self.end
        for key, value, headers in records:
            self.records.append(Record(self.end, key, value, headers))
            self.end += 1
        return base


class Reader:
    """A consumer of one `Log`, as far as the engine uses it."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._position = 0

    async def start(self) -> None:
        """Nothing to connect."""

    async def stop(self) -> None:
        """Nothing to close."""

    def assign(self, _tps: object) -> None:
        """There is only one partition."""

    def seek(self, _tp: object, offset: int) -> None:
        """Continue from there."""
        self._position = offset

    async def beginning_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the log begins."""
        return {tps[0]: self.log.begin}

    async def end_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the log ends, or what the broker says."""
        end = self.log.end if self.log.reported_end is None else self.log.reported_end
        return {tps[0]: end}

    def highwater(self, _tp: object) -> int:
        """What a fetch response says of the end."""
        return self.log.end

    async def position(self, _tp: object) -> int:
        """The next offset to be fetched."""
        return self._position

    async def getmany(
        self, tp: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Record]]:
        """Up to so many records; the position also passes holes."""
        await asyncio.sleep(0)
        found = [each for each in self.log.records if each.offset >= self._position][:max_records]
        if found and len(found) == max_records:
            self._position = found[-1].offset + 1
        else:
            self._position = max(self._position, self.log.end)
        return {tp: found} if found else {}


class Batch:
    """A record batch being built, sized like the real one (nearly)."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        self._size = 61
        self.closed = False

    def append(
        self,
        *,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> object:
        """Add a record."""
        assert not self.closed
        assert headers is None or isinstance(headers, list)  # aiokafka takes nothing else
        self.records.append((key, value, headers or []))
        self._size += len(key or b"") + len(value or b"") + 8
        return object()

    def size(self) -> int:
        """Bytes so far."""
        return self._size

    def record_count(self) -> int:
        """Records so far."""
        return len(self.records)

    def close(self) -> None:
        """No more records."""
        self.closed = True


@dataclass
class Ack:
    """What the broker answers."""

    offset: int


class Producer:
    """Appends batches to logs by (topic, partition); `fail` makes the next answers errors, and
    `hold` keeps answers back until it is set."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], Log] = {}
        self.sent: list[tuple[str, int, Batch]] = []
        self.fail: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.partitions: dict[str, int] = {}
        self.has_sent = asyncio.Event()

    def create_batch(self) -> Batch:
        """A fresh builder."""
        return Batch()

    async def partitions_for(self, topic: str) -> set[int]:
        """Partition ids of a topic."""
        return set(range(self.partitions.get(topic, 0)))

    async def send_batch(
        self, batch: Batch, topic: str, *, partition: int
    ) -> "asyncio.Future[Ack]":
        """Append at once; the answer is ready."""
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        if self.fail is not None:
            answer.set_exception(self.fail)
            return answer
        self.sent.append((topic, partition, batch))
        self.has_sent.set()
        log = self.logs.setdefault((topic, partition), Log())
        ack = Ack(log.append_each(batch.records))
        if self.hold is None:
            answer.set_result(ack)
            return answer
        return asyncio.ensure_future(_after(self.hold, ack))


async def _after(hold: asyncio.Event, ack: Ack) -> Ack:
    await hold.wait()
    return ack
