"""One changelog partition: restoring rows from it, writing to it, and noticing foreign writes.

Lanes of a stage with several source topics share a changelog partition, each under its own scope.
Two processes may write to it at the same time for a moment: the owner, and a former owner that was
paused and does not know yet. Nothing fences that, so:

- a restore takes the highest applied offset per key, not the last record;
- every acknowledgement tells where our batch landed, and the auditor asks for the end when we are
  idle. A range that is not ours is read, and rows of ours that were overwritten are written again,
  so that the *last* record per key is right as well before compaction removes the others.

Every batch says how many live rows its lane has with it. A complete restore that ends with the
same batch must find as many, or the changelog has lost some: it was cut, or given a retention.

Lanes that write at the same time share a record batch. Kafka appends it whole or not at all, so
the state of each is still that of a whole source batch.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from streams.engine.changes import Change, together
from streams.engine.clients import TopicPartition
from streams.engine.envelope import applied_of, is_deleted
from streams.engine.errors import ChangelogStalledError, RowsMissingError
from streams.engine.kept import KeptStores
from streams.engine.observer import EngineObserver
from streams.engine.rounds import Asked, Rounds
from streams.engine.rows import LaneRows
from streams.engine.settings import EngineSettings
from streams.engine.shelves import Shelves, UntrustedStoreError
from streams.engine.writer import Rows, Writer

__all__ = ["Changelog"]

_STUCK_SECONDS: Final = (
    1.0  # no progress for so long: ask for the end again, the log may be shorter
)
_GIVE_UP_SECONDS: Final = 60.0  # no progress for so long: somebody must look at the broker

log = logging.getLogger(__name__)


class Changelog:
    """A changelog partition this worker writes to, and the lanes that keep their rows in it."""

    def __init__(
        self,
        tp: TopicPartition,
        settings: EngineSettings,
        writer: Writer,
        reader_of: Callable[[EngineSettings], Any],
        observer: EngineObserver,
        shelves: Shelves | None = None,
    ) -> None:
        self.tp = tp
        self.lanes: dict[bytes, LaneRows] = {}
        """Rows by scope."""
        self.read_to = 0
        """Everything below this offset is in the rows or written by us."""
        self.clean = True
        """Nobody else has written here since we own it."""
        self._foreign: list[tuple[int, int]] = []  # ranges somebody else wrote, not looked at yet
        self._audited_to = -1
        self._writing = asyncio.Lock()  # the broker takes one batch per partition at a time anyway
        self._rounds = Rounds(self._write_together, lambda: writer.turn(*tp))
        self._settings = settings
        self._writer = writer
        self._reader_of = reader_of
        self._observer = observer
        self._stores = KeptStores(tp, self.lanes, shelves)

    def close(self) -> None:
        """Let go of the rows' stores; nothing is written here any more."""
        self._stores.close()

    # --- restore ---------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Read on from `read_to` to the end and write again what a stale owner overwrote.

        Raises `RowsMissingError` when the changelog has lost rows.
        """
        started = time.perf_counter()
        if (start := self._stores.open()) is not None:
            self.read_to = start
        stale: dict[bytes, set[bytes]] = {scope: set() for scope in self.lanes}
        try:
            records = await self._restore(stale)
        except UntrustedStoreError as doubt:
            self._stores.distrust(doubt)
            self.read_to = 0
            stale = {scope: set() for scope in self.lanes}
            records = await self._restore(stale)
        alive = 0
        for scope, rows in self.lanes.items():
            rows.wakeups.start_over()
            alive += len(rows.sealed)
            self._refuse_missing_rows(scope, rows)
        if any(stale.values()):
            await self._write_again(
                (scope, key) for scope, keys in stale.items() for key in sorted(keys)
            )
        seconds = time.perf_counter() - started
        self._observer.restored(self.tp.topic, self.tp.partition, records, alive, seconds)

    async def _restore(self, stale: dict[bytes, set[bytes]]) -> int:
        """Read to the end; returns how many records."""

        def take(records: Sequence[Any]) -> None:
            for scope, ours in self._by_scope(records).items():
                self._stores.look(scope, ours)
                self.lanes[scope].merge(ours, len(scope), stale[scope])
            self._stores.keep(records[-1].offset + 1)

        records, self.read_to = await self._read(self.read_to, None, take)
        self._stores.restored(self.read_to)
        return records

    def _refuse_missing_rows(self, scope: bytes, rows: LaneRows) -> None:
        if not (missing := rows.missing()):
            return
        said = rows.promise.rows if rows.promise else 0
        problem = (
            f"{self.tp.topic}/{self.tp.partition}"
            + (f" ({scope[1:].decode()})" if scope else "")
            + f": the newest batch speaks of {said} rows, the changelog has {said - missing}. "
            "Records were removed from it: is its cleanup.policy something else than compact, was "
            "it cut? Restore the topic from a copy; or stop all workers, delete it, create it "
            "anew and set the group back to where the source topics begin, so that all rows are "
            "folded again"
        )
        if not self._settings.accept_missing_rows:
            raise RowsMissingError(problem + ". accept_missing_rows goes on without them")
        log.error("%s. Going on without them, as the settings say", problem)

    # --- writing ---------------------------------------------------------------------------------

    async def write(
        self,
        scope: bytes,
        sealed: Mapping[bytes, bytes],
        decoded: Mapping[bytes, Any],
    ) -> None:
        """Append the rows of one source batch, whole or not at all, then swap them in."""
        if sealed:
            await self._rounds.ask(Change(scope, sealed, decoded))

    async def _write_together(self, asked: Sequence[Asked[Change, None]]) -> None:
        """Write for several lanes; one that was let go meanwhile is not written for."""
        for part in together(asked, self._settings.changelog_soft_bytes):
            async with self._writing:
                if waiting := [each for each in part if each.is_waiting]:
                    await self._write(waiting)

    async def _write(self, asked: Sequence[Asked[Change, None]]) -> None:
        changes = [each.item for each in asked]
        end = await self._append(
            *(change.rows(self.lanes[change.scope].count_with(change.sealed)) for change in changes)
        )
        now_ms = int(time.time() * 1000)
        end -= sum(len(change.sealed) for change in changes)
        for each, (scope, sealed, decoded) in zip(asked, changes, strict=True):
            end += len(sealed)
            if each.is_waiting:
                mark = self._stores.mark_after(scope, sealed, end, clean=self.clean)
                self.lanes[scope].apply(sealed, decoded, now_ms, mark)
                each.answer(None)

    async def _append(self, *parts: Rows) -> int:
        """Append under the lock and note what lies between our last batch and this one.

        Returns the offset behind it.
        """
        tp = self.tp
        base, count = await self._writer.log_rows(tp.topic, tp.partition, *parts)
        self._note_foreign(base)
        self.read_to = base + count
        return self.read_to

    def _note_foreign(self, until: int) -> None:
        if until > self.read_to:
            self._foreign.append((self.read_to, until))
            self.clean = False

    # --- audit -----------------------------------------------------------------------------------

    async def audit(self, end: int) -> None:
        """Mend what others wrote, given the end offset; drop deleted rows that are old enough."""
        if not self._settings.exact_end_offsets and self.read_to == self._audited_to:
            # Such a broker hides the last batch, and no write of ours has told us of it.
            end = max(end, (await self._read(self.read_to, None, lambda _: None))[1])
        if not self._writing.locked() and end > self.read_to:
            self._note_foreign(end)
            self.read_to = end
            self._stores.spoil()
        self._audited_to = self.read_to
        self._stores.touch()
        while self._foreign:
            await self._mend(*self._foreign[0])
            self._foreign.pop(0)  # only now: what could not be read is tried again
        await self._drop_deleted()

    async def _mend(self, start: int, stop: int) -> None:
        overwritten: set[tuple[bytes, bytes]] = set()
        ours = 0

        def compare(records: Sequence[Any]) -> None:
            nonlocal ours
            for scope, found in self._by_scope(records).items():
                ours += len(found)
                rows = self.lanes[scope].sealed
                for record in found:
                    key, value = (record.key or b"")[len(scope) :], record.value
                    if (mine := rows.get(key)) is not None and (
                        not is_deleted(mine)
                        if value is None
                        else applied_of(value) < applied_of(mine)
                    ):
                        overwritten.add((scope, key))

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
                await self._append(Rows(chunk))
                chunk, size = [], 0
            chunk.append((scope + key, row))
            size += len(row) + len(key)
        if chunk:
            await self._append(Rows(chunk))

    async def _drop_deleted(self) -> None:
        before_ms = int((time.time() - self._settings.deleted_row_seconds) * 1000)
        for scope, rows in list(self.lanes.items()):
            if not (rows.deleted_at_ms and (keys := rows.expired(before_ms))):
                continue
            async with self._writing:
                keys = [key for key in keys if key in rows.deleted_at_ms]
                await self._append(Rows((scope + key, None) for key in keys))
                for key in keys:
                    rows.forget(key)
                self._stores.flush(scope)

    # --- reading ---------------------------------------------------------------------------------

    def _by_scope(self, records: Sequence[Any]) -> Mapping[bytes, Sequence[Any]]:
        """The records of our lanes, lane by lane; others share the partition."""
        if b"" in self.lanes:
            return {b"": records}
        found: dict[bytes, list[Any]] = {}
        for record in records:
            key = record.key or b""
            scope = key[: key[0] + 1] if key else b""
            if scope in self.lanes:
                found.setdefault(scope, []).append(record)
        return found

    async def _read(
        self,
        start: int,
        stop: int | None,
        take: Callable[[Sequence[Any]], None],
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
            self._stores.begins(start, begin)
            position = max(start, begin)
            reader.seek(tp, position)
            moved_at, exact = loop.time(), stop is not None
            looked = exact or self._settings.exact_end_offsets
            while position < end or not looked:
                got = await reader.getmany(
                    tp, timeout_ms=200, max_records=self._settings.restore_records
                )
                if not exact and (mark := reader.highwater(tp)) is not None:
                    # Some brokers (Tansu) give the start of the last batch as the end of the log;
                    # what a fetch says is right everywhere.
                    end, exact, looked = max(end, mark), True, True
                found: Sequence[Any] = got.get(tp, ())
                if found and found[-1].offset >= end:
                    # A former owner's batch came in meanwhile: this may be only a part of it, and
                    # rows of half a batch would pass for all of them.
                    found = [record for record in found if record.offset < end]
                if found:
                    take(found)
                    records += len(found)
                before, position = position, await reader.position(tp)
                if position != before:
                    moved_at = loop.time()
                elif (stuck := loop.time() - moved_at) > _STUCK_SECONDS:
                    looked = True
                    end = min(end, (await reader.end_offsets([tp]))[tp])
                    if stuck > _GIVE_UP_SECONDS:
                        raise ChangelogStalledError(
                            f"{tp.topic}/{tp.partition} gives nothing at offset {position} "
                            f"although it ends at {end}; check the broker"
                        )
                await asyncio.sleep(0)
            return records, max(min(position, end), start) if stop is None else stop
        finally:
            await reader.stop()
