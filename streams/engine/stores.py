"""Where the sealed rows of a lane are kept: a mapping from key to bytes, and what goes with it.

Two kinds: `MemoryStore`, a dictionary that lives as long as the lane, and `RocksStore` (in
`rocks.py`), for state larger than memory. Rows come in only after the changelog has acknowledged
them, so a store never knows more than the changelog does.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, overload

import msgspec

from streams.engine.envelope import NEVER, wake_of

__all__ = ["MemoryStore", "Store", "StoreMark"]


class StoreMark(msgspec.Struct, kw_only=True, frozen=True):
    """How far a store has come, written together with its rows."""

    position: int
    """Everything of the lane below this changelog offset is in the store."""
    applied: int = -1
    """Highest source offset of its rows."""
    largest: int = 0
    """Bytes of the largest row seen."""
    checks: dict[int, int] = {}
    """CRC-32 of the newest changelog records by offset: is it still the log we know?"""
    is_clean: bool = True
    """Nobody else wrote to the changelog since the rows were restored."""


class Store(Protocol):
    """Sealed rows by key. A lane owns its store alone, so there is no locking."""

    @overload
    def get(self, key: bytes) -> bytes | None: ...
    @overload
    def get(self, key: bytes, default: bytes) -> bytes: ...

    def __contains__(self, key: object, /) -> bool:
        """Whether there is a row, a deleted one included."""

    def __len__(self) -> int:
        """Rows, deleted ones included."""

    def __setitem__(self, key: bytes, row: bytes, /) -> None:
        """Put a row; it counts once `flush` has returned."""

    def pop(self, key: bytes, default: None, /) -> bytes | None:
        """Take a row out."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All rows, while nothing changes."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins so, one by one; safe against changes meanwhile."""

    def wakes(self) -> Iterator[tuple[int, bytes]]:
        """(wake-up time, key) of all rows that want to be woken, without reading the others."""

    def deleted(self) -> Iterator[tuple[bytes, int]]:
        """(key, epoch milliseconds) of rows deleted before the store was opened."""

    def expect(self, keys: list[bytes]) -> None:
        """These keys are about to be asked for: get them together."""

    def flush(self, mark: StoreMark, deleted_at_ms: dict[bytes, int]) -> None:
        """Keep what was put and taken out, and how far that is, all or nothing."""

    @property
    def mark(self) -> StoreMark | None:
        """What was kept with the last flush before it was opened; None in a new store."""

    def wipe(self) -> None:
        """Forget everything: what is in it cannot be trusted."""

    def close(self) -> None:
        """Let go of it; it is not used afterwards."""


class MemoryStore(dict[bytes, bytes]):
    """Rows in a dictionary: the fastest, and gone with the worker."""

    mark: StoreMark | None = None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins so; only the keys are copied."""
        for key in list(self):
            if key.startswith(prefix) and (row := self.get(key)) is not None:
                yield key, row

    def wakes(self) -> Iterator[tuple[int, bytes]]:
        """(wake-up time, key) of all rows that want to be woken."""
        return ((wake, key) for key, row in self.items() if (wake := wake_of(row)) != NEVER)

    def deleted(self) -> Iterator[tuple[bytes, int]]:
        """Nothing: it begins empty."""
        return iter(())

    def expect(self, keys: list[bytes]) -> None:
        """They are here already."""

    def flush(self, mark: StoreMark, deleted_at_ms: dict[bytes, int]) -> None:
        """There is nowhere to keep it."""

    def wipe(self) -> None:
        """Forget all rows."""
        self.clear()

    def close(self) -> None:
        """Nothing is open."""
