"""`manyi worker` as the chaos tests start it: the real command, with three things set from outside.

- `CHAOS_SESSION`: seconds of the group session, short enough to wait for deaths.
- `CHAOS_CLOCK`: a file of eight bytes, seconds by which this worker's wall clock is wrong. Every
  reading of it goes through `time.time` and `time.time_ns`; monotonic clocks stay right, as they do
  when somebody sets the clock of a machine.
- `CHAOS_HOLE`: a defect to put in, for the negative controls.
"""

import mmap
import os
import struct
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

CLOCK_FORMAT = struct.Struct("<d")


def write_clock(path: Path, wrong_by_seconds: float) -> None:
    """Set by how much the clock of the worker that reads this file is wrong; in place."""
    if not path.exists():
        path.write_bytes(CLOCK_FORMAT.pack(0.0))
    with path.open("r+b") as file:
        file.write(CLOCK_FORMAT.pack(wrong_by_seconds))


def bend_clock(path: Path) -> None:
    """Let this process read the clock through the file; before anything takes hold of `time`."""
    with path.open("rb") as file:
        shared = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    right, right_ns = time.time, time.time_ns

    def wrong_by() -> float:
        offset: float = CLOCK_FORMAT.unpack_from(shared)[0]
        return offset

    time.time = lambda: right() + wrong_by()
    time.time_ns = lambda: right_ns() + int(wrong_by() * 1e9)


def shorten_session(seconds: float) -> None:
    """A group session of so many seconds, and what must fit into it."""
    from streams import worker

    proper = worker.engine_settings

    def engine_settings(settings: Any) -> Any:
        return replace(
            proper(settings),
            session_timeout_seconds=seconds,
            heartbeat_interval_seconds=seconds / 5,
            rebalance_timeout_seconds=max(seconds, 5.0),
            drain_seconds=seconds / 2,
            request_timeout_seconds=float(os.environ.get("CHAOS_REQUEST_TIMEOUT", "10")),
        )

    worker.engine_settings = engine_settings


def main() -> None:
    """Run the worker until it is told to stop, or worse."""
    if clock := os.environ.get("CHAOS_CLOCK"):
        bend_clock(Path(clock))
    shorten_session(float(os.environ["CHAOS_SESSION"]))
    if hole := os.environ.get("CHAOS_HOLE"):
        from tests.chaos.holes import open_hole

        open_hole(hole)
    from streams.cli.main import main as manyi

    sys.argv = ["manyi", "worker"]
    manyi()


if __name__ == "__main__":
    main()
