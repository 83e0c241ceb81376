"""Policy and journey files on disk: reading them, checking them, running the journeys in them.

The rules are in `agents/complaints/sla`, which does no I/O; this is where their texts come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from agents.complaints.sla.policy_file import check_policy, default_policy, parse_policy
from agents.complaints.sla.policy_tests import run_policy_tests
from agents.complaints.sla.versions import version_of
from agents.complaints.sla.yaml_reader import PolicyError
from agents.customer.journeys import StepDriver
from schemas.policy import PolicySet, Problem
from streams.errors import ExitCode, UserError

SUFFIXES = (".yaml", ".yml", ".json")


def load_policy(path: Path | None) -> PolicySet:
    """The policy file at `path`, or the built-in one, as the version that it is: complete in
    itself, and named by its content. Raises PolicyError, OSError."""
    return version_of(default_policy()) if path is None else read_policy(path)


def read_policy(path: Path, before_feed: Callable[[Path], None] = lambda feed: None) -> PolicySet:
    """As `load_policy`; `before_feed` is told of every feed before it is read."""
    beside = feeds_beside(str(path))

    def read_feed(name: str) -> str:
        before_feed(path.parent / name)
        return beside(name)

    return version_of(parse_policy(_text(path), str(path), read_feed))


def require_policy(path: Path | None) -> PolicySet:
    """As `load_policy`, for a command: a mistake is a UserError that names every one of them."""
    try:
        return load_policy(path)
    except PolicyError as error:
        problems = "\n       ".join(str(problem) for problem in error.problems)
        raise UserError(problems, "`manyi policy check` tells more", ExitCode.USAGE) from error


def read_documents(
    paths: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES
) -> list[tuple[str, str]]:
    """(name, text) of every file, and of the matching files below a directory, by name."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix in suffixes)
        else:
            files.append(path)
    return [(str(file), _text(file)) for file in files]


def check_policy_files(paths: Iterable[Path]) -> list[Problem]:
    """Everything that is wrong with these policy files; empty if they can be used."""
    return check_policy(read_documents(paths), feeds_beside)


def run_policy_test_files(paths: Iterable[Path], out: Callable[[str], None]) -> int:
    """Run the journeys and calendar cases in these files and directories, through the customer
    step of production; the exit code of `manyi policy test`."""
    return run_policy_tests(read_documents(paths), out, StepDriver)


def feeds_beside(file: str) -> Callable[[str], str]:
    """Reads the calendar feeds that a policy file names, relative to its own folder."""
    return lambda name: _text(Path(file).parent / name)


def _text(path: Path) -> str:
    # A byte that is no UTF-8 becomes a visible mark, and the check says where it hurts.
    return path.read_text(encoding="utf-8-sig", errors="replace")
