"""Owners of a changelog in memory: what one process makes of it, with rows in memory or on disk."""

import msgspec

from streams.engine import EngineObserver, EngineSettings, TopicPartition
from streams.engine.changelog import Changelog
from streams.engine.envelope import NEVER, seal
from streams.engine.lease import Lease
from streams.engine.rows import LaneRows
from streams.engine.shelves import Shelves
from streams.engine.writer import Writer
from tests.engine.fakes import ROWS, Log, Producer, Reader, Row

TP = TopicPartition("log", 0)
SCOPE_A, SCOPE_B = b"\x01A", b"\x01B"


def row(applied: int, count: int = 0, wake: int = NEVER) -> bytes:
    """A sealed row."""
    return seal(applied, wake, msgspec.msgpack.encode(Row(count)))


class Foreign(EngineObserver):
    """Remembers what was told about restores and foreign writes."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []
        self.records_read = 0

    def restored(self, topic: str, partition: int, records: int, rows: int, seconds: float) -> None:
        """Note how many records the last restore read."""
        self.records_read = records

    def foreign_writes(self, topic: str, partition: int, records: int, mended: int) -> None:
        """Note (records, mended)."""
        self.seen.append((records, mended))


class Worker:
    """One process's view of the changelog in `log`."""

    def __init__(
        self, producer: Producer, *scopes: bytes, on_disk: str | None = None, **settings: float
    ) -> None:
        if on_disk is not None:
            settings |= {"state_store": "rocksdb", "state_dir": on_disk}  # type: ignore[dict-item]
        base = EngineSettings(bootstrap_servers="none", group_id="g", **settings)  # type: ignore[arg-type]
        self.observer = Foreign()
        self.log = producer.logs.setdefault(("log", 0), Log())
        self.changelog = Changelog(
            TP,
            base,
            Writer(producer, base, Lease(0), {}),
            lambda _settings: Reader(self.log),
            self.observer,
            None if on_disk is None else Shelves(base, "cluster"),
        )
        for scope in scopes or (b"",):
            self.changelog.lanes[scope] = LaneRows(10)

    def rows(self, scope: bytes = b"") -> LaneRows:
        """The rows of one lane."""
        return self.changelog.lanes[scope]

    async def write(self, applied: int, *keys: str, scope: bytes = b"") -> None:
        """One source batch that sets these keys to `applied`."""
        sealed = {b"r" + key.encode(): row(applied, applied) for key in keys}
        await self.changelog.write(scope, sealed, dict.fromkeys(sealed, Row(applied)))

    async def audit(self) -> None:
        """What the engine does every two seconds."""
        await self.changelog.audit(self.log.end)

    def counts(self, scope: bytes = b"") -> dict[str, int]:
        """Live rows as numbers."""
        return {key.decode(): found.count for key, found in self.rows(scope).items(ROWS)}


def last_per_key(log: Log) -> dict[bytes | None, bytes | None]:
    """What compaction would leave."""
    return {record.key: record.value for record in log.records}
