"""One clock while it is being computed: it counts, stands still, changes its terms, and ends."""

from __future__ import annotations

from agents.complaints.sla.calendars import SECOND, from_us
from agents.complaints.sla.plan import TARGETS, Term
from schemas.clock import Clock, ClockState, SegmentState
from schemas.policy import Target

NEVER = 2**62
"""A limit no calendar reaches."""

ONCE = "once"
"""The instance of a target that runs once in a complaint."""


class Mark:
    """From `at` on the clock is in `state` under these terms; `cause` is the event that made it
    so."""

    __slots__ = ("at", "cause", "limit", "reason", "state", "term")

    def __init__(
        self, at: int, state: SegmentState, term: Term | None, limit: int, cause: str, reason: str
    ) -> None:
        self.at = at
        self.state = state
        self.term = term
        self.limit = limit
        self.cause = cause
        self.reason = reason


class TickingClock:
    """A promise kept or broken, by the microsecond.

    `since` is the instant up to which time is counted while it runs, None while it stands. `used`
    is exact at `advance`. `marks` remember every change of state for explanations.
    """

    __slots__ = (
        "breached",
        "changed",
        "ended",
        "ended_by",
        "enders",
        "from_team",
        "instance",
        "limit",
        "marks",
        "position",
        "promised",
        "since",
        "started",
        "started_by",
        "team",
        "term",
        "used",
        "verdict",
    )

    def __init__(self, position: int, instance: str, at: int, cause: str) -> None:
        self.position = position
        self.instance = instance
        self.started = at
        self.started_by = cause
        self.team = ""
        self.from_team = ""
        self.term: Term | None = None
        self.promised = False
        self.limit = NEVER
        self.used = 0
        self.since: int | None = None
        self.changed = at
        self.breached: int | None = None
        self.ended: int | None = None
        self.ended_by = ""
        self.enders: list[str] = []
        self.verdict = True
        self.marks: list[Mark] = []

    @property
    def target(self) -> Target:
        """Which promise this is."""
        return TARGETS[self.position]

    @property
    def bound(self) -> Term | None:
        """The terms that hold, or the last that held."""
        if self.term is not None:
            return self.term
        return next((mark.term for mark in reversed(self.marks) if mark.term is not None), None)

    def bind(self, term: Term | None, at: int, cause: str, paused: str | None) -> None:
        """From `at` on other terms hold; what was used stays used.

        A target that the new policy adds starts here, one that it drops stands until it returns.
        """
        if term is None:
            if self.term is not None:
                self.term = None
                self.enders.append(cause)
                self._mark(at, SegmentState.UNPROMISED, cause)
            self.since = None
            return
        if not self.promised:
            self.promised = True
            self.started, self.started_by = at, cause
        self.term = term
        self.changed = at
        self.limit = self._limit(term, at)
        self.tick(at, cause, paused)
        self.check_limit(at)

    def tick(self, at: int, cause: str, paused: str | None) -> None:
        """Run, or stand if there is a pause (its reason) that stops this clock."""
        term = self.term
        if term is None:
            return
        if paused is not None and term.pauses_for(paused):
            self.since = None
            self._mark(at, SegmentState.PAUSED, cause, paused)
        else:
            self.since = at
            self._mark(at, SegmentState.RUNNING, cause)

    def advance(self, to: int) -> None:
        """Count up to `to`; find the breach on the way."""
        since = self.since
        if since is None or self.term is None or to <= since:
            return
        counted = self.term.calendar.between(since, to)
        if self.breached is None and self.used + counted >= self.limit:
            self.breached = self.term.calendar.add(since, self.limit - self.used)
        self.used += counted
        self.since = to

    def check_limit(self, at: int) -> None:
        """Terms that are used up when they begin to hold are broken at that moment."""
        if self.breached is None and self.used >= self.limit:
            self.breached = at

    def end(self, at: int, cause: str, *, verdict: bool = True) -> None:
        """Stop for good, or until `revive`. What the policy dropped had ended there already."""
        self.advance(at)
        self.ended = at if self.term is not None or not self.promised else self.marks[-1].at
        self.ended_by = cause
        self.enders.append(cause)
        self.verdict = verdict and self.term is not None
        self.since = None

    def revive(self, term: Term | None, at: int, cause: str) -> None:
        """Go on after a reopening with what was used; the time in between does not count."""
        resolved_at = self.ended if self.ended is not None else at
        if self.promised:
            self._mark(resolved_at, SegmentState.RESOLVED, self.ended_by)
        self.ended = None
        self.ended_by = ""
        self.verdict = True
        if term is not self.term or term is None:
            self.bind(term, at, cause, None)
        else:
            self.tick(at, cause, None)
            self.check_limit(at)

    def stop(self) -> tuple[int | None, str]:
        """When and by which event it ended: its own end, or a policy that no longer promises."""
        if self.ended is None and self.term is None and self.promised:
            return self.marks[-1].at, self.marks[-1].cause
        return self.ended, self.ended_by

    def due(self, at: int) -> int | None:
        """When it is due, if it goes on at `at` (the last instant it was advanced to)."""
        if self.breached is not None:
            return self.breached
        term = self.bound
        if term is None or self.limit >= NEVER:
            return None
        return term.calendar.add(at, self.limit - self.used)

    def reached(self, amount: int, since: int) -> int:
        """The instant at which `amount` was used, under terms that hold from `since` on."""
        used = 0
        for mark, until in self.stretches(NEVER):
            if mark.state is not SegmentState.RUNNING or mark.term is None:
                continue
            calendar = mark.term.calendar
            counted = calendar.between(mark.at, until) if until < NEVER else NEVER
            if used + counted >= amount:
                return max(calendar.add(mark.at, amount - used) or mark.at, since)
            used += counted
        return since

    def stretches(self, until: int) -> list[tuple[Mark, int]]:
        """The marks, each with where it ends: the last at the end of the clock, or at `until`."""
        last = self.ended if self.ended is not None else until
        ends = [mark.at for mark in self.marks[1:]] + [last]
        return list(zip(self.marks, ends, strict=True)) if self.marks else []

    def snapshot(self, at: int, digest: str, *, merged: bool) -> Clock:
        """The clock as readers see it; `at` is the instant it was advanced to."""
        term = self.bound
        assert term is not None, "only promised clocks are shown"
        ended, ended_by = self.stop()
        due = self.due(at if ended is None else ended)
        return Clock(
            target=self.target,
            instance=self.instance,
            state=self.state_of(ended, merged=merged),
            started_at=from_us(self.started),
            due_at=None if due is None else from_us(due),
            breached_at=None if merged or self.breached is None else from_us(self.breached),
            ended_at=None if ended is None else from_us(ended),
            used_seconds=self.used / SECOND,
            limit_seconds=self.limit / SECOND if self.limit < NEVER else 0.0,
            policy=term.policy_name,
            policy_digest=digest,
            calendar=term.calendar_name,
            started_by=self.started_by,
            ended_by=ended_by,
            team=self.team,
            from_team=self.from_team,
        )

    def state_of(self, ended: int | None, *, merged: bool) -> ClockState:
        """What became of it, given when it ended (see `stop`)."""
        if merged:
            return ClockState.ENDED
        if self.breached is not None:
            return ClockState.BREACHED
        if ended is not None:
            return ClockState.MET if self.verdict and self.term is not None else ClockState.ENDED
        return ClockState.PAUSED if self.since is None else ClockState.RUNNING

    def _limit(self, term: Term, at: int) -> int:
        """What may be used under these terms.

        Working days are a date, not an amount: the limit is what was used so far plus what the
        calendar counts from here to that date, plus what pauses have already saved.
        """
        if term.working_days is None:
            return term.limit_us
        due = term.calendar.working_days_after(self.started, term.working_days)
        if due is None:
            return NEVER
        whole = term.calendar.between(self.started, due)
        if not self.marks:
            return whole
        ran = sum(
            term.calendar.between(mark.at, until)
            for mark, until in self.stretches(at)
            if mark.state is SegmentState.RUNNING
        )
        return self.used + max(0, whole - ran)

    def _mark(self, at: int, state: SegmentState, cause: str, reason: str = "") -> None:
        self.marks.append(Mark(at, state, self.term, self.limit, cause, reason))
