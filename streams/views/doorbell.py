"""Waking whoever writes views when there are some, not by the clock: they are shown sooner, and no
more often than rounds of lanes bring them."""

import asyncio
import contextlib
from typing import Final

GATHER_SECONDS: Final = 0.01
"""How long the first view that waits does so: others of the same round of lanes come meanwhile."""

IDLE_SECONDS: Final = 0.2
"""How long to wait where nothing comes: progress is to be looked at as well."""


class Doorbell:
    """Rung by what is put, awaited by the one who writes it."""

    __slots__ = ("_rung",)

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something waits to be written."""
        self._rung.set()

    async def wait(self, something_waits: bool) -> None:
        """Until it rings, or `IDLE_SECONDS` have passed; at once where something waits already."""
        if not something_waits:
            self._rung.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), IDLE_SECONDS)
        await asyncio.sleep(GATHER_SECONDS)
