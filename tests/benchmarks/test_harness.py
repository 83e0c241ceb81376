"""Goals, tables, charts and children: what turns a run of the benchmarks into what people read."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.charts import Bar, bars, charts
from benchmarks.harness.children import ChildFailedError, call, figures_of
from benchmarks.harness.goals import GOALS, as_markdown, as_text, compare
from benchmarks.harness.options import Size, parse, write
from benchmarks.harness.serving import percentile
from benchmarks.harness.tables import TABLES, fill
from benchmarks.profile import top
from benchmarks.run import DOCS, PARTS, command

MACHINE = {"cores": 2, "python": "3.11.7", "system": "Linux", "load": 0.5}
ENGINE = [
    {
        "contender": name,
        "per_core": per_core,
        "wall": per_core,
        "runs": [per_core],
        "manyi_is": round(120_000 / per_core, 2),
        "promises": "something",
    }
    for name, per_core in (("manyi engine", 120_000), ("Kafka Streams", 50_000))
]
RESULTS: dict[str, Any] = {
    "engine_job": {
        "measured_at": "2026-01-31T00:00:00+00:00",
        "machine": MACHINE,
        "brokers": {"Apache Kafka": ENGINE},
    }
}


def test_a_goal_is_reached_missed_or_said_not_to_be_measured() -> None:
    """Nothing that was not measured counts as reached."""
    lines = {line.goal: line for line in compare(RESULTS)}
    assert lines["engine job against Kafka Streams, warm"].verdict == "reached"
    assert lines["engine job against Kafka Streams, warm"].measured == "2.40x"
    assert lines["engine job against Quix Streams"].verdict == "not measured"
    slower = {"latency": {"p99_ms": 251}}
    assert {line.verdict for line in compare(slower)} == {"missed", "not measured"}
    assert len(lines) == len(GOALS)


def test_goals_read_well_in_terminal_and_page() -> None:
    """Every goal stands on a line of its own in both."""
    lines = compare(RESULTS)
    assert len(as_text(lines).splitlines()) == len(GOALS) + 1
    assert as_markdown(lines).count("\n| ") == len(GOALS)
    assert "≥ 2x" in as_markdown(lines)


def test_tables_stand_between_their_marks_and_nothing_else_changes() -> None:
    """A second run replaces the first; parts that were not run keep what they have."""
    page = (
        "words\n<!-- bench:engine_job -->\nold\n<!-- /bench:engine_job -->\nmore\n"
        "<!-- bench:restore -->\nkept\n<!-- /bench:restore -->\n"
    )
    once = fill(page, RESULTS)
    assert fill(once, RESULTS) == once
    assert once.startswith("words\n")
    assert "old" not in once
    assert "kept" in once
    assert "| manyi engine | 120,000 |" in once


def test_the_page_has_a_place_for_every_table() -> None:
    """Figures that nobody sees are not worth measuring."""
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    for name in (*TABLES, "goals"):
        assert f"<!-- bench:{name} -->" in page, name
        assert f"<!-- /bench:{name} -->" in page, name


def test_charts_are_svg_that_any_page_can_show() -> None:
    """Well formed, with words for those who do not see it and colours for dark pages."""
    (name, text), *_ = charts(RESULTS).items()
    assert name == "engine_job.svg"
    root = ET.fromstring(text)
    assert "manyi engine: 120,000" in root.attrib["aria-label"]
    assert "prefers-color-scheme: dark" in text
    widths = [float(e.attrib["width"]) for e in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths == sorted(widths, reverse=True)
    assert "&lt;b&gt;" in bars("<b>", "", [Bar("one", 0.0)])


def test_a_program_that_is_late_is_ended() -> None:
    """And the error says what it was doing."""
    with pytest.raises(ChildFailedError, match="not done in"):
        call([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)


def test_figures_are_the_last_json_line() -> None:
    """Whatever else a program prints; one that prints none is a failure with its words."""
    assert figures_of([sys.executable, "-c", "print('hello'); print('{\"a\": 1}')"], 30) == {"a": 1}
    with pytest.raises(ChildFailedError, match="it hurts"):
        figures_of([sys.executable, "-c", "raise SystemExit('it hurts')"], 30)


def test_quick_gives_small_sizes_unless_told_otherwise(tmp_path: Path) -> None:
    """A smoke test of one size in earnest is still possible; figures carry their sizes."""
    sizes = {"records": Size(1_000, 10, "records"), "share": Size(0.5, 0.1, "share")}
    path = tmp_path / "part.json"
    options = parse("about", sizes, ["--quick", "--share", "0.7", "--json", str(path)])
    assert (options.records, options.share) == (10, 0.7)
    write(options, "part", {"figure": 3})
    document = json.loads(path.read_text())
    assert (document["part"], document["figure"], document["sizes"]["records"]) == ("part", 3, 10)


def test_percentiles_are_values_that_were_measured() -> None:
    """The largest one stands for the end."""
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.5)) == (
        51,
        100,
        7,
    )


def test_a_profile_counts_the_innermost_function() -> None:
    """Shares are of all samples."""
    assert top(["main;a;b 3", "main;a 1", "", "main;c;b 4"], 1) == [("b", 7 / 8)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_exists(part: Any) -> None:
    """A part that was renamed would only be missed at the end of a long run."""
    words = command(part, Path("out"), quick=True)
    name = words[-1] if part.name.startswith("test_") else f"benchmarks/{part.name}.py"
    assert (DOCS.parent / name).is_file()
