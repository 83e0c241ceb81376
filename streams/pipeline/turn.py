"""Turns on the event loop: a fold of thousands of records lets heartbeats and answers through."""

import asyncio
import time

TURN_SECONDS = 0.05
"""Longest stretch of folding before others get a turn: far below any time-out of a client, and long
enough that passing it on costs nothing."""


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
