"""The rows of one lane: bytes for all, decoded objects for the recent ones.

A lane owns its rows alone, so there is no locking. Keys are `table prefix + key`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streams.engine.envelope import (
    HEADER_BYTES,
    NEW_ROW,
    WAKE_BYTES,
    applied_of,
    body_of,
    is_deleted,
    wake_of,
)
from streams.engine.stage import Table
from streams.engine.wakeups import Wakeups

__all__ = ["DecodedRows", "LaneRows"]

_ABSENT: Final = object()


class DecodedRows:
    """A bounded memory of decoded rows in two generations: cheaper per hit than an ordered LRU.

    New and used entries live in the young generation; when it is full it becomes the old one and
    the previous old one is forgotten. So it holds between `limit` and twice `limit` rows.
    """

    __slots__ = ("_limit", "_old", "_young")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[bytes, Any] = {}
        self._old: dict[bytes, Any] = {}

    def __len__(self) -> int:
        """Rows remembered (a row present in both generations counts twice)."""
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> Any:
        """The row, or the `_ABSENT` marker."""
        row = self._young.get(key, _ABSENT)
        if row is _ABSENT and (row := self._old.pop(key, _ABSENT)) is not _ABSENT:
            self.put(key, row)
        return row

    def put(self, key: bytes, row: Any) -> None:
        """Remember a row."""
        self._young[key] = row
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}

    def discard(self, key: bytes) -> None:
        """Forget a row: its bytes have changed."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def update(self, rows: Mapping[bytes, Any]) -> None:
        """Remember many rows at once (a batch, so it may exceed the limit by one batch)."""
        self._young.update(rows)
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}


class LaneRows:
    """All rows of one lane, its replay guard and its wake-up times."""

    __slots__ = ("_decoded", "applied", "deleted_at_ms", "largest", "sealed", "wakeups")

    def __init__(self, decoded_limit: int) -> None:
        self.sealed: dict[bytes, bytes] = {}
        self.applied = -1
        """Highest source offset any row has applied: records at or below it are already in."""
        self.largest = 0
        """Bytes of the largest row seen, for estimates."""
        self.deleted_at_ms: dict[bytes, int] = {}
        """When rows were deleted, by key; they go for good after `deleted_row_seconds`."""
        self.wakeups = Wakeups(self.sealed)
        self._decoded = DecodedRows(decoded_limit)

    # --- reading ---------------------------------------------------------------------------------

    def get(self, table: Table[Any], full_key: bytes) -> Any:
        """The decoded row, or None when there is none or it was deleted."""
        row = self._decoded.get(full_key)
        if row is not _ABSENT:
            return row
        sealed = self.sealed.get(full_key)
        row = None if sealed is None or is_deleted(sealed) else table.decode(body_of(sealed))
        if row is not None:
            self._decoded.put(full_key, row)
        return row

    def items(self, table: Table[Any]) -> Iterator[tuple[bytes, Any]]:
        """All rows of a table, decoded one by one; keys without the table prefix."""
        prefix = table.prefix
        for key, sealed in list(self.sealed.items()):
            if key.startswith(prefix) and not is_deleted(sealed):
                yield key[1:], table.decode(body_of(sealed))

    def count(self, table: Table[Any]) -> int:
        """How many rows a table has."""
        prefix = table.prefix
        return sum(
            key.startswith(prefix) and not is_deleted(row) for key, row in self.sealed.items()
        )

    def size_of(self, full_key: bytes) -> int:
        """Bytes of a row as it stands in the changelog, 0 when there is none."""
        sealed = self.sealed.get(full_key)
        return 0 if sealed is None else len(sealed)

    # --- restoring -------------------------------------------------------------------------------

    def merge(self, key: bytes, value: bytes | None, timestamp_ms: int) -> bool:
        """Take in one changelog record; the highest applied offset wins, wherever it stands.

        Returns False when the record came after a newer one, that is, when a stale owner overwrote
        this key and the row must be written again.
        """
        mine = self.sealed.get(key)
        if value is None:
            # A tombstone is written a day after the row was deleted, by its owner. After a live row
            # it can only be a stale owner's.
            if mine is not None and not is_deleted(mine):
                return False
            self.forget(key)
            return True
        applied = applied_of(value)
        if mine is not None:
            if applied < applied_of(mine):
                return False
            self._decoded.discard(key)  # rows kept from before may be decoded already
        self.sealed[key] = value
        self.applied = max(self.applied, applied)
        self.largest = max(self.largest, len(value))
        if len(value) == HEADER_BYTES:
            self.deleted_at_ms[key] = timestamp_ms
        elif self.deleted_at_ms:
            self.deleted_at_ms.pop(key, None)
        return True

    # --- applying --------------------------------------------------------------------------------

    def apply(
        self, sealed: Mapping[bytes, bytes], decoded: Mapping[bytes, Any], now_ms: int
    ) -> None:
        """Swap in the rows of an acknowledged batch."""
        if not sealed:
            return
        live, rewoken = self.sealed, []
        for key, row in sealed.items():
            before = live.get(key, NEW_ROW)
            live[key] = row
            if row[WAKE_BYTES] != before[WAKE_BYTES]:
                rewoken.append(key)
        for key in rewoken:
            self.wakeups.change(key, wake_of(live[key]))
        sizes = [len(row) for row in sealed.values()]
        self.largest = max(self.largest, *sizes)
        if self.deleted_at_ms or min(sizes) == HEADER_BYTES:
            self._note_deleted(sealed, now_ms)
        self.applied = max(self.applied, applied_of(row))
        self._decoded.update(decoded)

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
            if at < before_ms and applied_of(self.sealed[key]) < self.applied
        ]

    def forget(self, key: bytes) -> None:
        """Drop a deleted row whose tombstone is in the changelog."""
        self._decoded.discard(key)
        self.sealed.pop(key, None)
        self.deleted_at_ms.pop(key, None)
