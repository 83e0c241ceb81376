"""The rows of one lane: bytes for all, decoded objects for the recent ones.

A lane owns its rows alone, so there is no locking. Keys are `table prefix + key`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from msgspec.structs import replace

from streams.engine.decoded import ABSENT, DecodedBudget, DecodedRows
from streams.engine.envelope import (
    APPLIED_BYTES,
    HEADER_BYTES,
    NEVER,
    NEW_ROW,
    WAKE_BYTES,
    applied_of,
    body_of,
    header,
    is_deleted,
    wake_of,
)
from streams.engine.records import LoggedRecord
from streams.engine.stage import Table
from streams.engine.stores import MemoryStore, Store, StoreMark
from streams.engine.wakeups import Wakeups

__all__ = ["GUARD_KEY", "ROWS_HEADER", "LaneRows", "LoggedRow", "guard_row"]

GUARD_KEY: Final = b"\0"
"""The key of a row that holds nothing but how far the lane has come. No table has this prefix."""
ROWS_HEADER: Final = "rows"
"""Header of the last record of a batch: how many live rows the lane has with this batch."""


_ASLEEP: Final = header(0, NEVER)[WAKE_BYTES]


def guard_row(applied: int) -> dict[bytes, bytes]:
    """What is logged where a batch changed no row: the changelog knows how far the lane is."""
    return {GUARD_KEY: header(applied, NEVER)}


class LoggedRow(LoggedRecord, Protocol):
    """A changelog record: its key is scope, table prefix and key, its value a sealed row."""


class Promise(NamedTuple):
    """What a batch said about its lane: so many live rows once this offset is applied."""

    applied: int
    rows: int


class LaneRows:
    """All rows of one lane, its replay guard and its wake-up times."""

    __slots__ = ("_decoded", "applied", "deleted_at_ms", "largest", "promise", "sealed", "wakeups")

    def __init__(self, decoded_limit: int | DecodedBudget, store: Store | None = None) -> None:
        self.sealed: Store = MemoryStore() if store is None else store
        self.applied = -1
        """Highest source offset any row has applied: records at or below it are already in."""
        self.largest = 0
        """Bytes of the largest row seen, for estimates."""
        self.deleted_at_ms: dict[bytes, int] = {}
        """When rows were deleted, by key; they go for good after `deleted_row_seconds`."""
        self.promise: Promise | None = None
        """What the newest batch met by a restore said about the rows."""
        self.wakeups = Wakeups(self.sealed, self.sealed.wakes)
        budget = DecodedBudget(decoded_limit) if isinstance(decoded_limit, int) else decoded_limit
        self._decoded: DecodedRows = budget.open()

    def attach(self, store: Store) -> StoreMark | None:
        """Keep rows in this store from now on, beginning with what is in it; returns its mark."""
        mark = store.mark
        self.sealed = store
        self.applied, self.largest = (mark.applied, mark.largest) if mark else (-1, 0)
        self.deleted_at_ms = dict(store.deleted())
        self.promise = None
        self._decoded.clear()
        self.wakeups = Wakeups(store, store.wakes)
        return mark

    def start_over(self) -> None:
        """Forget all rows: they are read again from the beginning."""
        self.sealed.wipe()
        self.attach(self.sealed)

    # --- reading ---------------------------------------------------------------------------------

    def get(self, table: Table[Any], full_key: bytes) -> Any:
        """The decoded row, or None when there is none or it was deleted."""
        row = self._decoded.get(full_key)
        if row is not ABSENT:
            return row
        sealed = self.sealed.get(full_key)
        row = None if sealed is None or is_deleted(sealed) else table.decode(body_of(sealed))
        if row is not None:
            self._decoded.put(full_key, row)
        return row

    def items(self, table: Table[Any]) -> Iterator[tuple[bytes, Any]]:
        """All rows of a table, read and decoded one by one; keys without the table prefix."""
        for key, sealed in self.sealed.scan(table.prefix):
            if not is_deleted(sealed):
                yield key[1:], table.decode(body_of(sealed))

    def count(self, table: Table[Any]) -> int:
        """How many rows a table has."""
        return sum(not is_deleted(row) for _, row in self.sealed.scan(table.prefix))

    def size_of(self, full_key: bytes) -> int:
        """Bytes of a row as it stands in the changelog, 0 when there is none."""
        sealed = self.sealed.get(full_key)
        return 0 if sealed is None else len(sealed)

    # --- restoring -------------------------------------------------------------------------------

    def merge(self, records: Iterable[LoggedRow], scope_bytes: int, stale: set[bytes]) -> None:
        """Take in changelog records of this lane; the highest applied offset wins per key.

        `stale` is told which keys end in a record older than the row: a former owner overwrote
        them, and they must be written again.
        """
        live = self.sealed
        forget = self._decoded.discard if len(self._decoded) else None
        get, largest = live.get, self.largest
        top = header(self.applied, NEVER)[APPLIED_BYTES] if self.applied >= 0 else b""
        for record in records:
            key, value = record.key or b"", record.value
            if scope_bytes:
                key = key[scope_bytes:]
            mine = get(key)
            if value is None:
                # A tombstone is written a day after the row was deleted, by its owner. After a live
                # row it can only be a stale owner's.
                if mine is not None and not is_deleted(mine):
                    stale.add(key)
                else:
                    self.forget(key)
                    stale.discard(key)
                continue
            applied = value[APPLIED_BYTES]
            if mine is not None:
                if applied < mine[APPLIED_BYTES]:
                    stale.add(key)
                    continue
                if stale:
                    stale.discard(key)
            if forget is not None:
                forget(key)  # rows kept from before may be decoded already
            live[key] = value
            if len(value) > largest:
                largest = len(value)
            if len(value) == HEADER_BYTES:
                self.deleted_at_ms[key] = record.timestamp
            elif mine is not None and len(mine) == HEADER_BYTES:
                self.deleted_at_ms.pop(key, None)
            if applied >= top:
                top = applied
                if record.headers:
                    self._note_promise(value, record.headers)
        self.largest = largest
        if top:
            self.applied = applied_of(top)

    def _note_promise(self, value: bytes, headers: Iterable[tuple[str, bytes]]) -> None:
        for name, said in headers:
            if name == ROWS_HEADER:
                self.promise = Promise(applied_of(value), int(said))

    def missing(self) -> int:
        """How many rows the newest batch had that a complete restore did not find; 0 is well.

        Only where that batch is the newest thing known: anything else proves nothing.
        """
        promise = self.promise
        if promise is None or promise.applied != self.applied:
            return 0
        return max(0, promise.rows - (len(self.sealed) - len(self.deleted_at_ms)))

    # --- applying --------------------------------------------------------------------------------

    def count_with(self, sealed: Mapping[bytes, bytes]) -> int:
        """How many live rows there will be once these are applied."""
        live = self.sealed
        before = len(live) - len(self.deleted_at_ms)
        if not self.deleted_at_ms and HEADER_BYTES not in map(len, sealed.values()):
            return before + len(sealed) - sum(map(live.__contains__, sealed))
        return before + sum(
            (not is_deleted(row)) - (not is_deleted(live.get(key, NEW_ROW)))
            for key, row in sealed.items()
        )

    def apply(
        self,
        sealed: Mapping[bytes, bytes],
        decoded: Mapping[bytes, Any],
        now_ms: int,
        mark: StoreMark | None = None,
    ) -> None:
        """Swap in the rows of an acknowledged batch; `mark` is where it ends in the changelog."""
        if not sealed:
            return
        live = self.sealed
        if self.wakeups.is_idle and isinstance(live, dict):
            rewoken = [key for key, row in sealed.items() if row[WAKE_BYTES] != _ASLEEP]
            live.update(sealed)
        else:
            rewoken = []
            for key, row in sealed.items():
                before = live.get(key, NEW_ROW)
                live[key] = row
                if row[WAKE_BYTES] != before[WAKE_BYTES]:
                    rewoken.append(key)
        sizes = list(map(len, sealed.values()))
        self.largest = max(self.largest, *sizes)
        if self.deleted_at_ms or min(sizes) == HEADER_BYTES:
            self._note_deleted(sealed, now_ms)
        self.applied = max(self.applied, applied_of(next(iter(sealed.values()))))
        self.keep(mark)
        for key in rewoken:
            self.wakeups.change(key, wake_of(sealed[key]))
        self._decoded.update(decoded)

    def keep(self, mark: StoreMark | None) -> None:
        """Keep the rows as they are now, where the store outlives the lane."""
        if mark is not None:
            mark = replace(mark, applied=self.applied, largest=self.largest)
            self.sealed.flush(mark, self.deleted_at_ms)

    def _note_deleted(self, sealed: Mapping[bytes, bytes], now_ms: int) -> None:
        for key, row in sealed.items():
            if is_deleted(row):
                self.deleted_at_ms[key] = now_ms
            else:
                self.deleted_at_ms.pop(key, None)

    def expired(self, before_ms: int) -> list[bytes]:
        """Deleted rows older than `before_ms`, except one that holds the lane's replay guard."""
        return [
            key
            for key, at in self.deleted_at_ms.items()
            if at < before_ms and applied_of(self.sealed.get(key, NEW_ROW)) < self.applied
        ]

    def forget(self, key: bytes) -> None:
        """Drop a deleted row whose tombstone is in the changelog."""
        self._decoded.discard(key)
        self.sealed.pop(key, None)
        self.deleted_at_ms.pop(key, None)
