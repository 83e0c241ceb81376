"""The figures of a run as tables for docs/performance.md, put between their marks."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.harness.goals import Results, as_markdown, compare

Row = Mapping[str, Any]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers are set with thousands apart."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _contenders(part: Row, words: str) -> str:
    parts = []
    for broker, rows in part["brokers"].items():
        parts.append(f"{broker}:\n")
        head = ["", "records/s per core", "wall", "manyi is", "runs", words]
        body = [
            [
                row["contender"],
                row["per_core"],
                row["wall"],
                f"{row['manyi_is']} x",
                ", ".join(f"{run:,}" for run in row["runs"]),
                row.get("promises") or row.get("does"),
            ]
            for row in rows
        ]
        parts.append(table(head, body))
    return "\n".join(parts)


def _latency(part: Row) -> str:
    head = ["peak, records/s", "load, records/s", "probes", "p50 ms", "p90 ms", "p99 ms", "most ms"]
    names = ("peak", "rate", "probes", "p50_ms", "p90_ms", "p99_ms", "most_ms")
    return table(head, [[part[name] for name in names]])


def _lateness(part: Row) -> str:
    head = ["", "due a second", "alerts watched", "p50 ms", "p90 ms", "p99 ms", "most ms"]
    names = ("a_second", "alerts", "p50_ms", "p90_ms", "p99_ms", "most_ms")
    rows = []
    if (engine := part.get("engine")) is not None:
        rows.append([f"engine, {engine['clocks']:,} open clocks", *(engine[n] for n in names)])
    if (worker := part.get("worker")) is not None:
        rows.append([f"worker, {worker['complaints']:,} complaints", *(worker[n] for n in names)])
    return table(head, rows)


def _restore(part: Row) -> str:
    head = ["rows", "bytes each", "seconds", "CPU seconds", "rows/s", "runs"]
    names = ("rows", "row_bytes", "seconds", "cpu_seconds", "rows_per_second", "runs")
    return table(head, [[part[name] for name in names]])


def _memory(part: Row) -> str:
    head = ["interactions", "row, bytes", "resident memory, bytes a customer"]
    names = ("interactions", "row_bytes", "resident_bytes")
    return table(head, [[shape[name] for name in names] for shape in part["shapes"]])


def _scaling(part: Row) -> str:
    head = ["customers", "CPU us an interaction", "times the first", "interactions/s per core"]
    names = ("customers", "cpu_us", "times_the_first", "per_core")
    return table(head, [[row[name] for name in names] for row in part["rows"]])


def _workers(part: Row) -> str:
    head = ["workers", "records/s, wall", "records/s per core", "share of the work"]
    names = ("workers", "wall", "per_core", "shares")
    return table(head, [[row[name] for name in names] for row in part["rows"]])


TABLES: Mapping[str, Callable[[Row], str]] = {
    "engine_job": lambda part: _contenders(part, "promises"),
    "worker_job": lambda part: _contenders(part, "does"),
    "latency": _latency,
    "lateness": _lateness,
    "restore": _restore,
    "memory": _memory,
    "scaling": _scaling,
    "workers": _workers,
}


def when(part: Row) -> str:
    """A line about the run behind a table."""
    machine = part["machine"]
    return (
        f"Measured {part['measured_at'][:10]}, {machine['cores']} cores, load {machine['load']} at "
        f"the end, CPython {machine['python']}."
    )


def fill(page: str, results: Results) -> str:
    """The page with every table whose part was run put between its marks."""
    texts = {
        name: f"{TABLES[name](part)}\n\n{when(part)}"
        for name, part in results.items()
        if name in TABLES
    }
    texts["goals"] = as_markdown(compare(results))
    for name, text in texts.items():
        begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        page = pattern.sub(lambda _, t=text, b=begin, e=end: f"{b}\n{t}\n{e}", page)  # type: ignore[misc]
    return page
