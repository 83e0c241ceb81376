"""Turns on the event loop: a fold of thousands of records lets heartbeats and answers through; and
room for so many records that are being folded."""

import asyncio
import time

TURN_SECONDS = 0.01
"""Longest stretch of folding before others get a turn. A record waits for a dozen turns of the loop
on its way; passing one on costs some microseconds."""


class Turn:
    """A stretch of work on the event loop."""

    __slots__ = ("_ends_at",)

    def __init__(self) -> None:
        self._ends_at = time.monotonic() + TURN_SECONDS

    @property
    def is_over(self) -> bool:
        """Whether somebody else should have the loop now."""
        return time.monotonic() >= self._ends_at

    async def pass_on(self) -> None:
        """Let the others run, then begin a new turn."""
        await asyncio.sleep(0)
        self._ends_at = time.monotonic() + TURN_SECONDS


class Room:
    """Bounds what is being folded at once, in records; who comes first goes first."""

    __slots__ = ("_free", "_limit", "_someone_left")

    def __init__(self, limit: int) -> None:
        self._limit = self._free = limit
        self._someone_left = asyncio.Event()

    async def take(self, count: int) -> None:
        """Wait for so much room; what is larger than all of it waits until everybody has left."""
        while self._free < min(count, self._limit):
            self._someone_left.clear()
            await self._someone_left.wait()
        self._free -= count

    def give(self, count: int) -> None:
        """Leave."""
        self._free += count
        self._someone_left.set()
