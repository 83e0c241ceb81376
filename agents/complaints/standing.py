"""Where a complaint stood at its latest event, so that the next one goes on from there.

What `settle` says of a complaint is a function of its whole history, and to replay the history at
every event is most of what an event costs. Nearly always the event is the newest and nothing came
late: then the clocks and stages can go on from where the last replay left them. What is kept is
only a memory of a pure function: it is used for the very history (the same list) it was made of,
under the same plan and context, and everything else is replayed in full. `Standings(0)` keeps
nothing, so every settlement is replayed: that is the oracle the short way is held against.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agents.complaints.lifecycle import (
    Progress,
    advance_progress,
    closed_at,
    merge_history,
    sort_key,
    stages_of,
)
from agents.complaints.sla.announcements import Outcome, announce_life
from agents.complaints.sla.calendars import to_us
from agents.complaints.sla.fold import Life, in_order
from agents.complaints.sla.plan import Plan
from schemas.clock import Announced, ComplaintEvent, ComplaintEventKind
from schemas.customer import COMPLAINT_EVENTS, ComplaintState
from schemas.policy import ComplaintContext

STANDINGS_KEPT = 8_192
"""Complaints whose standing is remembered by a worker, some 4 KB each: those of the last minutes to
hours. One that is not remembered is replayed, which costs time and changes nothing."""


class Standing:
    """A complaint lived through up to the last event of `history`, and no further."""

    __slots__ = ("_known", "_life", "_progress", "_reopen_within", "history")

    def __init__(
        self, history: list[ComplaintEvent], plan: Plan, context: ComplaintContext
    ) -> None:
        self.history = history
        self._known = {event.id for event in history}
        self._life = Life(in_order(history), plan, context)
        self._reopen_within = timedelta(seconds=plan.policy_set.reopen_within_seconds)
        had_by = context.attributes.get("team", "")
        self._progress = stages_of(history, self._reopen_within, had_by)

    def is_of(self, history: list[ComplaintEvent], plan: Plan, context: ComplaintContext) -> bool:
        """Whether this is what a replay of this history would give: the same objects, not equal
        ones."""
        life = self._life
        return self.history is history and life.plan is plan and life.first_context is context

    def go_on(self, events: Sequence[ComplaintEvent]) -> bool:
        """Live through `events`; False, and of no more use, where one of them is not the newest.

        An opening decides where the history begins, so it is replayed.
        """
        history = self.history
        for event in events:
            if (
                event.id in self._known
                or event.what is ComplaintEventKind.OPENED
                or len(history) >= COMPLAINT_EVENTS
                or (event.at <= history[-1].at and sort_key(event) < sort_key(history[-1]))
            ):
                return False
            self._known.add(event.id)
            self._life.add(event)
            advance_progress(self._progress, event, self._reopen_within)
            history = [*history, event]
        self.history = history
        return True

    def progress_at(self, now: datetime) -> Progress:
        """The stages; `now` only decides whether a resolved complaint is closed."""
        return closed_at(self._progress, self._reopen_within, now)

    def announce(self, announced: Sequence[Announced], now: datetime, *, fire: bool) -> Outcome:
        """What follows for the clocks at `now` (see `announce`); they are set back afterwards, so
        that an event before `now` finds them as its own instant needs them."""
        life, now_us = self._life, to_us(now)
        horizon = max(now_us, life.last)
        open_clocks = [
            (clock, clock.used, clock.since, clock.breached)
            for clock in life.clocks
            if clock.ended is None
        ]
        life.advance(horizon)
        outcome = announce_life(announced, life, life.plan.digest, now_us, horizon, fire=fire)
        for clock, used, since, breached in open_clocks:
            clock.used, clock.since, clock.breached = used, since, breached
        return outcome


class Standings:
    """The standings of the complaints settled last, the least recently settled forgotten first."""

    __slots__ = ("_kept", "_limit")

    def __init__(self, limit: int = STANDINGS_KEPT) -> None:
        self._limit = limit
        self._kept: dict[str, Standing] = {}

    def after(
        self, state: ComplaintState, events: Sequence[ComplaintEvent], plan: Plan
    ) -> Standing:
        """Where the complaint stands with `events` in its history."""
        known = self._kept.pop(state.complaint.complaint_id, None)
        if (
            known is not None
            and known.is_of(state.history, plan, state.context)
            and known.go_on(events)
        ):
            return known
        history = merge_history(state.history, events, COMPLAINT_EVENTS)
        return Standing(history, plan, state.context)

    def keep(self, complaint_id: str, standing: Standing) -> None:
        """Remember a standing for the next event of its complaint."""
        if self._limit:
            if len(self._kept) >= self._limit:
                del self._kept[next(iter(self._kept))]
            self._kept[complaint_id] = standing
