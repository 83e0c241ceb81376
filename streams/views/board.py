"""The wallboard's data: counts of open complaints, the head of the queue, the last day's figures.

Counts are read anew every time; figures of the last 24 hours change slowly and are kept for some
seconds, so that a wall that refreshes every second costs little.
"""

import heapq
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agents.satisfaction.change import nps_change, share_change
from agents.satisfaction.derive import figures
from schemas.common import Channel, Tier
from schemas.satisfaction import Dimension, SatisfactionRow
from schemas.view import Board, BoardGroup, BoardMeasure, Freshness, OpenComplaint
from streams.views.facts import QueueFacts, queue_row
from streams.views.reader import ViewReader

QUEUE_ROWS = 9
"""Rows a wall can show: what is further down is not what to do next."""

DUE_SECONDS = 3_600
"""Due soon, on the board, means within the hour."""

FIGURES_SECONDS = 10.0
"""How long the figures of the last day are kept before they are derived again."""

SPAN = timedelta(hours=24)
WEEK = timedelta(days=7)
TEAMS_SHOWN = 8
"""Teams on the board, those with the most open complaints first."""


_RANKS = {"breached": 0, "warned": 1, "running": 1, "none": 2, "paused": 3}


class _Judged(NamedTuple):
    """An open complaint and how it stands now."""

    facts: QueueFacts
    state: str
    due: bool


class _Day(NamedTuple):
    measure: BoardMeasure
    rows: Mapping[Dimension, Mapping[str, SatisfactionRow]]
    at: float


class BoardBuilder:
    """Builds boards from the views."""

    def __init__(self, reader: ViewReader, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock
        self._day: _Day | None = None

    async def build(self) -> Board:
        """The board as it is now."""
        now = self._clock()
        now_ms = int(now * 1000)
        freshness = await self._reader.freshness()
        facts = await self._reader.open_facts()
        received = sum(counts.received for counts in (await self._reader.stats()).values())
        day = await self._figures(now)
        judged = [_Judged(f, f.state(now_ms), _is_due(f, now_ms)) for f in facts]
        queue = [j.facts for j in heapq.nsmallest(QUEUE_ROWS, judged, key=_place)]
        oldest = min(
            (f for f in facts if f.waiting_since_ms), key=lambda f: f.waiting_since_ms, default=None
        )
        shown = [f.complaint_id for f in queue]
        if oldest is not None:
            shown.append(oldest.complaint_id)
        cards = {c.complaint_id: c for c in await self._reader.cards(shown)}
        rows = {name: queue_row(card, now_ms) for name, card in cards.items()}
        states = Counter(j.state for j in judged)
        due = [j.facts.due_ms for j in judged if j.due]
        return Board(
            version="",
            freshness=freshness,
            now_at=datetime.fromtimestamp(now, UTC),
            figures_from_at=_span_end(now) - SPAN,
            open_count=len(facts),
            breached_count=states["breached"],
            due_count=len(due),
            running_count=states["running"] + states["warned"],
            paused_count=states["paused"],
            next_due_at=_instant(min(due, default=0)),
            oldest_unanswered=_row_of(oldest, rows),
            queue=[rows[f.complaint_id] for f in queue if f.complaint_id in rows],
            last_day=day.measure,
            channels=_groups(judged, day, Dimension.CHANNEL, [c.value for c in Channel]),
            teams=_groups(judged, day, Dimension.TEAM, None),
            tiers=_groups(judged, day, Dimension.TIER, [t.value for t in Tier]),
            received_count=received,
        )

    def empty(self) -> Board:
        """A board without anything on it, for the time before the first one."""
        now = self._clock()
        nothing = figures(SatisfactionRow())
        return Board(
            version="",
            freshness=Freshness(state="stale"),
            now_at=datetime.fromtimestamp(now, UTC),
            figures_from_at=_span_end(now) - SPAN,
            last_day=BoardMeasure(now=nothing, before=nothing),
        )

    async def _figures(self, now: float) -> _Day:
        if self._day is not None and now - self._day.at < FIGURES_SECONDS:
            return self._day
        end = _span_end(now)
        rows = {
            dimension: await self._reader.span(end - SPAN, end, dimension)
            for dimension in (Dimension.ALL, Dimension.CHANNEL, Dimension.TEAM, Dimension.TIER)
        }
        before_rows = await self._reader.span(end - WEEK - SPAN, end - WEEK, Dimension.ALL)
        present = figures(rows[Dimension.ALL].get("", SatisfactionRow()))
        before = figures(before_rows.get("", SatisfactionRow()))
        measure = BoardMeasure(
            now=present,
            before=before,
            csat_change=share_change(present.csat.satisfied, before.csat.satisfied).verdict.value,
            nps_change=nps_change(present.nps, before.nps).verdict.value,
        )
        self._day = _Day(measure, rows, now)
        return self._day


def _span_end(now: float) -> datetime:
    """The end of the current hour: the span covers it and the 23 hours before."""
    return datetime.fromtimestamp((now // 3_600 + 1) * 3_600, UTC)


def _instant(epoch_ms: int) -> datetime | None:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC) if epoch_ms else None


def _is_due(facts: QueueFacts, now_ms: int) -> bool:
    """Due within the hour and not broken yet. Past due counts: an answer may not be read yet."""
    return bool(facts.due_ms) and not facts.breached and facts.due_ms - now_ms < DUE_SECONDS * 1000


def _place(judged: _Judged) -> tuple[int, int]:
    """Broken promises first, the longest broken on top; then by due time; paused ones last."""
    return _RANKS[judged.state], judged.facts.due_ms


def _row_of(facts: QueueFacts | None, rows: Mapping[str, OpenComplaint]) -> OpenComplaint | None:
    return None if facts is None else rows.get(facts.complaint_id)


def _groups(
    judged: Sequence[_Judged], day: _Day, dimension: Dimension, keys: Sequence[str] | None
) -> list[BoardGroup]:
    """Lines of the table: the given keys, or those with the most open complaints."""
    name = dimension.value
    opened = Counter(getattr(j.facts, name) for j in judged)
    due = Counter(getattr(j.facts, name) for j in judged if j.due)
    breached = Counter(getattr(j.facts, name) for j in judged if j.facts.breached)
    if keys is None:
        named = [key for key in opened if key]
        keys = sorted(named, key=lambda key: (-opened[key], key))[:TEAMS_SHOWN]
    return [
        BoardGroup(
            key=key,
            open_count=opened[key],
            due_count=due[key],
            breached_count=breached[key],
            satisfied=figures(day.rows[dimension].get(key, SatisfactionRow())).csat.satisfied,
        )
        for key in keys
    ]
