"""A complaint that is read when all is over: its clocks and every call that was made, in one pass.

A replay asks after every event and at every deadline what is due. Where each event was known when
it happened, the same follows from the finished clocks, some ten times as fast. Whatever makes that
doubtful (another policy took over on the way, a call at the very instant of an event, a merge) is
left to the replay: `look_back` returns None, and never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.complaints.sla.announcements import warn_threshold
from agents.complaints.sla.calendars import SECOND
from agents.complaints.sla.fold import Life
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.replay import MAX_WAKES
from agents.complaints.sla.ticking import NEVER, TickingClock
from schemas.alert import AlertKind
from schemas.clock import ComplaintEvent, ComplaintEventKind, SegmentState
from schemas.policy import ComplaintContext

Called = tuple[int, AlertKind]
"""When (microseconds), and of what kind."""

_TOO_ODD = frozenset({ComplaintEventKind.MERGED, ComplaintEventKind.WITHDRAWN})


class _AskReplayError(Exception):
    """The order of two things at one instant matters: only the replay knows it."""


def look_back(
    events: Sequence[ComplaintEvent], plan: Plan, context: ComplaintContext, until: int
) -> tuple[Life, list[Called]] | None:
    """The complaint lived through to `until` (microseconds) and its calls; None: ask the replay.

    `events` stand in the order of history, none is later than `until`.
    """
    if any(event.what in _TOO_ODD for event in events):
        return None
    life = Life([], plan, context)
    terms = life.terms
    instants = set()
    for event in events:
        life.add(event)
        instants.add(life.last)
        if life.terms is not terms:
            return None
    life.advance(until)
    calls: list[Called] = []
    try:
        for clock in life.clocks:
            if clock.promised:
                calls += _calls(clock, life, until, instants)
    except _AskReplayError:
        return None
    return life, calls


def _calls(clock: TickingClock, life: Life, until: int, instants: set[int]) -> Iterator[Called]:
    term, breached = clock.term, clock.breached
    if term is None:
        return
    last = breached if breached is not None else clock.ended if clock.ended is not None else until
    for warn in term.warn:
        threshold = warn_threshold(warn, clock.limit)
        if threshold > clock.used:
            continue
        at = _apart(clock.reached(threshold), instants, clock.started)
        if at < last or (at == last == until and clock.ended is None and breached is None):
            yield at, AlertKind.WARNED
    if breached is None or breached > until:
        return
    yield _apart(breached, instants), AlertKind.BREACHED
    over = min(_first_end(clock, breached), _acknowledged(life, breached))
    for _, step in term.escalate:
        at = breached + step.after_seconds * SECOND
        every = (step.repeat_seconds or 0) * SECOND
        for _ in range(MAX_WAKES):
            if at > until or at >= over:
                break
            yield _apart(at, instants), AlertKind.ESCALATED
            if not every:
                break
            at += every
        else:
            raise _AskReplayError


def _apart(at: int, instants: set[int], but: int | None = None) -> int:
    if at in instants and at != but:
        raise _AskReplayError
    return at


def _first_end(clock: TickingClock, breached: int) -> int:
    """When the clock first ended after its breach: a reopening calls nobody again."""
    for mark in clock.marks:
        if mark.state is SegmentState.RESOLVED and mark.at >= breached:
            return mark.at
    return clock.ended if clock.ended is not None else NEVER


def _acknowledged(life: Life, breached: int) -> int:
    return min((at for at in life.acknowledged if at >= breached), default=NEVER)
