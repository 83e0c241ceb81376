"""Runs the benchmarks one after another: `make bench`, `make bench BENCH_ARGS="restore latency"`.

Each part is a program of its own with a bound on its time, and its figures are written as soon as
it ends, so one that fails costs only itself. At the end stand the goals and what was measured.
`--publish` puts figures, tables, charts and the profile into docs/.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.charts import charts
from benchmarks.harness.children import ROOT, stream
from benchmarks.harness.goals import as_text, compare
from benchmarks.harness.tables import fill

OUT = ROOT / ".cache" / "bench"
DOCS = ROOT / "docs"
TOTAL_MINUTES = 25.0
"""Parts that would begin later are left out, and that is said."""


class Part(NamedTuple):
    """A program, how long it may take, and about how long it does."""

    name: str
    most_seconds: float
    about_seconds: float
    has_figures: bool = True
    """Takes `--json` and `--quick`; others print what they measure."""


PARTS = (
    Part("engine_job", 420, 240),
    Part("worker_job", 420, 180),
    Part("latency", 240, 100),
    Part("lateness", 420, 240),
    Part("restore", 240, 80),
    Part("memory", 240, 60),
    Part("scaling", 420, 120),
    Part("workers", 240, 80),
    Part("profile", 180, 40),
    Part("whole_job", 150, 40, has_figures=False),
    Part("identity_rebuild", 120, 40, has_figures=False),
    Part("intake", 90, 30, has_figures=False),
    Part("detection", 90, 30, has_figures=False),
    Part("whatif", 240, 110, has_figures=False),
    Part("test_sla", 120, 40, has_figures=False),
    Part("test_mapping", 120, 30, has_figures=False),
)


def command(part: Part, out: Path, quick: bool) -> list[str]:
    """How a part is started."""
    if part.name.startswith("test_"):
        return [sys.executable, "-m", "pytest", "--benchmark-only", f"benchmarks/{part.name}.py"]
    base = [sys.executable, "-u", "-m", f"benchmarks.{part.name}"]
    if not part.has_figures:
        return base
    return [*base, "--json", str(out / f"{part.name}.json"), *(["--quick"] if quick else [])]


def results_in(out: Path) -> dict[str, Any]:
    """The figures of all parts that have written some."""
    return {
        part.name: json.loads(path.read_text())
        for part in PARTS
        if (path := out / f"{part.name}.json").exists()
    }


def run(parts: Sequence[Part], out: Path, quick: bool, minutes: float) -> dict[str, str]:
    """Run parts in order; returns how each ended."""
    out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    ends: dict[str, str] = {}
    for place, part in enumerate(parts, 1):
        left = minutes * 60 - (time.monotonic() - begun)
        expected = "" if quick else f", about {part.about_seconds:.0f} s"
        print(f"\n=== {place}/{len(parts)} {part.name}{expected}", flush=True)
        if left <= 0:
            ends[part.name] = f"left out: {minutes:.0f} minutes are over"
            print(ends[part.name], flush=True)
            continue
        (out / f"{part.name}.json").unlink(missing_ok=True)  # never the figures of another run
        started = time.monotonic()
        status = stream(command(part, out, quick), min(part.most_seconds, left))
        seconds = time.monotonic() - started
        verdict = {0: "done", None: "too slow: stopped"}.get(status, f"failed with status {status}")
        ends[part.name] = f"{verdict}, {seconds:.0f} s"
        print(f"--- {part.name}: {ends[part.name]}", flush=True)
        (out / "results.json").write_text(json.dumps(results_in(out), indent=2) + "\n")
    return ends


def publish(results: dict[str, Any], docs: Path) -> None:
    """Write figures, charts, profile and tables into the documentation."""
    (docs / "charts").mkdir(parents=True, exist_ok=True)
    for name, svg in charts(results).items():
        (docs / "charts" / name).write_text(svg)
    lines = results.get("profile", {}).get("lines")
    if lines:
        (docs / "profiles").mkdir(parents=True, exist_ok=True)
        head = "Own share of samples, py-spy --native, manyi's engine in the engine job.\n\n"
        (docs / "profiles" / "engine_job.txt").write_text(head + "\n".join(lines) + "\n")
    kept = {name: part for name, part in results.items() if name != "profile"}
    (docs / "performance.json").write_text(json.dumps(kept, indent=2) + "\n")
    page = docs / "performance.md"
    page.write_text(fill(page.read_text(), results))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it still run?")
    parser.add_argument("--publish", action="store_true", help="write docs/ from the figures")
    parser.add_argument("--only-publish", action="store_true", help="of the run before, run none")
    parser.add_argument("--minutes", type=float, default=TOTAL_MINUTES, help="for everything")
    parser.add_argument("--out", type=Path, default=OUT, help="where figures are written")
    options = parser.parse_args(arguments)
    wanted = [name.removeprefix("test_") for name in options.parts]
    parts = [part for part in PARTS if not wanted or part.name.removeprefix("test_") in wanted]
    unknown = set(wanted) - {name.removeprefix("test_") for name in names}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.quick:
        parts = [part for part in parts if part.has_figures]
    ends = {} if options.only_publish else run(parts, options.out, options.quick, options.minutes)
    results = results_in(options.out)
    if options.publish or options.only_publish:
        publish(results, DOCS)
    print("\n=== How each part ended")
    for name, end in ends.items():
        print(f"{name:12} {end}")
    print(f"\n=== Goals{' (tiny sizes: the figures mean nothing)' if options.quick else ''}")
    print(as_text(compare(results)))
    return 0 if all(end.startswith("done") for end in ends.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
