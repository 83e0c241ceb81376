"""When keys of one lane want to be woken: a min-heap with lazy cancelling.

The truth is the wake-up time in the row's envelope. The heap only says which keys to look at; an
entry that no longer matches its row is dropped when it comes up, or when stale entries outnumber
the live ones.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import Final, Protocol

from streams.engine.envelope import NEVER, wake_of

__all__ = ["Wakeups"]


class _Rows(Protocol):
    """Sealed rows by key: the truth."""

    def get(self, key: bytes, /) -> bytes | None:
        """The row, or None."""

    def __len__(self) -> int:
        """How many rows there are."""


_SLACK: Final = (
    1_024  # stale entries that never cause a rebuild: small lanes are not worth the scan
)
_ROWS_PER_STALE: Final = 16
"""A rebuild looks at every row, a third of a microsecond each; so it waits until a sixteenth as
many entries may be stale, at some 100 bytes each."""


class Wakeups:
    """The wake-up times of one lane, earliest first; each (key, time) comes out once."""

    __slots__ = ("_heap", "_limit", "_rows", "_taken", "_wakes")

    def __init__(self, rows: _Rows, wakes: Callable[[], Iterable[tuple[int, bytes]]]) -> None:
        self._rows = rows
        self._wakes = wakes  # (time, key) of all rows that have one, anew
        self._heap: list[tuple[int, bytes]] = []
        self._taken: dict[bytes, int] = {}  # came out, and the row still says the same
        self._limit = _SLACK

    def __len__(self) -> int:
        """Entries, stale ones included."""
        return len(self._heap)

    @property
    def is_idle(self) -> bool:
        """Whether no row has a wake-up time."""
        return not (self._heap or self._taken)

    def start_over(self) -> None:
        """Forget what was taken, too: the lane was restored, somebody else may have been here."""
        self._taken.clear()
        self.rebuild()

    def rebuild(self) -> None:
        """Collect the times anew from the rows: too many entries are stale."""
        taken = self._taken
        self._heap = [(wake, key) for wake, key in self._wakes() if taken.get(key) != wake]
        heapify(self._heap)
        spare = max(_SLACK, len(self._rows) // _ROWS_PER_STALE)
        self._limit = 2 * len(self._heap) + spare

    def change(self, key: bytes, wake_at_ms: int) -> None:
        """The row of `key` got another wake-up time (or `NEVER`); call it after the row was set."""
        if self._taken:
            self._taken.pop(key, None)
        if wake_at_ms != NEVER:
            heappush(self._heap, (wake_at_ms, key))
            if len(self._heap) > self._limit:
                self.rebuild()

    def next_at_ms(self) -> int | None:
        """The earliest wake-up time still wanted, or None."""
        heap = self._heap
        while heap and not self._is_wanted(*heap[0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, until_ms: int, limit: int) -> list[tuple[bytes, int]]:
        """Take out up to `limit` (key, wake_at_ms) with `wake_at_ms <= until_ms`, earliest first.

        A pair does not come again before its row got another wake-up time.
        """
        due: list[tuple[bytes, int]] = []
        heap = self._heap
        while heap and heap[0][0] <= until_ms and len(due) < limit:
            wake, key = heappop(heap)
            if self._is_wanted(wake, key):
                self._taken[key] = wake
                due.append((key, wake))
        return due

    def _is_wanted(self, wake: int, key: bytes) -> bool:
        row = self._rows.get(key)
        return row is not None and wake_of(row) == wake and self._taken.get(key) != wake
