"""Tests of promises: journeys and dated calendar cases, run and told line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from agents.complaints.sla.calendar_cases import (
    CaseResult,
    is_calendar_document,
    run_calendar_document,
)
from agents.complaints.sla.journey_file import parse_journeys
from agents.complaints.sla.journeys import (
    ClockDriver,
    DriverFactory,
    JourneyResult,
    run_journey,
)
from agents.complaints.sla.yaml_reader import MappingNode, Node, PolicyError, Reader

Out = Callable[[str], None]


class Tested(msgspec.Struct):
    """How many tests passed and failed, and how many files could not be read."""

    passed: int = 0
    failed: int = 0
    broken: int = 0

    def summary(self) -> str:
        """The last line of a run."""
        unreadable = f", {self.broken} files unreadable" if self.broken else ""
        return f"{self.passed} passed, {self.failed} failed{unreadable}"

    @property
    def exit_code(self) -> int:
        """0 if all passed, 1 if one differs, 2 if a file is unreadable or nothing was tested."""
        if self.broken or not self.passed + self.failed:
            return 2
        return 1 if self.failed else 0


def run_policy_tests(
    documents: Iterable[tuple[str, str]], out: Out, make_driver: DriverFactory = ClockDriver
) -> int:
    """Run all tests of (file name, text) pairs: a line each, a diff where one fails.

    Returns the exit code: 0 if all passed, 1 if one differs, 2 if a file cannot be read or holds no
    test at all.
    """
    tested = Tested()
    for file, text in documents:
        try:
            _run_file(file, text, out, make_driver, tested)
        except PolicyError as error:
            tested.broken += 1
            for problem in error.problems:
                out(str(problem))
    out(tested.summary())
    return tested.exit_code


def _run_file(file: str, text: str, out: Out, make_driver: DriverFactory, tested: Tested) -> None:
    reader = Reader(file)
    nodes = reader.documents(text)
    if nodes and all(_is_policy(node) for node in nodes):
        out(f"skip {file}: a policy file has no tests in it; see `manyi policy check`")
        return
    if nodes and all(is_calendar_document(node) for node in nodes):
        results = [result for node in nodes for result in run_calendar_document(reader, node)]
        reader.done()
        for result in results:
            _count(tested, result.passed)
            for line in format_case(file, result):
                out(line)
        return
    for journey in parse_journeys(text, file):
        found = run_journey(journey, make_driver)
        _count(tested, found.passed)
        for line in format_result(found):
            out(line)


def _count(tested: Tested, passed: bool) -> None:
    tested.passed += passed
    tested.failed += not passed


def _is_policy(node: Node) -> bool:
    keys = {str(key.value) for key, _ in node.value} if isinstance(node, MappingNode) else set()
    return "policies" in keys and "journey" not in keys


def format_result(result: JourneyResult) -> list[str]:
    """`ok` and the sentence of the journey, or `FAIL` and a diff."""
    journey = result.journey
    verdict = "ok  " if result.passed else "FAIL"
    lines = [f"{verdict} {journey.name}: {journey.says}".rstrip(": ")]
    if not result.passed:
        lines.append(f"     {journey.file}:{journey.line}  (- expected, + happened)")
        lines += [f"   {item.sign} {item.text}" for item in result.differences]
    return lines


def format_case(file: str, result: CaseResult) -> list[str]:
    """`ok` and what was asked, or `FAIL` and both answers."""
    if result.passed:
        return [f"ok   {result.says}: {result.found}"]
    return [
        f"FAIL {result.says}",
        f"     {file}:{result.line}  (- expected, + happened)",
        f"   - {result.expected}",
        f"   + {result.found}",
    ]
