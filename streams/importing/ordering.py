"""Putting a history in the order in which it happened, as far as memory reaches.

A buffer of a fixed size always gives its earliest record. Input that fits comes out sorted as a
whole; longer input is sorted within a window of that size, which suits exports that are roughly in
order. Records that tell the same happening again are folded on the way: the highest revision stays.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from streams.importing.outgoing import Outgoing

WINDOW = 1_000_000
"""Records held at most, about 1 GB: a year of a large contact centre comes out sorted as a whole.
"""


class TimeOrder:
    """A window that takes records in any order and gives them by time."""

    def __init__(self, window: int = WINDOW) -> None:
        if window < 1:
            raise ValueError(f"a window of {window} records holds nothing")
        self._window = window
        self._heap: list[tuple[float, int, tuple[str, str, str]]] = []
        self._waiting: dict[tuple[str, str, str], tuple[int, Outgoing]] = {}
        self._count = 0
        self.folded = 0
        """Records that only repeated, or were replaced by, another telling of the same happening.
        """
        self.is_whole = True
        """Whether everything so far fitted, so that the order is complete."""

    def add(self, record: Outgoing) -> Iterator[Outgoing]:
        """Take a record; give those that no longer fit, the earliest first."""
        present = self._waiting.get(record.identity)
        if present is not None:
            self.folded += 1
            if record.revision <= present[1].revision:
                return
        self._count += 1
        self._waiting[record.identity] = (self._count, record)
        heappush(self._heap, (record.at.timestamp(), self._count, record.identity))
        while len(self._waiting) > self._window:
            self.is_whole = False
            yield from self._pop()

    def drain(self) -> Iterator[Outgoing]:
        """Give everything that is left, in order."""
        while self._heap:
            yield from self._pop()

    def __len__(self) -> int:
        return len(self._waiting)

    def _pop(self) -> Iterator[Outgoing]:
        _, number, identity = heappop(self._heap)
        found = self._waiting.get(identity)
        if found is not None and found[0] == number:  # else it was folded into a newer one
            del self._waiting[identity]
            yield found[1]
