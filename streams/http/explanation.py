"""The page that explains a complaint: each clock drawn to scale, its figures beneath.

All is rendered here, as HTML and SVG in percent of the width, so it needs no script and fits a
phone. Nothing is rounded but in the drawing: the table has every stretch to the second.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.explanation import Cause, ComplaintClocks, ExplainedClock, ExplainedSegment
from schemas.view import ComplaintCard
from streams.http.wallboard import asset, environment
from streams.http.words import Words

MAX_ROWS = 200
"""Stretches in a table. A year of office hours has some 700; the API gives all of them."""

MAX_BARS = 2_000
"""Stretches in a drawing: more than a screen has pixels."""

AHEAD = 3.0
"""A due time further ahead than so many times what has passed would squeeze the past to a sliver:
it is named at the right edge then."""

LABELLED = 18.0
"""Percent of the width from which a bar has room for its length."""

MIDDLE = 55.0
"""Marks beyond this percentage have their label on the left."""

STATE_CLASSES = {
    "breached": "breach",
    "met": "kept",
    "running": "running",
    "paused": "paused",
    "ended": "paused",
}
TICK_STEPS = (
    60, 300, 900, 1_800, 3_600, 2 * 3_600, 6 * 3_600, 12 * 3_600, 86_400, 2 * 86_400, 7 * 86_400,
    14 * 86_400, 28 * 86_400, 91 * 86_400, 365 * 86_400,
)  # fmt: skip
TICKS = 4


class Bar(Struct, frozen=True):
    """One stretch, in percent of the width."""

    x: float
    width: float
    kind: str
    title: str
    label: str


class Mark(Struct, frozen=True):
    """An instant that matters, with its label on a line of its own."""

    x: float
    kind: str
    label: str
    row: int
    left: bool


class Tick(Struct, frozen=True):
    """An instant on the axis."""

    x: float
    label: str


class Row(Struct, frozen=True):
    """A stretch in figures."""

    kind: str
    from_at: str
    to_at: str
    because: str
    length: str
    counted: str


class Drawn(Struct, frozen=True, kw_only=True):
    """A clock as the page shows it."""

    name: str
    about: str
    state: str
    state_class: str
    used: str
    policy: str
    giver: str
    told: str
    label: str
    bars: list[Bar]
    marks: list[Mark]
    ticks: list[Tick]
    rows: list[Row]
    cut: int
    length: str
    counted: str


def render(found: ComplaintClocks, card: ComplaintCard | None, language: str, theme: str) -> str:
    """The page of one complaint; without a card only what its history says."""
    words = Words(language, ZoneInfo(found.timezone))
    return environment.get_template("complaint.html").render(
        w=words,
        theme=theme,
        asset=asset,
        found=found,
        card=card,
        clocks=[_drawn(clock, found.as_of_at, words) for clock in found.clocks],
        because=lambda cause: _because(cause, words),
    )


def _drawn(clock: ExplainedClock, now: datetime, words: Words) -> Drawn:
    end = clock.ended_at or max(now, clock.started_at)
    limit = words.exact(clock.limit_seconds)
    target = words(f"target.{clock.target}")
    name = words("clock.team", target=target, team=clock.team) if clock.team else target
    name = name[:1].upper() + name[1:]
    used = words("clock.used", used=words.exact(clock.used_seconds), limit=limit)
    state = _state(clock, words)
    scale = _Scale(clock, end)
    return Drawn(
        name=name,
        about=words("clock.limit", limit=limit, calendar=clock.calendar),
        state=state,
        state_class=STATE_CLASSES.get(clock.state, "paused"),
        used=used,
        policy=words("clock.policy", policy=clock.policy, version=clock.policy_version),
        giver=words("clock.from_team", team=clock.from_team) if clock.from_team else "",
        told=_told(clock.told, words),
        label=words(
            "clock.drawing", target=name, state=state, used=used,
            start=words.moment(clock.started_at), end=words.moment(end),
        ),
        bars=_bars(clock, scale, words),
        marks=_marks(clock, scale, words),
        ticks=_ticks(scale, words),
        rows=[_row(segment, words) for segment in clock.segments[:MAX_ROWS]],
        cut=max(0, len(clock.segments) - MAX_ROWS),
        length=words.exact(clock.elapsed_seconds),
        counted=words.exact(clock.used_seconds),
    )  # fmt: skip


def _told(told: Sequence[str], words: Words) -> str:
    """`warned 80%`, `escalated to lead` and so on, in the words of the page."""
    if not told:
        return ""
    said = []
    for entry in told:
        kind, _, step = entry.partition(" ")
        said.append(words(f"told.{kind}", step=step.removeprefix("to ")))
    return words("clock.told", told=("、" if words.language == "zh" else ", ").join(said))


def _state(clock: ExplainedClock, words: Words) -> str:
    match clock.state:
        case "met":
            left = max(0.0, clock.limit_seconds - clock.used_seconds)
            return words("clock.met", left=words.exact(left))
        case "breached" if clock.breached_at is not None:
            name = "clock.breached_open" if clock.ended_at is None else "clock.breached"
            return words(name, at=words.moment(clock.breached_at))
        case "running" | "paused" if clock.due_at is not None:
            return words(f"clock.{clock.state}", at=words.moment(clock.due_at))
        case "running" | "paused":
            return words("clock.running_never")
        case _:
            return words("clock.ended")


class _Scale:
    """From instants to percent of the width: from the start to the end, the due time or now."""

    def __init__(self, clock: ExplainedClock, end: datetime) -> None:
        self.start = clock.started_at
        self.last = end
        passed = max((end - self.start).total_seconds(), 1.0)
        due = clock.due_at
        self.beyond = False
        until = end
        if due is not None and due > end and clock.ended_at is None:
            self.beyond = (due - end).total_seconds() > AHEAD * passed
            until = end + timedelta(seconds=passed * 0.5) if self.beyond else due
        elif due is not None and due > end and (due - end).total_seconds() <= AHEAD * passed:
            until = due
        self.until = max(until, self.start + timedelta(seconds=1))
        self._seconds = (self.until - self.start).total_seconds() * 1.02

    def __call__(self, at: datetime) -> float:
        share = (at - self.start).total_seconds() / self._seconds
        return 100 * min(1.0, max(0.0, share))


def _bars(clock: ExplainedClock, scale: _Scale, words: Words) -> list[Bar]:
    bars = []
    for segment in clock.segments[-MAX_BARS:]:
        for kind, start, end in _pieces(segment, clock.breached_at):
            x = scale(start)
            width = scale(end) - x
            seconds = (end - start).total_seconds()
            title = words(
                "segment.bar", state=words(f"segment.{kind}"), from_at=words.moment(start),
                to_at=words.moment(end), length=words.exact(seconds),
            )  # fmt: skip
            because = _because(segment.cause, words, segment.reason)
            title = f"{title} ({because})" if because else title
            label = words.duration(seconds, fine=False) if width >= LABELLED else ""
            bars.append(Bar(x, width, kind, title, label if kind != "closed" else ""))
    return bars


def _pieces(
    segment: ExplainedSegment, breached_at: datetime | None
) -> list[tuple[str, datetime, datetime]]:
    """Running time after the breach is late, and drawn so."""
    start, end = segment.start_at, segment.end_at
    if segment.state != "running" or breached_at is None or breached_at >= end:
        return [(segment.state, start, end)]
    if breached_at <= start:
        return [("late", start, end)]
    return [("running", start, breached_at), ("late", breached_at, end)]


def _marks(clock: ExplainedClock, scale: _Scale, words: Words) -> list[Mark]:
    found: list[tuple[datetime, str, str]] = []
    due, breached = clock.due_at, clock.breached_at
    if breached is not None:
        found.append((breached, "breach", words("mark.breached", at=words.moment(breached))))
    elif due is not None and scale.beyond:
        found.append((scale.until, "due", words("mark.due_beyond", at=words.moment(due))))
    elif due is not None and due <= scale.until:
        found.append((due, "due", words("mark.due", at=words.moment(due))))
    if clock.ended_at is not None:
        found.append((clock.ended_at, "end", words("mark.ended", at=words.moment(clock.ended_at))))
    else:
        found.append((scale.last, "now", words("mark.now")))
    found.sort(key=lambda mark: mark[0])
    # A label never crosses the line of a mark beside it: lines begin at their own label's row.
    right = [mark for mark in found if scale(mark[0]) <= MIDDLE]
    left = [mark for mark in reversed(found) if scale(mark[0]) > MIDDLE]
    return [
        Mark(scale(at), kind, label, row, scale(at) > MIDDLE)
        for row, (at, kind, label) in enumerate([*right, *left])
    ]


def _ticks(scale: _Scale, words: Words) -> list[Tick]:
    """Round instants on the wall of the company's zone, few enough for a phone."""
    seconds = (scale.until - scale.start).total_seconds()
    step = next((step for step in TICK_STEPS if seconds / step <= TICKS), TICK_STEPS[-1])
    local = scale.start.astimezone(words.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (local - midnight).total_seconds()
    at = midnight + timedelta(seconds=(passed // step + 1) * step)
    ticks: list[Tick] = []
    for _ in range(4 * TICKS):
        if at > scale.until:
            break
        x = scale(at)
        if 3 <= x <= 95:
            ticks.append(Tick(x, words.tick(at, day=step >= 12 * 3_600)))
        at += timedelta(seconds=step)
    return ticks


def _row(segment: ExplainedSegment, words: Words) -> Row:
    counted = words.exact(segment.counted_seconds) if segment.counted_seconds else "0"
    because = _because(segment.cause, words, segment.reason)
    if not because and segment.calendar:
        because = words("because.calendar", calendar=segment.calendar)
    return Row(
        segment.state,
        words.moment(segment.start_at, seconds=True),
        words.moment(segment.end_at, seconds=True),
        because,
        words.exact(segment.seconds),
        counted,
    )


def _because(cause: Cause | None, words: Words, reason: str = "") -> str:
    why = (reason or (cause.reason if cause is not None else "")).replace("_", " ")
    if cause is None:
        return why
    parts: Sequence[str] = (
        words(f"event.{cause.what}"),
        words(f"channel.{cause.channel}") if cause.channel else "",
        why,
    )
    return ("，" if words.language == "zh" else ", ").join(part for part in parts if part)
