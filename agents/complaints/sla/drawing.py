"""Explanations and suggestions for the terminal: what to print, as `rich` renderables.

Nothing is printed here. Every figure is in the structs it is drawn from, so `--json` loses nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.complaints.sla.clocks import Explanation
from agents.complaints.sla.durations import format_duration
from agents.complaints.sla.suggest import Suggestion, WaitAndScore
from agents.complaints.sla.whatif import HELD_FIXED
from schemas.clock import ClockState, Segment, SegmentState
from schemas.explanation import Cause

BAR_WIDTH = 60
STYLES = {
    ClockState.RUNNING: "cyan",
    ClockState.PAUSED: "yellow",
    ClockState.MET: "green",
    ClockState.BREACHED: "bold red",
    ClockState.ENDED: "dim",
}
BLOCKS = {
    SegmentState.RUNNING: ("█", "cyan", "counts"),
    SegmentState.PAUSED: ("▒", "yellow", "paused"),
    SegmentState.CLOSED: ("·", "dim", "closed"),
    SegmentState.RESOLVED: ("─", "green", "resolved"),
    SegmentState.UNPROMISED: (" ", "", "not promised"),
}
DUE = "▲"


def draw_explanation(
    explanation: Explanation, zone: ZoneInfo, causes: Mapping[str, Cause] | None = None
) -> RenderableType:
    """A clock as a headline, a bar over time, and a line for each stretch.

    `causes` words the events by id; without it the ids stand there.
    """
    clock = explanation.clock
    head = Text()
    whose = f" ({clock.team})" if clock.team else ""
    head.append(f"{clock.target}{whose}  ", style="bold")
    head.append(clock.state.value, style=STYLES[clock.state])
    head.append(
        f"  used {_length(clock.used_seconds)} of {format_duration(clock.limit_seconds)}"
        f"  policy {clock.policy} ({clock.policy_digest}), calendar {clock.calendar}"
    )
    dates = [("started", clock.started_at), ("due", clock.due_at)]
    dates += [("breached", clock.breached_at), ("ended", clock.ended_at)]
    when = Text("  ".join(f"{name} {_when(at, zone)}" for name, at in dates if at is not None))
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    for heading in ("", "from", "to", "state", "counted", "because of"):
        table.add_column(heading, justify="right" if heading == "counted" else "left")
    for segment in explanation.segments:
        block, style, label = BLOCKS[segment.state]
        named = (causes or {}).get(segment.cause)
        cause = segment.cause if named is None else _words(named)
        because = " ".join(part for part in (cause, _note(segment)) if part)
        table.add_row(
            Text(block, style=style),
            _when(segment.start_at, zone),
            _when(segment.end_at, zone),
            label,
            _length(segment.counted_seconds) if segment.counted_seconds else "",
            because,
        )
    return Group(head, when, *_bar(explanation), table)


def _length(seconds: float) -> str:
    """From a minute on, fractions of a second only tire the eye."""
    return format_duration(round(seconds) if seconds >= 60 else seconds)


def _words(cause: Cause) -> str:
    """`human_reply by phone`: what happened, without the ids that nobody remembers."""
    what = cause.what.replace("_", " ")
    return f"{what}, {cause.channel}" if cause.channel else what


def draw_history(history: Sequence[Cause], zone: ZoneInfo) -> Table:
    """What happened to a complaint, in order, as far as its clocks care."""
    table = Table(title="What happened", title_justify="left", box=None, header_style="dim")
    for heading in ("at", "what", "channel", "reason", "event"):
        table.add_column(heading)
    for event in history:
        cells = (event.what.replace("_", " "), event.channel, event.reason, event.id)
        table.add_row(_when(event.at, zone), *(Text(cell) for cell in cells))
    return table


def _note(segment: Segment) -> str:
    return f"({segment.reason})" if segment.reason else ""


def _bar(explanation: Explanation) -> list[Text]:
    """The stretches to scale, the due time below; every stretch is at least one column wide."""
    segments = explanation.segments
    if not segments:
        return []
    start, end = segments[0].start_at, segments[-1].end_at
    total = (end - start).total_seconds()
    bar = Text()
    for segment in segments:
        share = (segment.end_at - segment.start_at).total_seconds() / total
        block, style, _ = BLOCKS[segment.state]
        bar.append(block * max(1, round(share * BAR_WIDTH)), style=style)
    due = explanation.clock.due_at
    if due is None or not start <= due <= end:
        return [bar]
    column = _column(segments, due, total)
    return [bar, Text(" " * column + DUE + " due", style="red")]


def _column(segments: Sequence[Segment], at: dt.datetime, total: float) -> int:
    column = 0
    for segment in segments:
        length = (segment.end_at - segment.start_at).total_seconds()
        width = max(1, round(length / total * BAR_WIDTH))
        if at <= segment.end_at:
            return column + int((at - segment.start_at).total_seconds() / length * width)
        column += width
    return column


def draw_suggestions(
    suggestions: Sequence[Suggestion], scores: Sequence[WaitAndScore], dimensions: Sequence[str]
) -> RenderableType:
    """Limits that would have been kept, and how satisfaction fell with waiting."""
    table = Table(title="The tightest promise", title_justify="left", box=None)
    for heading in ("target", *dimensions):
        table.add_column(heading)
    for heading in ("kept", "limit", "95% between", "waits", "still open"):
        table.add_column(heading, justify="right")
    for item in suggestions:
        table.add_row(
            item.target.value,
            *item.labels,
            f"{item.share:.0%}",
            "beyond the data" if item.limit_seconds is None else _limit(item.limit_seconds),
            f"{_limit(item.low_seconds)} and {_limit(item.high_seconds)}",
            f"{item.count:,}",
            f"{item.still_open:,}",
        )
    parts: list[RenderableType] = [Text(HELD_FIXED, style="italic"), Text(), table]
    if scores:
        parts += [Text(), _score_table(scores)]
    return Group(*parts)


def _score_table(scores: Sequence[WaitAndScore]) -> Table:
    table = Table(title="Satisfaction by wait for an answer", title_justify="left", box=None)
    for heading in ("waited", "answers", "mean score", "satisfied", "95% between"):
        table.add_column(heading, justify="left" if heading == "waited" else "right")
    for row in scores:
        waited = f"{_limit(int(row.from_seconds))} and longer"
        if row.to_seconds is not None:
            waited = f"{_limit(int(row.from_seconds))} to {_limit(int(row.to_seconds))}"
        table.add_row(
            waited,
            f"{row.count:,}",
            f"{row.mean_score:.2f}",
            f"{row.satisfied_ratio:.0%}",
            f"{row.low_ratio:.0%} and {row.high_ratio:.0%}",
        )
    return table


def _limit(seconds: int | None) -> str:
    return "?" if seconds is None else format_duration(seconds)


def _when(at: dt.datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}".removesuffix(":00")
