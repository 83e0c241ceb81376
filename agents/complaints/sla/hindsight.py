"""A complaint that is read when all is over: its clocks and every call that was made, in one pass.

A replay asks after every event and at every deadline what is due. Where each event was known when
it happened, the same follows from the finished clocks, some thirty times as fast. Whatever makes
that doubtful (a call at the very instant of an event, a ladder that takes over what another policy
broke) is left to the replay: `look_back` returns None, and never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from agents.complaints.sla.announcements import warn_threshold
from agents.complaints.sla.calendars import SECOND
from agents.complaints.sla.fold import Life
from agents.complaints.sla.plan import Plan, Term
from agents.complaints.sla.ticking import NEVER, TickingClock
from schemas.alert import AlertKind
from schemas.clock import ComplaintEvent, SegmentState
from schemas.policy import ComplaintContext, Escalation


class Calls(NamedTuple):
    """`times` calls of one kind, the first at `at`, one `every` so often (microseconds)."""

    at: int
    kind: AlertKind
    every: int = 0
    times: int = 1

    def instants(self) -> list[int]:
        """When each of them is made."""
        return [self.at + number * self.every for number in range(self.times)]


class _Era(NamedTuple):
    """A stretch of a clock, from `since` to before `until`, under the same terms."""

    since: int
    until: int
    term: Term | None
    limit: int


class _AskReplayError(Exception):
    """The order of two things at one instant matters: only the replay knows it."""


def look_back(
    events: Sequence[ComplaintEvent], plan: Plan, context: ComplaintContext, until: int
) -> tuple[Life, list[Calls], str | None] | None:
    """The complaint lived through to `until` (microseconds), its calls, and the policy that held
    all along, None where it changed. None at all: ask the replay.

    `events` stand in the order of history, none is later than `until`.
    """
    life = Life([], plan, context)
    terms, changed = life.terms, False
    instants = []
    for event in events:
        life.add(event)
        instants.append(life.last)
        changed = changed or life.terms is not terms
    life.advance(until)
    calls: list[Calls] = []
    try:
        for clock in life.clocks:
            if clock.promised and _may_call(clock):
                calls += _Looking(clock, life, instants, until).calls()
    except _AskReplayError:
        return None
    return life, calls, None if changed else terms.policy_name


def _may_call(clock: TickingClock) -> bool:
    """Whether there is anything to tell: most clocks stop long before their first warning."""
    term = clock.term
    if clock.breached is not None or term is None or clock.changed != clock.started:
        return True
    return any(warn_threshold(warn, clock.limit) <= clock.used for warn in term.warn)


class _Looking:
    """Tells the calls of one clock."""

    def __init__(
        self, clock: TickingClock, life: Life, instants: Sequence[int], until: int
    ) -> None:
        self.clock = clock
        self.life = life
        self.instants = instants
        self.until = until
        self.warned: set[str] = set()

    def calls(self) -> Iterator[Calls]:
        """Warnings of every era, the breach, and the ladder of the terms that were broken."""
        breached = self.clock.breached
        for era in self._eras():
            if era.term is None:
                if era.since == breached:
                    raise _AskReplayError
                continue
            yield from self._warnings(era, era.term)
            if breached is None:
                continue
            if era.since <= breached < era.until:
                by_change = breached == era.since != self.clock.started
                by_change = by_change and not self.life.merged_by
                yield Calls(breached if by_change else self._apart(breached), AlertKind.BREACHED)
                for _, step in era.term.escalate:
                    yield from self._climb(step, era, breached)
            elif breached < era.since < self._first_end(breached) and era.term.escalate:
                raise _AskReplayError

    def _eras(self) -> list[_Era]:
        clock = self.clock
        first = clock.marks[0]
        if clock.changed == clock.started and clock.term is first.term:
            return [_Era(clock.started, NEVER, clock.term, clock.limit)]
        starts = [first]
        starts += [mark for was, mark in pairwise(clock.marks) if mark.term is not was.term]
        ends = [mark.at for mark in starts[1:]] + [NEVER]
        return [
            _Era(mark.at, end, mark.term, mark.limit)
            for mark, end in zip(starts, ends, strict=True)
        ]

    def _warnings(self, era: _Era, term: Term) -> Iterator[Calls]:
        clock, until = self.clock, self.until
        last = until if clock.ended is None else clock.ended
        last = min(last, era.until, last if clock.breached is None else clock.breached)
        for warn in term.warn:
            threshold = warn_threshold(warn, era.limit)
            if threshold > clock.used or warn.name in self.warned:
                continue
            at = self._apart(clock.reached(threshold, era.since), but=era.since)
            is_open = clock.ended is None and clock.breached is None
            if at < last or (at == last == until and is_open):
                self.warned.add(warn.name)
                yield Calls(at, AlertKind.WARNED)

    def _climb(self, step: Escalation, era: _Era, breached: int) -> Iterator[Calls]:
        """A step of the ladder, again and again until somebody acts."""
        first = breached + step.after_seconds * SECOND
        every = (step.repeat_seconds or 0) * SECOND
        # What happens at the instant of a call comes first; the last instant of all is still in.
        over = min(self._first_end(breached), self._taken_over(breached))
        over = min(over, era.until, self.until + 1)
        if first >= over:
            return
        count = 1 + (over - 1 - first) // every if every else 1
        last = first + (count - 1) * every
        for at in self.instants:
            if first <= at <= last and at != era.since and not (every and (at - first) % every):
                raise _AskReplayError
        yield Calls(first, AlertKind.ESCALATED, every, count)

    def _apart(self, at: int, but: int | None = None) -> int:
        """An instant at which nothing happened, unless it is that one."""
        if at != but and at in self.instants:
            raise _AskReplayError
        return at

    def _first_end(self, breached: int) -> int:
        """When the clock first ended after its breach: a reopening calls nobody again."""
        clock = self.clock
        ends = [mark.at for mark in clock.marks if mark.state in _ENDS and mark.at >= breached]
        return min(ends, default=NEVER if clock.ended is None else clock.ended)

    def _taken_over(self, breached: int) -> int:
        """When somebody took the breach over; an earlier word says nothing of it."""
        return min((at for at in self.life.acknowledged if at >= breached), default=NEVER)


_ENDS = frozenset({SegmentState.RESOLVED, SegmentState.UNPROMISED})
