"""Seeds of the simulated worker that must hold, and bugs put back that seeds must find."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.holes import FOCUS, HOLES

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 100
"""A few seconds' worth; `make seeds` runs as many as one has time for."""
MOST_SEEDS = 600
"""Within so many seeds every control must be found."""


FOUND_FROM = {
    "commit_first": 255,
    "rows_first": 0,
    "swap_first": 15,
    "no_replay_guard": 0,
    "last_wins": 65,
    "no_mending": 31,
    "trusts_kept_rows": 35,
    "no_fencing": 9,
    "eager_deadlines": 2,
    "commit_outlives_assignment": 49,
    "impatient_identity": 185,
}
"""Every one of `HOLES`, and where the search for it begins, to save time."""


def simulate(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m tests.simulation` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_seeds_hold() -> None:
    """Whatever a seed does to workers, network and clocks, what they leave is right."""
    done = simulate("--seeds", str(SEEDS), "--start", "10000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SEEDS} seeds" in done.stdout


def test_a_seed_is_a_run() -> None:
    """The same seed gives the same events at the same times, in any process."""
    digests = [
        re.findall("digest .*", simulate("--seed", "4711", PYTHONHASHSEED=salt).stdout)
        for salt in ("1", "2")
    ]
    assert len(digests[0]) == 1
    assert digests[0] == digests[1]


def test_every_control_is_looked_for() -> None:
    """None may be left out of the search without a word."""
    assert FOUND_FROM.keys() == FOCUS.keys() == HOLES.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("hole", "start"), FOUND_FROM.items())
def test_bugs_put_back_are_found(hole: str, start: int) -> None:
    """A simulation that finds nothing must find what is known to be wrong."""
    only = ("--only", FOCUS[hole])
    seeds = ("--seeds", str(MOST_SEEDS), "--start", str(start), "--first")
    done = simulate(*seeds, "--hole", hole, *only)
    assert done.returncode == 1, f"none of {MOST_SEEDS} seeds finds {hole}\n{done.stdout}"
    seed = re.search(r"--seed (\d+)", done.stdout)
    assert seed is not None
    sound = simulate("--seed", seed[1], *only)
    assert sound.returncode == 0, f"it fails without the bug as well:\n{sound.stdout}"
