"""Charts of the what-if report as inline SVG: one series a policy, colours from the page's tokens.

Every figure also stands in a table on the page, so a chart is never the only place of a number.
"""

from collections.abc import Sequence
from html import escape

WIDTH = 720
LEFT = 150
BAR = 14
GAP = 10
LABEL = 12
AXIS = 72
"""Room for the largest figure left of the columns: millions fit."""

Series = tuple[str, Sequence[float | None]]
"""A name and a value per label; None where there is nothing."""


def bars(labels: Sequence[str], series: Sequence[Series], *, share: bool, title: str) -> str:
    """Horizontal bars, the series of a label below each other. `share`: values are 0..1."""
    largest = max((v for _, values in series for v in values if v is not None), default=0.0)
    top = 1.0 if share else largest or 1.0
    step = len(series) * BAR + GAP
    height = len(labels) * step + GAP
    room = WIDTH - LEFT - 70
    parts = [_open(height, title)]
    for row, label in enumerate(labels):
        y = GAP + row * step
        middle = y + len(series) * BAR / 2 + LABEL / 3
        parts.append(f'<text x="{LEFT - 8}" y="{middle:.1f}" class="lab">{escape(label)}</text>')
        for number, (name, values) in enumerate(series):
            value = values[row]
            if value is None:
                continue
            shown = f"{value:.1%}" if share else f"{value:,.0f}"
            width = room * value / top
            at = y + number * BAR
            parts.append(
                f'<rect x="{LEFT}" y="{at}" width="{max(width, 1):.1f}" height="{BAR - 2}" '
                f'class="s{number % 4}"><title>{escape(name)}, {escape(label)}: {shown}</title>'
                f'</rect><text x="{LEFT + width + 6:.1f}" y="{at + BAR - 4}" class="val">'
                f"{shown}</text>"
            )
    return "".join([*parts, "</svg>"])


def columns(labels: Sequence[str], series: Sequence[Series], *, title: str) -> str:
    """Upright columns, the series of a label side by side; labels thin out where many stand."""
    largest = max((v for _, values in series for v in values if v is not None), default=0.0) or 1.0
    height, floor = 200, 170
    slot = (WIDTH - AXIS - 4) / max(len(labels), 1)
    width = max(1.0, min(40.0, slot * 0.8 / max(len(series), 1)))
    every = max(1, -(-len(labels) // 14))
    parts = [
        _open(height, title),
        f'<line x1="{AXIS}" x2="{WIDTH}" y1="{floor}" y2="{floor}" class="ax"/>',
        f'<text x="{AXIS - 6}" y="22" class="lab">{largest:,.0f}</text>',
        f'<text x="{AXIS - 6}" y="{floor}" class="lab">0</text>',
    ]
    for column, label in enumerate(labels):
        x = AXIS + 4 + column * slot
        for number, (name, values) in enumerate(series):
            value = values[column] or 0.0
            tall = (floor - 14) * value / largest
            parts.append(
                f'<rect x="{x + number * width:.1f}" y="{floor - tall:.1f}" '
                f'width="{max(width - 1, 1):.1f}" height="{tall:.1f}" class="s{number % 4}">'
                f"<title>{escape(name)}, {escape(label)}: {value:,.0f}</title></rect>"
            )
        if column % every == 0:
            middle = x + width * len(series) / 2
            parts.append(
                f'<text x="{middle:.1f}" y="{floor + 18}" class="mid">{escape(label)}</text>'
            )
    return "".join([*parts, "</svg>"])


def _open(height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
    )
