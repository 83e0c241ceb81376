"""`python -m tests.simulation`: many seeds, or one with its story.

    python -m tests.simulation --seeds 1000            # seeds 0 to 999 on all cores
    python -m tests.simulation --seeds 1000 --start 5000
    python -m tests.simulation --seed 4711 --trace     # one run, event by event
    python -m tests.simulation --seeds 500 --only "kill at a place,no leader"
    python -m tests.simulation --seeds 200 --hole commit_first   # a bug put back on purpose

Ends with status 1 when a seed fails, and prints the command that runs it again.
"""

import argparse
import gc
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from typing import NamedTuple

from tests.simulation.faults import FAULTS
from tests.simulation.holes import HOLES, hole_open
from tests.simulation.stage import Outcome, run_seed, stage_set

CHUNK = 20
"""Seeds a process takes at a time; between them it collects garbage."""
SHOWN = 10
"""Failing seeds that are told of."""


class Asked(NamedTuple):
    """How seeds are run."""

    hole: str = ""
    only: tuple[str, ...] = ()
    jobs: int = 1
    first: bool = False

    @property
    def again(self) -> str:
        """What must be said again to run a seed alike."""
        hole = f" --hole {self.hole}" if self.hole else ""
        only = f' --only "{",".join(self.only)}"' if self.only else ""
        return hole + only


def _chunk(seeds: Sequence[int], asked: Asked) -> list[Outcome]:
    logging.disable(logging.CRITICAL)
    gc.freeze()  # modules and policies need not be looked at again
    gc.disable()
    try:
        with stage_set() as clocks, hole_open(asked.hole):
            return [run_seed(seed, clocks, only=asked.only) for seed in seeds]
    finally:
        gc.enable()
        gc.collect()
        logging.disable(logging.NOTSET)


def _outcomes(seeds: range, asked: Asked) -> Iterator[Outcome]:
    chunks = [list(seeds[at : at + CHUNK]) for at in range(0, len(seeds), CHUNK)]
    if asked.jobs == 1:
        for chunk in chunks:
            yield from _chunk(chunk, asked)
        return
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("fork")) as pool:
        try:
            for outcomes in pool.map(_chunk, chunks, repeat(asked)):
                yield from outcomes
        finally:
            pool.shutdown(cancel_futures=True)


def _one(seed: int, asked: Asked, trace: bool) -> int:
    if not trace:
        logging.disable(logging.CRITICAL)
    logging.basicConfig(level=logging.ERROR, format="%(message).300s", stream=sys.stdout)
    with stage_set() as clocks, hole_open(asked.hole):
        outcome = run_seed(seed, clocks, keep_trace=trace, only=asked.only)
    for line in outcome.lines:
        print(line)
    print(f"digest {outcome.digest}, {outcome.callbacks} callbacks in {outcome.seconds:.1f} s")
    for problem in outcome.problems:
        print(f"WRONG: {problem}")
    return 1 if outcome.problems else 0


def _many(seeds: range, asked: Asked) -> int:
    started, done, failed = time.monotonic(), 0, 0
    faults: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for outcome in _outcomes(seeds, asked):
        done += 1
        faults += outcome.faults
        for name in ("records", "rebalances", "replays", "mended", "seconds"):
            totals[name] += getattr(outcome, name)
        if outcome.problems:
            failed += 1
            if failed <= SHOWN:
                _tell(outcome, asked)
            if asked.first:
                break
    elapsed = time.monotonic() - started
    print(
        f"{done} seeds from {seeds.start} in {elapsed:.1f} s "
        f"({done / elapsed * 60:.0f} a minute, {asked.jobs} processes), {failed} failed"
    )
    print(
        f"{totals['records']} records, {totals['rebalances']} rebalances, {totals['replays']} "
        f"records replayed, {totals['mended']} rows mended, {totals['seconds'] / 3600:.1f} h of "
        "invented time"
    )
    print("faults: " + ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items())))
    return 1 if failed else 0


def _tell(outcome: Outcome, asked: Asked) -> None:
    print(f"seed {outcome.seed} FAILED after {dict(outcome.faults)}")
    for problem in outcome.problems[:3]:
        print(f"    {problem[:300]}")
    again = f"python -m tests.simulation --seed {outcome.seed} --trace{asked.again}"
    print(f"    again: {again}", flush=True)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first one")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="print what happens (with --seed)")
    parser.add_argument("--only", default="", help=f"kinds of fault: {', '.join(FAULTS)}")
    parser.add_argument("--hole", default="", choices=["", *HOLES], help="put a bug back")
    parser.add_argument("--first", action="store_true", help="end with the first failing seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    said = parser.parse_args()
    only = tuple(kind.strip() for kind in said.only.split(",") if kind.strip())
    if unknown := set(only) - FAULTS.keys():
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    asked = Asked(said.hole, only, said.jobs, said.first)
    if said.seed is not None:
        return _one(said.seed, asked, said.trace)
    return _many(range(said.start, said.start + said.seeds), asked)


if __name__ == "__main__":
    sys.exit(main())
