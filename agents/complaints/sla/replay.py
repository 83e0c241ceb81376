"""One complaint on a virtual clock: events arrive, deadlines fire, nothing is sent."""

from __future__ import annotations

import datetime as dt

from agents.complaints.sla.announcements import announce
from agents.complaints.sla.clocks import evaluate, live
from agents.complaints.sla.fold import Life
from agents.complaints.sla.plan import Plan
from schemas.clock import Announced, Announcement, Clock, ComplaintEvent
from schemas.policy import ComplaintContext

MAX_WAKES = 100_000
"""Deadlines fired for one complaint: more is a loop, not a complaint."""

BEGINNING = dt.datetime(1971, 1, 1, tzinfo=dt.UTC)


class Replay:
    """The step of production without its surroundings: what would have been said, and when."""

    def __init__(self, plan: Plan, context: ComplaintContext) -> None:
        self.plan = plan
        self.context = context
        self.history: list[ComplaintEvent] = []
        self.announced: list[Announcement] = []
        self.now = BEGINNING
        self._memory: list[Announced] = []
        self._wake: dt.datetime | None = None

    def arrive(self, event: ComplaintEvent, arrives: dt.datetime) -> None:
        """Learn of an event: only what resolves an alert is said at once."""
        self.history.append(event)
        self._announce(arrives, fire=False)

    def advance(self, to: dt.datetime, *, inclusive: bool) -> None:
        """Fire the deadlines before `to`, and at `to` where `inclusive`, each at its instant."""
        for _ in range(MAX_WAKES):
            wake = None if self._wake is None else max(self._wake, self.now)
            if wake is None or wake > to or (wake == to and not inclusive):
                self.now = max(self.now, to)
                return
            self._announce(wake, fire=True)
        raise RuntimeError(f"more than {MAX_WAKES} deadlines for one complaint")

    def clocks(self) -> list[Clock]:
        """Every clock as it stands now."""
        return evaluate(self.history, self.plan, self.context, self.now)

    def life(self) -> Life:
        """The complaint lived through to now."""
        return live(self.history, self.plan, self.context, self.now)[0]

    def _announce(self, now: dt.datetime, *, fire: bool) -> None:
        self.now = now
        outcome = announce(self._memory, self.history, self.plan, self.context, now, fire=fire)
        self._memory = outcome.announced
        self.announced.extend(outcome.announcements)
        self._wake = outcome.wake_at
