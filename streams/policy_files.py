"""Policy and journey files on disk: reading them, checking them, running the journeys in them.

The rules are in `agents/complaints/sla`, which does no I/O; this is where their texts come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from agents.complaints.sla.journeys import ClockDriver, DriverFactory, run_policy_tests
from agents.complaints.sla.policy_file import check_policy, default_policy, parse_policy
from schemas.policy import PolicySet, Problem

SUFFIXES = (".yaml", ".yml")


def load_policy(path: Path | None) -> PolicySet:
    """The policy file at `path`, or the built-in one. Raises PolicyError, OSError."""
    if path is None:
        return default_policy()
    return parse_policy(_text(path), str(path))


def read_documents(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """(name, text) of every file, and of every YAML file below a directory, in order of name."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
        else:
            files.append(path)
    return [(str(file), _text(file)) for file in files]


def check_policy_files(paths: Iterable[Path]) -> list[Problem]:
    """Everything that is wrong with these policy files; empty if they can be used."""
    return check_policy(read_documents(paths))


def run_policy_test_files(
    paths: Iterable[Path],
    out: Callable[[str], None],
    make_driver: DriverFactory = ClockDriver,
) -> int:
    """Run the journeys in these files and directories; the exit code of `manyi policy test`."""
    return run_policy_tests(read_documents(paths), out, make_driver)


def _text(path: Path) -> str:
    # A byte that is no UTF-8 becomes a visible mark, and the check says where it hurts.
    return path.read_text(encoding="utf-8-sig", errors="replace")
