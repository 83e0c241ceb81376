"""Where Quix Streams runs: an environment of its own in `.cache`, from pinned, hashed packages.

Nothing of it enters manyi's own lock. `requirements-quix.in` says what is wanted; `pip-compile
--generate-hashes` made `requirements-quix.txt` of it.
"""

import shutil
import sys
from pathlib import Path

from benchmarks.contenders.job import Task
from benchmarks.harness.children import ROOT, ChildFailedError, call

LOCK = Path(__file__).with_name("requirements-quix.txt")
PLACE = ROOT / ".cache" / "quix"
PYTHON = PLACE / "bin" / "python"
INSTALL_SECONDS = 300.0


def missing() -> str:
    """Why Quix Streams cannot run here; empty when it can. Installs it the first time."""
    done = PLACE / "complete"
    if done.exists() and done.stat().st_mtime >= LOCK.stat().st_mtime:
        return ""
    shutil.rmtree(PLACE, ignore_errors=True)
    install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        for step in (
            [sys.executable, "-m", "venv", str(PLACE)],
            [*install, "--require-hashes", "--requirement", str(LOCK)],
        ):
            status, out, err = call(step, INSTALL_SECONDS)
            if status:
                return f"its packages could not be installed: {(err or out)[-500:]}"
    except ChildFailedError as error:
        return f"its packages could not be installed: {error}"
    done.touch()
    return ""


def command(module: str, task: Task) -> list[str]:
    """A contender of this package, run in that environment."""
    return [str(PYTHON), "-m", f"benchmarks.contenders.{module}", task.encoded()]
