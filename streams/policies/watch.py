"""The policy file of this worker: when it changed, and what it says then.

Looking at the times of some files every few seconds works on every disk and in every container,
also where a ConfigMap is exchanged below its name; no notification does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from agents.complaints.sla.yaml_reader import PolicyError
from schemas.policy import PolicySet
from streams.policy_files import read_policy

SHOWN_PROBLEMS = 5
"""Problems of a broken file that are told; `manyi policy check` tells all."""

Mark = tuple[int, int, int]
"""Change time (ns), size and inode of a file as `stat` tells them."""

GONE: Mark = (0, -1, 0)


class Seen(NamedTuple):
    """What was read: a policy, or why there is none."""

    policy: PolicySet | None
    error: str = ""


class PolicyFile:
    """A policy file and the calendar feeds it names, watched by their times, sizes and inodes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks: dict[Path, Mark] = {}

    def changed(self) -> bool:
        """Whether anything changed since the last `read`."""
        return not self._marks or self.marks() != self._marks

    def marks(self) -> dict[Path, Mark]:
        """How the files look now."""
        return {file: _mark(file) for file in self._marks or (self.path,)}

    def read(self) -> Seen:
        """Read and check the file. Slow enough (a country's holidays) for a thread of its own."""
        # Looked at before it is read: what changes meanwhile is a change again.
        marks = {self.path: _mark(self.path)}

        def note(feed: Path) -> None:
            marks[feed] = _mark(feed)

        try:
            policy = read_policy(self.path, note)
        except PolicyError as error:
            self._marks |= marks
            shown = [str(problem) for problem in error.problems[:SHOWN_PROBLEMS]]
            more = len(error.problems) - len(shown)
            return Seen(None, "; ".join([*shown, *([f"{more} more"] if more else [])]))
        except OSError as error:
            self._marks |= marks
            return Seen(None, f"{self.path}: {error.strerror or error}")
        self._marks = marks
        return Seen(policy)


def _mark(file: Path) -> Mark:
    try:
        told = os.stat(file)
    except OSError:
        return GONE
    return told.st_mtime_ns, told.st_size, told.st_ino
