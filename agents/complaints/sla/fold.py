"""The life of a complaint, event by event: which clocks start, stand, go on and end.

The table of the policy page, as code. Every clock exists whether promised or not, so that a change
of policy finds the wait it now promises something about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agents.complaints.sla.calendars import to_us
from agents.complaints.sla.plan import TARGETS, Plan, Term, Terms, change_context
from agents.complaints.sla.ticking import ONCE, TickingClock
from agents.complaints.sla.vocabulary import normal
from schemas.clock import ComplaintEvent, ComplaintEventKind
from schemas.policy import ComplaintContext, Target

(
    ACKNOWLEDGEMENT,
    FIRST_RESPONSE,
    NEXT_RESPONSE,
    UPDATE,
    FIRST_RESOLUTION,
    TOTAL_RESOLUTION,
    HAND_OVER,
) = range(len(TARGETS))
assert TARGETS[HAND_OVER] is Target.HAND_OVER

TEAM = "team"
"""The attribute that names the team a complaint rests with."""

_RANK = {what: rank for rank, what in enumerate(ComplaintEventKind)}


def _order(event: ComplaintEvent) -> tuple[dt.datetime, int, str, int]:
    """One interaction may be several facts: a call that opens a complaint and is answered."""
    return event.at, event.sequence, event.id, _RANK[event.what]


def in_order(history: Iterable[ComplaintEvent]) -> list[ComplaintEvent]:
    """The history sorted by (at, sequence, id), every fact once."""
    return sorted({(event.id, event.what): event for event in history}.values(), key=_order)


class Life:
    """A complaint lived through up to its last event; `advance` then runs its clocks on."""

    def __init__(self, events: list[ComplaintEvent], plan: Plan, context: ComplaintContext) -> None:
        self.plan = plan
        self.first_context = context
        self.context = context
        self.severity = plan.words.severity_of(context)
        self.tier = plan.words.tier_of(context.tier, context.value)
        self.terms: Terms = plan.terms(self._as_read())
        self.clocks: list[TickingClock] = []
        self.acknowledged: list[int] = []
        self.merged_by = ""
        self.last = 0
        self._once: list[TickingClock | None] = [None] * len(TARGETS)
        self._waiting: TickingClock | None = None
        self._update: TickingClock | None = None
        self._held: TickingClock | None = None
        self._opened = False
        self._answered = False
        self._resolved: int | None = None
        self._paused: str | None = None
        self._over = False
        for event in events:
            self.add(event)

    def add(self, event: ComplaintEvent) -> None:
        """Live through one more event, which is later than all before in the order of history."""
        self.last = to_us(event.at)
        if not self._over:
            _HANDLERS[event.what](self, self.last, event)

    def advance(self, to: int) -> None:
        """Run every open clock on to `to`."""
        for clock in self.clocks:
            if clock.ended is None:
                clock.advance(to)

    # -- events ----------------------------------------------------------------------------------

    def _open(self, at: int, event: ComplaintEvent) -> None:
        if self._opened:
            # The opening of a complaint that joined this one: one more message about the matter.
            self._customer_message(at, event)
            return
        self._opened = True
        for position in (ACKNOWLEDGEMENT, FIRST_RESPONSE, FIRST_RESOLUTION, TOTAL_RESOLUTION):
            self._once[position] = self._start(position, ONCE, at, event.id)
        self._update = self._start(UPDATE, event.id, at, event.id)
        self._rest(at, event.id)

    def _customer_message(self, at: int, event: ComplaintEvent) -> None:
        if not self._opened:
            return
        if self._resolved is not None:
            if at - self._resolved > self.plan.reopen_within_us:
                return
            self._reopen(at, event)
        self._resume(at, event)
        if self._answered and self._waiting is None:
            self._waiting = self._start(NEXT_RESPONSE, event.id, at, event.id)

    def _human_reply(self, at: int, event: ComplaintEvent) -> None:
        if not self._opened or self._resolved is not None:
            return
        self._end_once(ACKNOWLEDGEMENT, at, event.id)
        self._answer(at, event.id)
        self._end_wait(at, event.id)
        if self._update is not None:
            self._update.end(at, event.id)
        self._update = self._start(UPDATE, event.id, at, event.id)
        if self._held is not None and (not event.team or normal(event.team) == normal(self.team)):
            self._let_go(at, event.id)

    def _bot_reply(self, at: int, event: ComplaintEvent) -> None:
        if self._opened and self._resolved is None and self.terms.bot_replies_count:
            self._answer(at, event.id)

    def _acknowledge(self, at: int, event: ComplaintEvent) -> None:
        if self._opened:
            self.acknowledged.append(at)
            self._end_once(ACKNOWLEDGEMENT, at, event.id)

    def _pause(self, at: int, event: ComplaintEvent) -> None:
        if self._opened and self._resolved is None:
            self._set_pause(at, event, event.reason)

    def _resume(self, at: int, event: ComplaintEvent) -> None:
        if self._paused is not None:
            self._set_pause(at, event, None)

    def _resolve(self, at: int, event: ComplaintEvent) -> None:
        if not self._opened or self._resolved is not None:
            return
        self._resume(at, event)
        self._resolved = at
        self._end_once(ACKNOWLEDGEMENT, at, event.id)
        self._answer(at, event.id)
        self._end_wait(at, event.id)
        if self._update is not None:
            self._update.end(at, event.id, verdict=False)
            self._update = None
        self._let_go(at, event.id)
        self._end_once(FIRST_RESOLUTION, at, event.id)
        self._end_once(TOTAL_RESOLUTION, at, event.id)

    def _reopen(self, at: int, event: ComplaintEvent) -> None:
        if self._resolved is None:
            return
        self._resolved = None
        total = self._once[TOTAL_RESOLUTION]
        if total is not None:
            total.revive(self.terms.by_target[TOTAL_RESOLUTION], at, event.id)
        self._update = self._start(UPDATE, event.id, at, event.id)
        self._rest(at, event.id)

    def _change(self, at: int, event: ComplaintEvent) -> None:
        giver = self.team
        words = self.plan.words
        changes = event.changes
        if "tier" in changes and words.tier(changes["tier"]) is None:
            # A word nobody knows counts as not said: what was said before still holds.
            changes = {key: value for key, value in changes.items() if key != "tier"}
        self.context = change_context(self.context, changes)
        self.severity = words.changed_severity(self.severity, event.changes)
        self.tier = words.tier_of(self.context.tier, self.context.value)
        before, self.terms = self.terms, self.plan.terms(self._as_read())
        handed_over = normal(giver) != normal(self.team)
        if handed_over:
            self._let_go(at, event.id)
        if self.terms is not before:
            for clock in self.clocks:
                if clock.ended is None:
                    clock.advance(at)
                    clock.bind(self._term_of(clock), at, event.id, self._paused)
        if handed_over and self._opened and self._resolved is None:
            self._rest(at, event.id, giver)

    def _merge(self, at: int, event: ComplaintEvent) -> None:
        self.merged_by = event.id
        self._end_all(at, event.id)

    def _withdraw(self, at: int, event: ComplaintEvent) -> None:
        self._end_all(at, event.id)

    # -- what several of them do -----------------------------------------------------------------

    def _as_read(self) -> ComplaintContext:
        """The context in the words of the policy."""
        if self.context.severity == self.severity and self.context.tier == self.tier:
            return self.context
        return replace(self.context, severity=self.severity, tier=self.tier)

    @property
    def team(self) -> str:
        """With whom the complaint rests; empty where nobody said it."""
        return self.context.attributes.get(TEAM, "")

    def _start(self, position: int, instance: str, at: int, cause: str) -> TickingClock | None:
        if not self.plan.promised[position]:
            return None
        clock = TickingClock(position, instance, at, cause)
        clock.bind(self.terms.by_target[position], at, cause, self._paused)
        self.clocks.append(clock)
        return clock

    def _term_of(self, clock: TickingClock) -> Term | None:
        if clock.position == HAND_OVER:
            return self.terms.between(clock.from_team, clock.team)
        return self.terms.by_target[clock.position]

    def _rest(self, at: int, cause: str, giver: str = "") -> None:
        """The complaint rests with a team: how long it may is what teams owe each other."""
        if not self.plan.promised[HAND_OVER] or not self.team:
            return
        clock = self._held = TickingClock(HAND_OVER, cause, at, cause)
        clock.team, clock.from_team = self.team, giver
        clock.bind(self._term_of(clock), at, cause, self._paused)
        self.clocks.append(clock)

    def _let_go(self, at: int, cause: str) -> None:
        """The team has answered, handed it on, or solved it."""
        if self._held is not None:
            self._held.end(at, cause)
            self._held = None

    def _end_once(self, position: int, at: int, cause: str) -> None:
        clock = self._once[position]
        if clock is not None and clock.ended is None:
            clock.end(at, cause)

    def _answer(self, at: int, cause: str) -> None:
        """Somebody spoke: from now on a customer's message waits for its own answer."""
        self._answered = True
        self._end_once(FIRST_RESPONSE, at, cause)

    def _end_wait(self, at: int, cause: str) -> None:
        if self._waiting is not None:
            self._waiting.end(at, cause)
            self._waiting = None

    def _set_pause(self, at: int, event: ComplaintEvent, reason: str | None) -> None:
        self._paused = reason
        for clock in self.clocks:
            if clock.ended is None and clock.position >= NEXT_RESPONSE:
                clock.advance(at)
                clock.tick(at, event.id, reason)

    def _end_all(self, at: int, cause: str) -> None:
        self._over = True
        for clock in self.clocks:
            if clock.ended is None:
                clock.end(at, cause, verdict=False)


_HANDLERS: dict[ComplaintEventKind, Callable[[Life, int, ComplaintEvent], None]] = {
    ComplaintEventKind.OPENED: Life._open,
    ComplaintEventKind.CUSTOMER_MESSAGE: Life._customer_message,
    ComplaintEventKind.HUMAN_REPLY: Life._human_reply,
    ComplaintEventKind.BOT_REPLY: Life._bot_reply,
    ComplaintEventKind.ACKNOWLEDGED: Life._acknowledge,
    ComplaintEventKind.PAUSED: Life._pause,
    ComplaintEventKind.RESUMED: Life._resume,
    ComplaintEventKind.RESOLVED: Life._resolve,
    ComplaintEventKind.REOPENED: Life._reopen,
    ComplaintEventKind.CHANGED: Life._change,
    ComplaintEventKind.MERGED: Life._merge,
    ComplaintEventKind.WITHDRAWN: Life._withdraw,
}
