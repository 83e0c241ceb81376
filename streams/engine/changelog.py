"""One changelog partition: restoring rows from it, writing to it, and noticing foreign writes.

Lanes of a stage with several source topics share a changelog partition, each under its own scope.
Two processes may write to it at the same time for a moment: the owner, and a former owner that was
paused and does not know yet. Nothing fences that, so:

- a restore takes the highest applied offset per key, not the last record;
- every acknowledgement tells where our batch landed, and the auditor asks for the end when we are
  idle. A range that is not ours is read, and rows of ours that were overwritten are written again,
  so that the *last* record per key is right as well before compaction removes the others.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from streams.engine.clients import TopicPartition
from streams.engine.envelope import applied_of, is_deleted
from streams.engine.errors import ChangelogStalledError
from streams.engine.observer import EngineObserver
from streams.engine.rows import LaneRows
from streams.engine.settings import EngineSettings
from streams.engine.writer import Writer

__all__ = ["Changelog"]

_STUCK_SECONDS: Final = (
    1.0  # no progress for so long: ask for the end again, the log may be shorter
)
_GIVE_UP_SECONDS: Final = 60.0  # no progress for so long: somebody must look at the broker


class Changelog:
    """A changelog partition this worker writes to, and the lanes that keep their rows in it."""

    def __init__(
        self,
        tp: TopicPartition,
        settings: EngineSettings,
        writer: Writer,
        reader_of: Callable[[EngineSettings], Any],
        observer: EngineObserver,
    ) -> None:
        self.tp = tp
        self.lanes: dict[bytes, LaneRows] = {}
        """Rows by scope."""
        self.read_to = 0
        """Everything below this offset is in the rows or written by us."""
        self.clean = True
        """Nobody else has written here since we own it."""
        self._foreign: list[tuple[int, int]] = []  # ranges somebody else wrote, not looked at yet
        self._writing = asyncio.Lock()  # the broker takes one batch per partition at a time anyway
        self._settings = settings
        self._writer = writer
        self._reader_of = reader_of
        self._observer = observer

    # --- restore ---------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Read on from `read_to` to the end and write again what a stale owner overwrote."""
        started = time.perf_counter()
        overwritten: set[tuple[bytes, bytes]] = set()

        def take(key: bytes, value: bytes | None, timestamp_ms: int) -> None:
            if (found := self._find(key)) is None:
                return
            scope, rows, row_key = found
            if rows.merge(row_key, value, timestamp_ms):
                overwritten.discard((scope, row_key))
            else:
                overwritten.add((scope, row_key))

        records, self.read_to = await self._read(self.read_to, None, take)
        alive = 0
        for rows in self.lanes.values():
            rows.wakeups.start_over()
            alive += len(rows.sealed)
        if overwritten:
            await self._write_again(overwritten)
        seconds = time.perf_counter() - started
        self._observer.restored(self.tp.topic, self.tp.partition, records, alive, seconds)

    # --- writing ---------------------------------------------------------------------------------

    async def write(
        self,
        scope: bytes,
        sealed: Mapping[bytes, bytes],
        decoded: Mapping[bytes, Any],
    ) -> None:
        """Append the rows of one source batch as one record batch, then swap them in."""
        if not sealed:
            return
        async with self._writing:
            await self._append(
                ((scope + key, row) for key, row in sealed.items()) if scope else sealed.items()
            )
            self.lanes[scope].apply(sealed, decoded, int(time.time() * 1000))

    async def _append(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Append under the lock and note what lies between our last batch and this one."""
        base, count = await self._writer.log_rows(self.tp.topic, self.tp.partition, pairs)
        self._note_foreign(base)
        self.read_to = base + count

    def _note_foreign(self, until: int) -> None:
        if until > self.read_to:
            self._foreign.append((self.read_to, until))
            self.clean = False

    # --- audit -----------------------------------------------------------------------------------

    async def audit(self, end: int) -> None:
        """Mend what others wrote, given the end offset; drop deleted rows that are old enough."""
        if not self._writing.locked() and end > self.read_to:
            self._note_foreign(end)
            self.read_to = end
        while self._foreign:
            await self._mend(*self._foreign[0])
            self._foreign.pop(0)  # only now: what could not be read is tried again
        await self._drop_deleted()

    async def _mend(self, start: int, stop: int) -> None:
        overwritten: set[tuple[bytes, bytes]] = set()
        ours = 0

        def compare(key: bytes, value: bytes | None, _timestamp_ms: int) -> None:
            nonlocal ours
            if (found := self._find(key)) is None:
                return  # a lane of another worker that shares this partition
            ours += 1
            scope, rows, row_key = found
            mine = rows.sealed.get(row_key)
            if mine is not None and (
                not is_deleted(mine) if value is None else applied_of(value) < applied_of(mine)
            ):
                overwritten.add((scope, row_key))

        await self._read(start, stop, compare)
        if overwritten:
            async with self._writing:
                await self._write_again(overwritten)
        if ours:
            self._observer.foreign_writes(self.tp.topic, self.tp.partition, ours, len(overwritten))

    async def _write_again(self, keys: Iterable[tuple[bytes, bytes]]) -> None:
        """Append our present rows under these keys; not one batch, each row stands for itself."""
        chunk: list[tuple[bytes, bytes | None]] = []
        size = 0
        for scope, key in keys:
            if (rows := self.lanes.get(scope)) is None or (row := rows.sealed.get(key)) is None:
                continue
            if size + len(row) > self._settings.changelog_soft_bytes and chunk:
                await self._append(chunk)
                chunk, size = [], 0
            chunk.append((scope + key, row))
            size += len(row) + len(key)
        if chunk:
            await self._append(chunk)

    async def _drop_deleted(self) -> None:
        before_ms = int((time.time() - self._settings.deleted_row_seconds) * 1000)
        for scope, rows in list(self.lanes.items()):
            if not (rows.deleted_at_ms and (keys := rows.expired(before_ms))):
                continue
            async with self._writing:
                keys = [key for key in keys if key in rows.deleted_at_ms]
                await self._append((scope + key, None) for key in keys)
                for key in keys:
                    rows.forget(key)

    # --- reading ---------------------------------------------------------------------------------

    def _find(self, key: bytes) -> tuple[bytes, LaneRows, bytes] | None:
        """The lane a changelog key belongs to: (scope, its rows, the key without scope)."""
        if (rows := self.lanes.get(b"")) is not None:
            return b"", rows, key
        scope = key[: key[0] + 1] if key else b""
        rows = self.lanes.get(scope)
        return None if rows is None else (scope, rows, key[len(scope) :])

    async def _read(
        self,
        start: int,
        stop: int | None,
        take: Callable[[bytes, bytes | None, int], None],
    ) -> tuple[int, int]:
        """Read `[start, stop)`, or to the end there is now; returns (records, offset after them).

        It goes by position, not by the last record seen: a log may end in compacted records or
        transaction markers, or may have been cut off meanwhile.
        """
        tp, records, loop = self.tp, 0, asyncio.get_running_loop()
        reader = self._reader_of(self._settings)
        try:
            await reader.start()
            reader.assign([tp])
            begin = (await reader.beginning_offsets([tp]))[tp]
            end = stop if stop is not None else (await reader.end_offsets([tp]))[tp]
            position = max(start, begin)
            reader.seek(tp, position)
            moved_at, exact = loop.time(), stop is not None
            while position < end:
                got = await reader.getmany(
                    tp, timeout_ms=200, max_records=self._settings.restore_records
                )
                if not exact and (mark := reader.highwater(tp)) is not None:
                    # Some brokers (Tansu) give the start of the last batch as the end of the log;
                    # what a fetch says is right everywhere.
                    end, exact = max(end, mark), True
                for record in got.get(tp, ()):
                    if stop is not None and record.offset >= stop:
                        break
                    take(record.key or b"", record.value, record.timestamp)
                    records += 1
                before, position = position, await reader.position(tp)
                if position != before:
                    moved_at = loop.time()
                elif (stuck := loop.time() - moved_at) > _STUCK_SECONDS:
                    end = min(end, (await reader.end_offsets([tp]))[tp])
                    if stuck > _GIVE_UP_SECONDS:
                        raise ChangelogStalledError(
                            f"{tp.topic}/{tp.partition} gives nothing at offset {position} "
                            f"although it ends at {end}; check the broker"
                        )
                await asyncio.sleep(0)
            return records, max(position, start) if stop is None else stop
        finally:
            await reader.stop()
