"""A worker that was away too long stops itself, and one that hangs is ended.

Kafka fences the offsets of a former owner but not what it writes to changelogs and outputs. A
process paused beyond its session must therefore not go on writing when it wakes up. The lease only
narrows that window (bytes already in a socket go out); the applied offsets in the rows close it.
"""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn

__all__ = ["EXIT_HUNG", "EXIT_LEASE_LOST", "Lease", "LoopGuard", "hard_exit_after", "now_seconds"]

EXIT_HUNG: Final = 70
"""Exit code when an orderly stop or the event loop hangs."""
EXIT_LEASE_LOST: Final = 75
"""Exit code of a worker that was away longer than its lease: start it again."""

_TICK_SECONDS: Final = 0.1
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

log = logging.getLogger(__name__)


def now_seconds() -> float:
    """Seconds since boot, suspended time included where the system can tell (CLOCK_BOOTTIME)."""
    return time.clock_gettime(_CLOCK)


class Lease:
    """Compares the clock with its last tick; a gap above `seconds` ends the process."""

    __slots__ = ("_clock", "_exit", "_last", "seconds", "ticks")

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = now_seconds,
        exit_process: Callable[[int], NoReturn] = os._exit,
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._exit = exit_process
        self._last = clock()
        self.ticks = 0
        """How often the event loop has come by."""

    @property
    def away_seconds(self) -> float:
        """Since the last tick."""
        return self._clock() - self._last

    def renew(self) -> None:
        """Start afresh: the group has just given us partitions."""
        self._last = self._clock()

    def check(self) -> None:
        """Call before every write; does not return when the lease is lost."""
        if self.seconds and (away := self.away_seconds) > self.seconds:
            log.critical(
                "this worker was away for %.1f s, longer than its lease of %.1f s; somebody else "
                "may own its partitions. It stops now and should be started again",
                away,
                self.seconds,
            )
            logging.shutdown()
            self._exit(EXIT_LEASE_LOST)

    def tick(self) -> None:
        """Check, then note that we are here."""
        self.check()
        self._last = self._clock()
        self.ticks += 1


class LoopGuard:
    """A daemon thread that ends the process when the event loop does not turn for `seconds`.

    It counts its own seconds, so a process that was stopped or suspended as a whole is not blamed.
    """

    def __init__(
        self,
        lease: Lease,
        seconds: float,
        exit_process: Callable[[int], object] = os._exit,
        look_seconds: float = 1.0,
    ) -> None:
        self._lease = lease
        self._looks = seconds / look_seconds
        self._look_seconds = look_seconds
        self._exit = exit_process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="engine-loop-guard", daemon=True)

    def start(self) -> None:
        """Begin watching; the lease must be ticked from the loop."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _watch(self) -> None:
        seen, stuck = -1, 0
        while not self._stop.wait(self._look_seconds):
            stuck = stuck + 1 if self._lease.ticks == seen else 0
            seen = self._lease.ticks
            if stuck > self._looks:
                log.critical(
                    "the event loop has been stuck for %.0f s; ending the process",
                    stuck * self._look_seconds,
                )
                faulthandler.dump_traceback(file=sys.stderr)
                self._exit(EXIT_HUNG)
                return


def hard_exit_after(seconds: float) -> threading.Timer:
    """End the process after `seconds` unless the timer is cancelled: an orderly stop may hang."""
    timer = threading.Timer(seconds, os._exit, [EXIT_HUNG])
    timer.daemon = True  # or it would itself keep the process alive
    timer.start()
    return timer
