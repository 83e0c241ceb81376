"""The house rules that no linter knows, kept true by tests: layout, sizes, purity, documents.

Each is quick and reads files only. Whoever must break one adds a line with the reason to the table
beside it; a table that is long says that the rule, or the code, needs another look.
"""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from streams.settings import describe

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "agents", "streams", "deploy")

FILE_LINES = 360
"""A guide: about 300 lines are read in one sitting; what is longer usually does two things."""

TEST_FILE_LINES = 450
"""Cases stand side by side and are read one at a time, so a file of tests may hold more of them."""

LONGER_FILES = {
    "agents/simulation/texts.py": "the words of an invented contact centre: data, not code",
}
"""Path -> why it is longer than the guide."""

FILE_BYTES = 512 * 1024
"""Data and pictures belong elsewhere; the locks, the largest files we keep, are a quarter of it."""

TESTS_OF_THEIR_OWN = {
    "chaos": "workers on a real Kafka that are killed, paused, added and removed",
    "integration": "a whole worker on the embedded servers",
    "journeys": "timelines through all rules at once",
    "engine": "streams/engine could stand alone, and its tests with it",
    "simulation": "whole workers on invented time and an invented cluster, drawn from seeds",
}
"""Folder of tests/ that mirrors no package -> what it is about."""

SCHEMAS_MAY_IMPORT = {"msgspec", "orjson", "schemas"} | sys.stdlib_module_names

CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("time", "perf_counter"),
}

UNWANTED = {
    r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b": "do it, or write an issue",
    r"(?<![\w.])/(work|farm|root|home/\w+)/": "a path of somebody's machine",
    r"\bprint\(.*# ?debug": "a trace left behind",
}
"""Pattern -> what to do about it."""

CHANGE_KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@cache
def files() -> list[Path]:
    """Return what is, or would be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: what belongs to the project cannot be told")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def modules(*packages: str) -> list[Path]:
    """Return the Python files of these folders."""
    return [path for path in files() if path.suffix == ".py" and name_of(path).parts[0] in packages]


def name_of(path: Path) -> Path:
    """Return the path as it is written from the root."""
    return path.relative_to(ROOT)


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Return the dotted names a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_module_says_what_lives_there() -> None:
    """A reader who opens a file meets a sentence about it first."""
    silent = [
        str(name_of(path))
        for path in modules(*PACKAGES, "tests", "benchmarks")
        if not ast.get_docstring(tree(path))
    ]
    assert silent == []


def test_files_stay_readable_in_one_sitting() -> None:
    """No file grows past the guide unless the table says why, and the table holds no old names."""
    lengths = {
        str(name_of(path)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules(*PACKAGES, "tests", "benchmarks")
    }
    long = {
        name
        for name, length in lengths.items()
        if length > (TEST_FILE_LINES if name.startswith("tests/") else FILE_LINES)
    }
    assert {name: lengths[name] for name in long - set(LONGER_FILES)} == {}
    assert set(LONGER_FILES) - long == set(), "no longer long: take them off the table"


def test_rules_and_contract_read_no_clock() -> None:
    """Time is an argument in agents/ and schemas/, however the clock is spelt."""
    readers = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules("schemas", "agents")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and _is_clock(node)
    ]
    assert readers == []


def _is_clock(node: ast.Attribute) -> bool:
    owner = node.value
    name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
    return (name, node.attr) in CLOCKS


def test_the_contract_rests_on_nothing_else() -> None:
    """schemas/ imports msgspec, orjson and the standard library, and nothing besides."""
    strangers = {
        str(name_of(path)): sorted(others)
        for path in modules("schemas")
        if (others := {name.split(".")[0] for name in imported(path)} - SCHEMAS_MAY_IMPORT)
    }
    assert strangers == {}


def test_the_engine_could_stand_alone() -> None:
    """streams/engine knows nothing of manyi: it imports no other part of the project."""
    others = {
        f"{name_of(path)} imports {name}"
        for path in modules("streams")
        if name_of(path).parts[1] == "engine"
        for name in imported(path)
        if name.split(".")[0] in PACKAGES and not f"{name}.".startswith("streams.engine.")
    }
    assert others == set()


def test_tests_mirror_what_they_test() -> None:
    """The tests of a package lie where the package would look for them."""
    folders = {name_of(path).parent.relative_to("tests") for path in modules("tests")}
    lost = [
        str(folder)
        for folder in folders
        if folder.parts and folder.parts[0] not in TESTS_OF_THEIR_OWN
        if not (ROOT / folder).is_dir()
    ]
    assert lost == []


def test_nothing_unwanted_is_left_behind() -> None:
    """No notes to oneself and no paths of one machine, in any text we keep."""
    found = []
    for path in files():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for pattern, advice in UNWANTED.items():
            for match in re.finditer(pattern, content.decode("utf-8", "replace")):
                line = content[: match.start()].count(b"\n") + 1
                found.append(f"{name_of(path)}:{line}: {match.group()!r}: {advice}")
    assert found == []


def test_no_file_is_a_blob() -> None:
    """A clone stays small."""
    large = {
        str(name_of(path)): size for path in files() if (size := path.stat().st_size) > FILE_BYTES
    }
    assert large == {}


def test_the_changelog_keeps_its_form() -> None:
    """`Unreleased` first, then dated versions, newest on top, with the known kinds of change."""
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    releases = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert releases[0] == "[Unreleased]"
    dated = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", one) for one in releases[1:]]
    assert all(dated), f"not `[1.2.3] - 2026-01-31`: {releases[1:]}"
    days = [match[2] for match in dated if match]
    assert days == sorted(days, reverse=True)
    kinds = {line.removeprefix("### ") for line in lines if line.startswith("### ")}
    assert kinds <= CHANGE_KINDS
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not dated or dated[0] is None or dated[0][1] == project["version"]


def test_locks_name_no_place_to_download_from() -> None:
    """The locks say what is right by hashes; where it comes from is the user's choice."""
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-build.txt"):
        lock = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"://|^--?(i|index|extra|find|trusted)", lock, re.MULTILINE), name
        pinned = re.findall(r"^[a-z0-9].*", lock, re.MULTILINE)
        assert pinned
        assert all("==" in line and line.endswith("\\") for line in pinned), "every pin has hashes"


def test_the_page_of_settings_is_current() -> None:
    """docs/settings.md says what the code does; `make docs` writes it."""
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == describe()
