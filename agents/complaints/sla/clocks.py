"""A complaint's clocks as a pure function of its history, and why they stand where they stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from agents.complaints.sla.calendars import SECOND, from_us, to_us
from agents.complaints.sla.fold import Life, in_order
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.ticking import Mark, TickingClock
from schemas.clock import Clock, ComplaintEvent, Segment, SegmentState
from schemas.policy import ComplaintContext


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A clock and the stretches that tile it; their counted seconds sum to what it used."""

    clock: Clock
    segments: list[Segment]


def evaluate(
    history: Sequence[ComplaintEvent],
    plan: Plan,
    context: ComplaintContext,
    until: dt.datetime,
) -> list[Clock]:
    """Every clock of a complaint as it stands at `until`, in order of start.

    `history` may come in any order and hold duplicates (same id). `context` is the context at
    opening; `changed` events change it. Events later than `until` are taken into account.
    """
    life, horizon = live(history, plan, context, until)
    merged = bool(life.merged_by)
    return [clock.snapshot(horizon, plan.digest, merged=merged) for clock in promised(life)]


def explain(
    history: Sequence[ComplaintEvent],
    plan: Plan,
    context: ComplaintContext,
    until: dt.datetime,
) -> list[Explanation]:
    """Every clock with its segments: running, paused, closed, with the event that caused each."""
    life, horizon = live(history, plan, context, until)
    merged = bool(life.merged_by)
    return [
        Explanation(
            clock=clock.snapshot(horizon, plan.digest, merged=merged),
            segments=_segments(clock, horizon),
        )
        for clock in promised(life)
    ]


def live(
    history: Sequence[ComplaintEvent],
    plan: Plan,
    context: ComplaintContext,
    until: dt.datetime,
) -> tuple[Life, int]:
    """The complaint lived through, its clocks advanced to the returned instant (microseconds).

    That is `until`, or the last event if it is later: known facts are never ignored.
    """
    life = Life(in_order(history), plan, context)
    horizon = max(to_us(until), life.last)
    life.advance(horizon)
    return life, horizon


def promised(life: Life) -> list[TickingClock]:
    """The clocks somebody promised, in order of start and then of the table of targets."""
    clocks = [clock for clock in life.clocks if clock.promised]
    clocks.sort(key=_by_start)
    return clocks


def _by_start(clock: TickingClock) -> tuple[int, int]:
    return clock.started, clock.position


def _segments(clock: TickingClock, horizon: int) -> list[Segment]:
    segments: list[Segment] = []
    for mark, until in clock.stretches(horizon):
        if until <= mark.at:
            continue
        if mark.state is SegmentState.RUNNING and mark.term is not None:
            for start, end, is_open in mark.term.calendar.stretches(mark.at, until):
                state = SegmentState.RUNNING if is_open else SegmentState.CLOSED
                cause = mark.cause if start == mark.at else ""
                segments.append(_segment(mark, state, start, end, cause))
        else:
            segments.append(_segment(mark, mark.state, mark.at, until, mark.cause))
    return segments


def _segment(mark: Mark, state: SegmentState, start: int, end: int, cause: str) -> Segment:
    return Segment(
        state=state,
        start_at=from_us(start),
        end_at=from_us(end),
        counted_seconds=(end - start) / SECOND if state is SegmentState.RUNNING else 0.0,
        cause=cause,
        reason=mark.reason,
        policy=mark.term.policy_name if mark.term is not None else "",
        calendar=mark.term.calendar_name if mark.term is not None else "",
    )
