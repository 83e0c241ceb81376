"""What manyi sets itself, and what one run has measured of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Results = Mapping[str, Mapping[str, Any]]
"""Part -> its figures."""


class Goal(NamedTuple):
    """A bound, and where its figure stands."""

    name: str
    bound: float
    unit: str
    at_least: bool
    figure: Callable[[Results], float]


class Line(NamedTuple):
    """One goal as it came out."""

    goal: str
    target: str
    measured: str
    verdict: str


def _first(table: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The rows of the first broker: Apache Kafka where there is one."""
    rows: Sequence[Mapping[str, Any]] = next(iter(table["brokers"].values()))
    return rows


def _times(part: str, contender: str) -> Callable[[Results], float]:
    def figure(results: Results) -> float:
        rows = {row["contender"]: row for row in _first(results[part])}
        return float(rows[contender]["manyi_is"])

    return figure


def _whole_per_core(results: Results) -> float:
    return float(_first(results["worker_job"])[0]["per_core"])


def _idle_bytes(results: Results) -> float:
    """A customer who has had two interactions."""
    shapes = {shape["interactions"]: shape for shape in results["memory"]["shapes"]}
    return float(shapes[2]["resident_bytes"])


GOALS = (
    Goal(
        "engine job against Kafka Streams, warm",
        2.0,
        "x",
        True,
        _times("engine_job", "Kafka Streams"),
    ),
    Goal("engine job against Quix Streams", 3.0, "x", True, _times("engine_job", "Quix Streams")),
    Goal("engine job against Faust's table", 45.0, "x", True, _times("engine_job", "Faust table")),
    Goal("engine job against the plain loop", 1.0, "x", True, _times("engine_job", "plain loop")),
    Goal("whole job, one worker, per core", 30_000, "/s", True, _whole_per_core),
    Goal("whole job against Faust", 15.0, "x", True, _times("worker_job", "Faust")),
    Goal("whole job against Quix Streams", 3.0, "x", True, _times("worker_job", "Quix Streams")),
    Goal(
        "p99 channel topic to live view, half load",
        250,
        " ms",
        False,
        lambda results: results["latency"]["p99_ms"],
    ),
    Goal(
        "alert lateness p99, 1 M open clocks",
        250,
        " ms",
        False,
        lambda results: results["lateness"]["engine"]["p99_ms"],
    ),
    Goal(
        "alert lateness p99, whole worker",
        250,
        " ms",
        False,
        lambda results: results["lateness"]["worker"]["p99_ms"],
    ),
    Goal(
        "restore of 1 M customer rows",
        6.0,
        " s",
        False,
        lambda results: results["restore"]["seconds_per_million"],
    ),
    Goal("memory per idle customer", 1_536, " bytes", False, _idle_bytes),
    Goal(
        "cost of an interaction, 10 k to 2 M customers",
        1.3,
        "x",
        False,
        lambda results: results["scaling"]["rows"][-1]["times_the_first"],
    ),
)


def compare(results: Results) -> list[Line]:
    """Every goal with what was measured; what was not is said so."""
    lines = []
    for goal in GOALS:
        target = f"{'>=' if goal.at_least else '<='} {goal.bound:,g}{goal.unit}"
        try:
            figure = goal.figure(results)
        except (KeyError, IndexError, StopIteration, TypeError):
            lines.append(Line(goal.name, target, "-", "not measured"))
            continue
        reached = figure >= goal.bound if goal.at_least else figure <= goal.bound
        shown = f"{figure:,.0f}" if figure >= 100 else f"{figure:,.2f}"
        lines.append(Line(goal.name, target, shown + goal.unit, "reached" if reached else "missed"))
    return lines


def as_text(lines: Sequence[Line]) -> str:
    """For the terminal."""
    rows = [Line("goal", "", "measured", ""), *lines]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    return "\n".join(
        f"{row.goal:{widths[0]}}  {row.target:>{widths[1]}}  {row.measured:>{widths[2]}}  "
        f"{row.verdict}".rstrip()
        for row in rows
    )


def as_markdown(lines: Sequence[Line]) -> str:
    """For the documentation."""
    head = ["| goal | target | measured | |", "|---|---|---|---|"]
    sign = {">=": "≥", "<=": "≤"}
    rows = [
        f"| {line.goal} | {sign[line.target[:2]]}{line.target[2:]} | {line.measured} "
        f"| {line.verdict} |"
        for line in lines
    ]
    return "\n".join([*head, *rows])
