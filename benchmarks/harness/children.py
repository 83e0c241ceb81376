"""Programs that are measured: each a process group of its own that never outlives its time."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHOWN_CHARACTERS = 3_000
ORDERLY_SECONDS = 1.0
"""A part that is stopped may end its own children in this time."""
_PR_SET_PDEATHSIG = 1


class ChildFailedError(Exception):
    """A program ended badly, too late, or without saying what it took."""


def call(
    command: Sequence[str], seconds: float, environ: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a program to its end; returns its status and both outputs. It is killed when late."""
    process = start(command, environ)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        end(process)
        out, err = process.communicate()
        raise ChildFailedError(
            f"{' '.join(command[:4])}: not done in {seconds:.0f} s\n{err[-SHOWN_CHARACTERS:]}"
        ) from None
    finally:
        end(process)
    return process.returncode, out, err


def figures_of(
    command: Sequence[str], seconds: float, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a program that prints one JSON document on a line of its own, and return that."""
    status, out, err = call(command, seconds, environ)
    for line in reversed(out.splitlines()):
        if line.startswith("{"):
            with suppress(ValueError):
                found: dict[str, Any] = json.loads(line)
                return found
    told = (err or out)[-SHOWN_CHARACTERS:]
    raise ChildFailedError(f"{' '.join(command[:4])} ended with {status}:\n{told}")


def start(
    command: Sequence[str], environ: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start a program from the root of the checkout, with its outputs in pipes."""
    return subprocess.Popen(
        list(command),
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )


def end(process: "subprocess.Popen[str]") -> None:
    """Kill what is left of a program and of what it has started. Safe to call again."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def stream(command: Sequence[str], seconds: float) -> int | None:
    """Run a program whose output goes where ours goes; its status, None if it was too slow."""
    process = subprocess.Popen(
        list(command),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end_group(process.pid)
        process.wait()


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)
        time.sleep(ORDERLY_SECONDS)
        os.killpg(pid, signal.SIGKILL)
