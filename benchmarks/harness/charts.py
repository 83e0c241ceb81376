"""Bars as SVG, readable on light and dark pages; nothing but text and rectangles."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

WIDTH, BAR, GAP, LEFT, RIGHT, TOP = 720, 26, 12, 210, 110, 64
STYLE = """\
text { font: 14px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 16px; }
.note { fill: #57606a; font-size: 12px; }
.other { fill: #8c959f; }
.own { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #9198a1; }
  .other { fill: #6e7681; }
  .own { fill: #4493f8; }
}"""


class Bar(NamedTuple):
    """One line of a chart."""

    name: str
    value: float
    is_own: bool = False


def bars(title: str, note: str, rows: Sequence[Bar]) -> str:
    """A chart of bars from the same zero, with its values written beside them."""
    most = max((row.value for row in rows), default=0.0) or 1.0
    height = TOP + len(rows) * (BAR + GAP) + GAP
    spoken = "; ".join(f"{row.name}: {row.value:,.0f}" for row in rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(f"{title}. {spoken}", quote=True)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="8" y="24">{escape(title)}</text>',
        f'<text class="note" x="8" y="44">{escape(note)}</text>',
    ]
    for place, row in enumerate(rows):
        y = TOP + place * (BAR + GAP)
        width = max(1.0, row.value / most * (WIDTH - LEFT - RIGHT))
        kind = "own" if row.is_own else "other"
        middle = y + BAR / 2 + 5
        parts += [
            f'<text x="{LEFT - 10}" y="{middle:g}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>',
            f'<text x="{LEFT + width + 8:.1f}" y="{middle:g}">{row.value:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def charts(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The charts a run gives: file name -> SVG."""
    found = {}
    titles = {
        "engine_job": "Engine job: records a second and core",
        "worker_job": "Whole job, transport included: records a second and core",
    }
    for part, title in titles.items():
        if part not in results:
            continue
        for broker, rows in list(results[part]["brokers"].items())[:1]:
            note = f"{broker}, same records, results checked equal; CPU of the worker process"
            lines = [
                Bar(row["contender"], row["per_core"], place == 0) for place, row in enumerate(rows)
            ]
            found[f"{part}.svg"] = bars(title, note, lines)
    if "scaling" in results:
        lines = [
            Bar(f"{row['customers']:,} customers", row["cpu_us"], True)
            for row in results["scaling"]["rows"]
        ]
        title = "What an interaction costs as customers grow"
        found["scaling.svg"] = bars(title, "Microseconds of CPU, customer step and rows", lines)
    return found
