"""The clocks of a run: what `time` says inside of each process, in place of the module.

The engine reads clocks as `time.monotonic()`, `time.time()` and so on. `Clocks` stands where its
modules find the name `time`, so production needs no seam for it.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.simulation.loop import BOOT, EPOCH, VirtualLoop

__all__ = ["Clocks", "installed"]

_PACKAGES = ("streams.engine.", "streams.pipeline.", "streams.deadlines", "streams.identity")


class Clocks:
    """As much of the module `time` as the worker uses, read from the loop of the present run."""

    CLOCK_BOOTTIME = 7
    CLOCK_MONOTONIC = 1

    def __init__(self) -> None:
        self.loop: VirtualLoop | None = None

    def monotonic(self) -> float:
        """Seconds, the same for all processes; it runs on while one of them is stopped."""
        assert self.loop is not None
        return self.loop.now

    perf_counter = monotonic

    def clock_gettime(self, _clock: int) -> float:
        """Any clock that knows no date."""
        return self.monotonic()

    def time(self) -> float:
        """Seconds since 1970 as the wall clock of the running process shows them."""
        assert self.loop is not None
        owner = self.loop.owner
        ahead = 0.0 if owner is None else owner.wall_ahead
        return self.loop.now - BOOT + EPOCH + ahead

    def time_ns(self) -> int:
        """The same in nanoseconds."""
        return int(self.time() * 1_000_000_000)


@contextmanager
def installed(clocks: Clocks) -> Iterator[None]:
    """Let the worker's modules read these clocks for a while."""
    replaced: list[Any] = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(_PACKAGES) and getattr(module, "time", None) is time
    ]
    if len(replaced) < 5:
        raise RuntimeError(f"the engine does not read `time` where it did: {replaced}")
    for module in replaced:
        module.time = clocks
    try:
        yield
    finally:
        for module in replaced:
            module.time = time
