"""A lane: one owned source partition, its rows and its pipeline.

    restore → loop( fetch → cut → agent folds → barrier )

The barrier runs beside the loop, in order per lane: effects acknowledged → only then the rows, as
one record batch, acknowledged → rows swapped, callbacks run → offset released for commit. Because
effects are out before the rows are logged, a replayed record at or below `applied` is just skipped.
Any failure stops the worker without committing.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka.errors import ConsumerStoppedError, IllegalStateError

from streams.engine import failpoints
from streams.engine.batch import Effect, RecordBatch
from streams.engine.changelog import Changelog
from streams.engine.clients import TopicPartition
from streams.engine.cutting import cut, too_large
from streams.engine.errors import RowsMissingError, SourceRewoundError
from streams.engine.rows import LaneRows, guard_row
from streams.engine.stage import SourceRecord, Stage, Table
from streams.engine.wakeups import Wakeups

if TYPE_CHECKING:
    from streams.engine.engine import Engine

__all__ = ["Lane"]

R = TypeVar("R")

_SUBSCRIBER_POLL_SECONDS = 0.05
_WORTHWHILE = 0.5  # of the time until the last batch was acknowledged, spent folding

log = logging.getLogger(__name__)


class Lane:
    """One owned partition of one stage. Created and started by the engine."""

    def __init__(
        self,
        engine: "Engine",
        stage: Stage,
        tp: TopicPartition,
        changelog: Changelog | None,
        state: LaneRows,
    ) -> None:
        self.engine = engine
        self.stage = stage
        self.tp = tp
        self.topic: str = tp.topic
        self.partition: int = tp.partition
        self.changelog = changelog
        self.state = state
        self.scope = stage.scope_of(tp.topic)
        self.watermark_ms = -1
        """Highest event time of applied batches, epoch milliseconds; -1 before the first."""
        self.next_offset = 0
        """Source records below this offset are applied (or were nothing to apply)."""
        self._fetched_to = 0
        self.restored = False
        self.stopping = False
        self.fetching = True  # holds nothing that must be drained, so it may be cancelled
        self.in_flight: list[RecordBatch] = []
        self._barrier_seconds = 0.0  # what the last one took
        self.folding_since: float | None = None
        self.task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Lane {self.stage.name} {self.topic}/{self.partition}>"

    # --- what others may ask ---------------------------------------------------------------------

    def rows(self, table: Table[R]) -> Iterator[tuple[bytes, R]]:
        """All rows of a table as (key, row), decoded one by one; safe against changes meanwhile."""
        return self.state.items(table)

    def get(self, table: Table[R], key: bytes) -> R | None:
        """The applied row of a key, or None. Treat it as immutable."""
        row: R | None = self.state.get(table, table.prefix + key)
        return row

    @property
    def wakeups(self) -> Wakeups:
        """When keys of this lane want to be woken."""
        return self.state.wakeups

    @property
    def applied(self) -> int:
        """Highest source offset in the rows; -1 when there are none."""
        return self.state.applied

    def oldest_seconds(self, now: float) -> float:
        """How long the oldest unfinished batch has been waiting, 0 when there is none."""
        since = [batch.folded_at for batch in self.in_flight]
        if self.folding_since is not None:
            since.append(self.folding_since)
        return now - min(since) if since else 0.0

    async def publish(self, effects: Sequence[Effect]) -> None:
        """Publish effects and wait until they are acknowledged."""
        await self.engine.writer.publish(effects, self.partition)

    def excuse(self) -> None:
        """The agent waits for something that makes progress: the watchdog counts from now."""
        if self.folding_since is not None:
            self.folding_since = time.monotonic()

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin: restore, then fetch and fold until stopped."""
        self.task = asyncio.create_task(self._run(), name=f"lane-{self.topic}-{self.partition}")

    def stop(self) -> list[asyncio.Task[None]]:
        """Take no more records; returns what is worth waiting for."""
        self.stopping = True
        task = self.task
        if task is not None and self.fetching:
            # getmany waits for the next assignment during a rebalance: awaiting it is a deadlock
            task.cancel()
        pending = [batch.barrier for batch in self.in_flight if batch.barrier is not None]
        for barrier in pending:
            if barrier.done() and not barrier.cancelled():
                barrier.exception()  # seen: the lane that should raise it may be cancelled
        return [each for each in (task, *pending) if each is not None and not each.done()]

    async def _run(self) -> None:
        try:
            await self.engine.restore_lane(self)
            await self._find_start()
            self.restored = True
            self.engine.lane_restored(self)
            while not self.stopping:
                if records := await self._fetch():
                    await self._process(records)
            while self.in_flight:
                await self._await_barrier(self.in_flight[0])
        except (asyncio.CancelledError, IllegalStateError, ConsumerStoppedError) as error:
            if not self.stopping:  # else the partition goes away under us: that is what we want
                await self.engine.crash(error)
        except Exception as error:
            await self.engine.crash(error)

    async def _find_start(self) -> None:
        """Where we begin; a partition nobody committed for gets its first committed offset now."""
        consumer = self.engine.consumer
        self.next_offset = self._fetched_to = await consumer.position(self.tp)
        await self._refuse_a_rewound_source()
        committed = await consumer.committed(self.tp)
        if committed is None:
            await self._pass(self.next_offset)
        elif self.changelog is not None and committed > self.applied + 1:
            await self._go_back(committed)

    async def _pass(self, offset: int) -> None:
        """Commit that nothing below `offset` is left to do, and log it, so that `applied` says so.

        Whatever is committed is in the changelog before: a restore that finds less has lost rows.
        """
        if self.changelog is not None and offset > self.applied + 1:
            await self.changelog.write(self.scope, guard_row(offset - 1), {})
        self.engine.release_offset(self, offset)

    async def _go_back(self, committed: int) -> None:
        """The changelog lacks what was committed: fold it again, if the source still has it."""
        lacking, consumer = self.applied + 1, self.engine.consumer
        begins = (await consumer.beginning_offsets([self.tp]))[self.tp]
        problem = (
            f"{self.topic}/{self.partition} was committed up to offset {committed}, but the rows "
            f"of stage {self.stage.name} only know it up to {lacking}: {self.stage.changelog} lost "
            "its end, or was created anew"
        )
        if begins > lacking:
            problem += f", and the source begins at {begins}: offsets in between are gone. "
            if not self.engine.settings.accept_missing_rows:
                raise RowsMissingError(
                    f"{problem}Restore the changelog or the source from a copy; "
                    "accept_missing_rows goes on with what there is"
                )
            log.error("%sGoing on without them, as the settings say", problem)
        else:
            log.error("%s. Folding from %d again", problem, lacking)
        consumer.seek(self.tp, max(begins, lacking))
        self.next_offset = self._fetched_to = max(begins, lacking)

    async def _refuse_a_rewound_source(self) -> None:
        """A source created anew would have its records taken for replays, silently."""
        if self.applied < 0 or not self.engine.settings.exact_end_offsets:
            return
        end = (await self.engine.progress.end_offsets([self.tp]))[self.tp]
        if self.applied >= end:
            raise SourceRewoundError(
                f"{self.topic}/{self.partition} ends at offset {end}, but rows of stage "
                f"{self.stage.name} have applied offset {self.applied}: the topic was created anew "
                f"or lost records. Restore it, or start over with a fresh {self.stage.changelog}"
            )

    # --- fetch -----------------------------------------------------------------------------------

    async def _fetch(self) -> Sequence[SourceRecord]:
        settings, consumer = self.engine.settings, self.engine.consumer
        self.fetching = True
        got = await consumer.getmany(
            self.tp,
            timeout_ms=int(settings.poll_seconds * 1000),
            max_records=self.stage.max_records or settings.max_records,
        )
        records: Sequence[SourceRecord] = got.get(self.tp, ())
        if not records and not self.in_flight and not self.stopping:
            await self._skip_to_position()
        self.fetching = False
        if self.in_flight and (barrier := self.in_flight[0].barrier) and barrier.done():
            barrier.result()  # still listed although done: it failed while we were waiting
        if self.stopping:
            return ()
        if records:
            self._note_gap(records)
        return records

    def _note_gap(self, records: Sequence[SourceRecord]) -> None:
        """Say when records between two fetches are missing: a lane slower than the retention."""
        if (missing := records[0].offset - self._fetched_to) > 0:
            log.warning(
                "%r: %d offsets before %d have no record (expired, compacted or markers)",
                self,
                missing,
                records[0].offset,
            )
            self.engine.observer.skipped_ahead(self, missing)
        self._fetched_to = records[-1].offset + 1

    async def _skip_to_position(self) -> None:
        """Commit past transaction markers and compacted tails: they never come as records."""
        position = await self.engine.consumer.position(self.tp)
        if position > self.next_offset:
            self.next_offset = self._fetched_to = position
            await self._pass(position)

    # --- fold ------------------------------------------------------------------------------------

    async def _process(self, records: Sequence[SourceRecord]) -> None:
        end = records[-1].offset + 1
        fresh, skipped = self._without_replays(records)
        if skipped:
            self.engine.observer.folded(self, 0, skipped, 0.0)
        if not fresh:
            if not self.in_flight:
                self.next_offset = end
                self.engine.release_offset(self, end)
            return
        for piece in cut(
            fresh,
            self._size_of_rows,
            self.state.largest,
            self.engine.settings.changelog_soft_bytes,
        ):
            await self._fold(piece)

    def _without_replays(
        self, records: Sequence[SourceRecord]
    ) -> tuple[Sequence[SourceRecord], int]:
        applied = self.state.applied
        if records[0].offset > applied:
            return records, 0
        fresh = [record for record in records if record.offset > applied]
        return fresh, len(records) - len(fresh)

    def _size_of_rows(self, key: bytes) -> int:
        return sum(self.state.size_of(table.prefix + key) for table in self.stage.tables)

    async def _fold(self, records: Sequence[SourceRecord]) -> None:
        """Let the agent fold the records and start their barrier; in halves if rows do not fit."""
        batch = RecordBatch(self, records, self.in_flight, self.engine.settings.max_record_bytes)
        self.folding_since = started = time.monotonic()
        await self._deliver(batch)
        await batch.done
        sealed = batch.seal_rows()
        if not sealed and self.changelog is not None:
            sealed = guard_row(batch.applied)
        row_bytes = sum(map(len, sealed.values())) + sum(map(len, sealed)) + 64 * len(sealed)
        if row_bytes > self.engine.settings.changelog_batch_bytes:
            if len(records) == 1:
                limit = self.engine.settings.changelog_batch_bytes
                raise too_large(self.stage, self.tp, records[0].offset, sealed, limit)
            half = len(records) // 2
            await self._fold(records[:half])
            await self._fold(records[half:])
            return
        batch.folded_at = time.monotonic()
        self.folding_since = None
        self.engine.observer.folded(self, len(records), 0, batch.folded_at - started)
        failpoints.reached("folded", self.stage.name)
        before = self.in_flight[-1].barrier if self.in_flight else None
        self.in_flight.append(batch)
        batch.barrier = asyncio.create_task(
            self._barrier(batch, sealed, row_bytes, before),
            name=f"barrier-{self.topic}-{self.partition}",
        )
        # Folding ahead pays where it takes its time. Else what is folded ahead only waits behind
        # this batch, and what comes meanwhile behind both: better take it together, a little later.
        ahead = batch.folded_at - started > _WORTHWHILE * self._barrier_seconds
        while len(self.in_flight) >= (self.engine.settings.depth if ahead else 1):
            await self._await_barrier(self.in_flight[0])

    async def _deliver(self, batch: RecordBatch) -> None:
        """Put the batch on the stage's channel, once somebody listens there."""
        channel: Any = self.stage.channel
        # A Faust channel drops what nobody listens for, and tells nobody when somebody does.
        while getattr(channel, "subscriber_count", 1) == 0:  # noqa: ASYNC110
            await asyncio.sleep(_SUBSCRIBER_POLL_SECONDS)
        await channel.put(batch)

    # --- barrier ---------------------------------------------------------------------------------

    async def _await_barrier(self, batch: RecordBatch) -> None:
        if batch.barrier is not None:
            await batch.barrier  # a failed one raises here and ends the lane

    async def _barrier(
        self,
        batch: RecordBatch,
        sealed: dict[bytes, bytes],
        row_bytes: int,
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await before  # in order per lane; a failure fails every later batch
        begun_at = time.monotonic()
        await self.publish(batch.effects)
        failpoints.reached("effects_acked", self.stage.name)
        if self.changelog is not None:
            await self.changelog.write(self.scope, sealed, batch.decoded_rows)
            failpoints.reached("changelog_acked", self.stage.name)
        self.watermark_ms = max(self.watermark_ms, batch.watermark_ms)
        self.next_offset = batch.applied + 1
        batch.applied_now()
        self.engine.release_offset(self, self.next_offset)
        self.in_flight.remove(batch)
        done_at = time.monotonic()
        self._barrier_seconds = done_at - begun_at
        self.engine.observer.applied(
            self,
            len(batch.records),
            len(batch.effects),
            len(sealed),
            row_bytes,
            done_at - batch.folded_at,
        )
