"""What an agent gets: the records of one lane and the rows they touch.

```python
@app.agent(channel)
async def customers(stream):
    async for batch in stream:
        with batch:
            for record in batch.records:
                row = batch.get(CUSTOMERS, record.key)
                batch.put(CUSTOMERS, record.key, step(row, record.value))
```

Everything an agent does goes through the batch, so a batch can be folded a second time (in halves,
when its rows turn out too large for one changelog record batch) without anybody noticing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

import msgspec

from streams.engine.envelope import HEADER_BYTES, NEVER, header
from streams.engine.errors import BatchAbandonedError, EngineError, RecordTooLargeError
from streams.engine.stage import SourceRecord, Stage, Table

if TYPE_CHECKING:
    from streams.engine.lane import Lane

__all__ = ["Effect", "RecordBatch"]

R = TypeVar("R")

_ABSENT: Final = object()
_encode_row = msgspec.msgpack.Encoder().encode


class Effect(NamedTuple):
    """One record to publish; `partition` None means by key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class RecordBatch:
    """Records of one lane that were not applied yet, and the staging area for what they change.

    `with batch:` hands success or failure back to the engine. An exception inside stops the worker
    without committing; the agent itself lives on, so it does not skip to the next batch.
    """

    __slots__ = (
        "_callbacks",
        "_entered",
        "_max_record_bytes",
        "_older",
        "_rows",
        "_wakes",
        "barrier",
        "done",
        "effects",
        "folded_at",
        "lane",
        "partition",
        "records",
        "stage",
        "topic",
        "watermark_ms",
    )

    def __init__(
        self,
        lane: "Lane",
        records: Sequence[SourceRecord],
        older: "Sequence[RecordBatch]",
        max_record_bytes: int,
    ) -> None:
        self.lane = lane
        self.stage: Stage = lane.stage
        self.topic: str = lane.topic
        self.partition: int = lane.partition
        self.records = records
        self.effects: list[Effect] = []
        self.watermark_ms = -1
        """Highest event time this batch has seen, epoch milliseconds."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.barrier: asyncio.Task[None] | None = None
        self.folded_at = 0.0
        self._older = tuple(reversed(older))  # folded but not acknowledged yet, newest first
        self._rows: dict[bytes, Any] = {}
        self._wakes: dict[bytes, int] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._max_record_bytes = max_record_bytes
        self._entered = False

    @property
    def applied(self) -> int:
        """The source offset the lane stands at once this batch is applied."""
        return self.records[-1].offset

    # --- rows ------------------------------------------------------------------------------------

    def get(self, table: Table[R], key: bytes) -> R | None:
        """The row as of the previous record, or None.

        Treat it as immutable: put a new one. It may also be held by a batch that is still on its
        way to the broker.
        """
        full_key = table.prefix + key
        row = self._rows.get(full_key, _ABSENT)
        if row is _ABSENT:
            for batch in self._older:
                row = batch._rows.get(full_key, _ABSENT)
                if row is not _ABSENT:
                    break
            else:
                row = self.lane.state.get(table, full_key)
        found: R | None = row
        return found

    def put(self, table: Table[R], key: bytes, row: R, wake_at_ms: int | None = None) -> None:
        """Stage a row; `wake_at_ms` is when the deadline service shall wake this key."""
        full_key = table.prefix + key
        self._rows[full_key] = row
        if wake_at_ms is not None:
            self._wakes[full_key] = wake_at_ms
        elif self._wakes:
            self._wakes.pop(full_key, None)

    def delete(self, table: Table[Any], key: bytes) -> None:
        """Stage the removal of a row; without effect when there is none."""
        if self.get(table, key) is not None:
            full_key = table.prefix + key
            self._rows[full_key] = None
            self._wakes.pop(full_key, None)

    # --- effects ---------------------------------------------------------------------------------

    def emit(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Publish a record before the rows of this batch are logged, in order per partition.

        Raises `RecordTooLargeError` at once, so that the agent can put something smaller instead.
        """
        size = len(key or b"") + len(value or b"")
        if size > self._max_record_bytes:
            raise RecordTooLargeError(
                f"a record of {size} bytes for {topic} exceeds max_record_bytes "
                f"({self._max_record_bytes}); shorten it or publish a reference"
            )
        if key is None and value is None:
            raise ValueError(f"a record for {topic} needs a key or a value")
        self.effects.append(Effect(topic, partition, key, value, headers))

    async def publish_now(self, effects: Sequence[Effect]) -> None:
        """Publish what must be acknowledged before this batch may be folded to its end.

        For what other stores are built on. It is repeated when the batch is folded again, and stays
        published when the batch comes to nothing. Raises `BatchAbandonedError` where the lane has
        given the batch up meanwhile, and what the producer raises.
        """
        await self.lane.publish(effects)
        if self.done.done():
            raise BatchAbandonedError(f"stage {self.stage.name}: the partition went away")

    def on_applied(self, callback: Callable[[], None]) -> None:
        """Call back after effects and rows are acknowledged, in batch order; must not raise."""
        self._callbacks.append(callback)

    def advance_watermark(self, epoch_ms: int) -> None:
        """Tell the event time seen; it counts once the batch is applied and never goes back."""
        if epoch_ms > self.watermark_ms:
            self.watermark_ms = epoch_ms

    # --- the agent's bracket ---------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._entered:
            raise EngineError(
                f"stage {self.stage.name}: two agents took the same batch; run one agent per "
                "channel with concurrency 1"
            )
        self._entered = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self.done.done():  # the lane gave up waiting
            return isinstance(error, Exception)
        if error is None:
            self.done.set_result(None)
            return False
        if isinstance(error, Exception):
            self.done.set_exception(error)
            return True
        self.done.set_exception(
            BatchAbandonedError(f"stage {self.stage.name}: agent ended by {type(error).__name__}")
        )
        return False

    # --- for the lane ----------------------------------------------------------------------------

    def seal_rows(self) -> dict[bytes, bytes]:
        """The staged rows as they go into the changelog, by key without scope.

        Raises `EngineError` when a row belongs to a table the stage does not declare.
        """
        known = {prefix[0] for prefix in self.stage.tables_by_prefix}
        if unknown := {key[0] for key in self._rows} - known:
            raise EngineError(
                f"stage {self.stage.name} has no table with prefix {bytes(unknown)!r}: declare it"
            )
        applied, encode = self.applied, _encode_row
        asleep = header(applied, NEVER)
        sealed = {
            key: asleep if row is None else asleep + encode(row) for key, row in self._rows.items()
        }
        for key, wake in self._wakes.items():
            if wake != NEVER:
                sealed[key] = header(applied, wake) + sealed[key][HEADER_BYTES:]
        return sealed

    @property
    def decoded_rows(self) -> Mapping[bytes, Any]:
        """The staged rows as objects; None where one was deleted."""
        return self._rows

    def applied_now(self) -> None:
        """Run the callbacks; the rows are in place.

        What folded the batch is let go, and so are the batches before it: as long as they held each
        other, they would stay in memory until the collector looks at what is old.
        """
        callbacks, self._callbacks, self._older = self._callbacks, [], ()
        for callback in callbacks:
            callback()
