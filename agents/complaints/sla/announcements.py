"""What must be announced about a complaint's clocks, each once, and when to look again."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from agents.complaints.sla.calendars import SECOND, from_us, to_us
from agents.complaints.sla.clocks import live, promised
from agents.complaints.sla.fold import Life
from agents.complaints.sla.plan import TARGETS, Plan
from agents.complaints.sla.ticking import NEVER, TickingClock
from schemas.alert import AlertKind
from schemas.clock import Announced, Announcement, Clock, ComplaintEvent
from schemas.common import Tier
from schemas.complaint import Severity
from schemas.policy import ComplaintContext, Warn

CATCH_UP_REPEATS = 20
"""Missed repeats of one escalation step that are announced when a breach is learned late: the
newest ones. Two weeks of silence at half an hour each would otherwise be 672 calls at once."""

_KIND_ORDER = {kind: position for position, kind in enumerate(AlertKind)}
_TARGET_ORDER = {target: position for position, target in enumerate(TARGETS)}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a history: clocks, news, the memory to keep, and when to look again.

    `severity` and `tier` are those of its last event, in the words of the policy.

    `wake_at` is the earliest instant at which something may become due; it lies at or before `now`
    where something is due already and waits to be announced (`fire=False`). None: nothing ahead.
    """

    severity: Severity
    tier: Tier
    clocks: list[Clock]
    announcements: list[Announcement]
    announced: list[Announced]
    wake_at: dt.datetime | None


def announce(
    announced: Sequence[Announced],
    history: Sequence[ComplaintEvent],
    plan: Plan,
    context: ComplaintContext,
    now: dt.datetime,
    *,
    fire: bool,
) -> Outcome:
    """Compare the clocks with what was announced about them.

    `fire=True` (a reached deadline: the partition has read past `now`) announces everything due at
    or before `now`. `fire=False` (any other event, at its arrival) announces only what resolves
    an alert, retracted and recovered; the rest waits for the deadline that `wake_at` asks for, so
    that a complaint and its answer that arrive together late page nobody.
    """
    life, horizon = live(history, plan, context, now)
    return announce_life(announced, life, plan.digest, to_us(now), horizon, fire=fire)


def announce_life(
    announced: Sequence[Announced],
    life: Life,
    digest: str,
    now: int,
    horizon: int,
    *,
    fire: bool,
) -> Outcome:
    """As `announce`, of a life that was advanced to `horizon` (microseconds, as `now`)."""
    herald = _Herald(life, digest, now, horizon, fire=fire)
    memory = {(entry.target, entry.instance): entry for entry in announced}
    clocks = []
    merged = bool(life.merged_by)
    for clock in promised(life):
        snapshot = clock.snapshot(horizon, digest, merged=merged)
        clocks.append(snapshot)
        key = (snapshot.target, clock.instance)
        known = memory.get(key)
        after = herald.attend(clock, snapshot, known)
        if after is not None and after is not known:
            memory[key] = after
    breached = [(key, entry) for key, entry in memory.items() if entry.breached] if memory else []
    if breached:
        alive = {(clock.target, clock.instance) for clock in clocks}
        for key, entry in breached:
            if key not in alive and not (entry.recovered_by and life.merged_by):
                memory[key] = herald.bury(entry)
    return Outcome(
        severity=life.severity,
        tier=life.tier,
        clocks=clocks,
        announcements=herald.in_order(),
        announced=list(memory.values()),
        wake_at=None if herald.wake >= NEVER else from_us(herald.wake),
    )


class _Memory:
    """`Announced` while it is being changed."""

    __slots__ = ("breached", "escalated", "recovered_by", "round", "warned")

    def __init__(self, entry: Announced | None) -> None:
        self.round = entry.round if entry else 0
        self.warned = entry.warned if entry else ()
        self.breached = entry.breached if entry else False
        self.escalated = dict(entry.escalated) if entry else {}
        self.recovered_by = entry.recovered_by if entry else ""

    def forget_breach(self) -> None:
        """The breach is not true (any more): if it comes true again, that is news."""
        self.round += 1
        self.breached = False
        self.escalated = {}
        self.recovered_by = ""

    def keep(self, clock: Clock) -> Announced:
        return Announced(
            clock.target,
            clock.instance,
            clock.started_at,
            self.round,
            self.warned,
            self.breached,
            self.escalated,
            self.recovered_by,
        )


class _Herald:
    """Goes from clock to clock, collects the news and remembers the earliest next instant."""

    def __init__(self, life: Life, digest: str, now: int, horizon: int, *, fire: bool) -> None:
        self.life = life
        self.digest = digest
        self.now = now
        self.horizon = horizon
        self.fire = fire
        self.wake = NEVER
        self._news: list[tuple[tuple[int, int, dt.datetime, int], Announcement]] = []

    def in_order(self) -> list[Announcement]:
        """The news as one instant lists it: by kind, then by target, then by start."""
        self._news.sort(key=lambda item: item[0])
        return [announcement for _, announcement in self._news]

    def attend(
        self, clock: TickingClock, shown: Clock, entry: Announced | None
    ) -> Announced | None:
        """One clock: what is new about it. The entry to remember, None if there is none."""
        ended, ended_by = clock.stop()
        if entry is None and ended is not None and clock.breached is None:
            return None
        memory = _Memory(entry)
        count = len(self._news)
        before = memory.round
        if self.life.merged_by:
            self._lay_to_rest(shown, memory)
        else:
            self._resolve(clock, shown, memory, ended_by)
            if clock.breached is not None and clock.breached <= self.now:
                self._breached(clock, shown, memory, ended, ended_by)
            elif ended is None:
                self._ahead(clock, shown, memory)
            elif clock.breached is not None:
                self._wake_at(clock.breached)
        if count == len(self._news) and before == memory.round:
            return entry
        return memory.keep(shown)

    def bury(self, entry: Announced) -> Announced:
        """Late evidence made this clock disappear: what it had announced never was."""
        now = from_us(self.now)
        self._add(
            Announcement(
                at=now,
                announced_at=now,
                kind=AlertKind.RECOVERED if self.life.merged_by else AlertKind.RETRACTED,
                target=entry.target,
                instance=entry.instance,
                round=entry.round,
                clock_started_at=entry.started_at,
                policy_digest=self.digest,
            )
        )
        return msgspec.structs.replace(
            entry, round=entry.round + 1, breached=False, escalated={}, recovered_by=""
        )

    # -- what resolves an alert: at the arrival of the evidence ----------------------------------

    def _resolve(self, clock: TickingClock, shown: Clock, memory: _Memory, ended_by: str) -> None:
        if not memory.breached:
            return
        if clock.breached is None or clock.breached > self.now:
            self._say(AlertKind.RETRACTED, shown, memory, at=self.now)
            memory.forget_breach()
        elif memory.recovered_by:
            # Only if its evidence was withdrawn is the alert raised anew; not by a reopening.
            if not ended_by and memory.recovered_by not in clock.enders:
                memory.forget_breach()
        elif ended_by:
            self._recovered(shown, memory, ended_by)

    def _lay_to_rest(self, shown: Clock, memory: _Memory) -> None:
        """Merged into another complaint, which has its own clocks and alerts."""
        if memory.breached and not memory.recovered_by:
            self._say(AlertKind.RECOVERED, shown, memory, at=self.now)
            memory.forget_breach()

    def _recovered(self, shown: Clock, memory: _Memory, ended_by: str) -> None:
        ended_at = shown.ended_at
        at = self.now if ended_at is None else min(to_us(ended_at), self.now)
        self._say(AlertKind.RECOVERED, shown, memory, at=at)
        memory.recovered_by = ended_by

    # -- what raises one: only when its instant is read through ----------------------------------

    def _breached(
        self,
        clock: TickingClock,
        shown: Clock,
        memory: _Memory,
        ended: int | None,
        ended_by: str,
    ) -> None:
        assert clock.breached is not None
        if not memory.breached:
            if not self.fire:
                self._wake_at(clock.breached)
                return
            self._say(AlertKind.BREACHED, shown, memory, at=clock.breached)
            memory.breached = True
            if ended is not None:
                self._recovered(shown, memory, ended_by)
        if ended is None and not memory.recovered_by:
            self._escalate(clock, shown, memory, clock.breached)

    def _escalate(self, clock: TickingClock, shown: Clock, memory: _Memory, breached: int) -> None:
        if clock.term is None:
            return
        stop = self._acknowledged_after(breached)
        if stop <= self.now:
            return  # somebody has it: nor is anybody called for what was missed before that
        for name, step in clock.term.escalate:
            first = breached + step.after_seconds * SECOND
            every = (step.repeat_seconds or 0) * SECOND
            done = memory.escalated.get(name, 0)
            due = 0
            if first <= self.now:
                due = 1 + (self.now - first) // every if every else 1
            for count in range(max(done, due - CATCH_UP_REPEATS) + 1, due + 1):
                at = first + (count - 1) * every
                if at >= stop:
                    break
                if not self.fire:
                    self._wake_at(at)
                    break
                label = f"{name}#{count}" if every else name
                self._say(AlertKind.ESCALATED, shown, memory, at=at, step=label, to=step.to)
                memory.escalated[name] = count
            coming = first + max(due, done) * every
            if (every or not max(due, done)) and coming < stop:
                self._wake_at(coming)

    def _acknowledged_after(self, breached: int) -> int:
        """Somebody who acknowledges a breach takes it over; an earlier word says nothing of it."""
        acknowledged = self.life.acknowledged
        found = bisect_left(acknowledged, breached)
        return acknowledged[found] if found < len(acknowledged) else NEVER

    def _ahead(self, clock: TickingClock, shown: Clock, memory: _Memory) -> None:
        """The clock is unbreached and has not ended: warnings, and the instants to wait for."""
        term = clock.term
        running = clock.since is not None
        if term is None:
            return
        if clock.breached is not None:
            self._wake_at(clock.breached)
        elif running and shown.due_at is not None:
            self._wake_at(to_us(shown.due_at))
        nearest = NEVER
        for warn in term.warn:
            if warn.name in memory.warned:
                continue
            threshold = warn_threshold(warn, clock.limit)
            if threshold > clock.used:
                nearest = min(nearest, threshold)
                continue
            reached = clock.reached(threshold, clock.changed)
            if self.fire and reached <= self.now:
                self._say(AlertKind.WARNED, shown, memory, at=reached, step=warn.name)
                memory.warned = (*memory.warned, warn.name)
            else:
                self._wake_at(reached)
        if running and nearest < NEVER:
            ahead = term.calendar.add(self.horizon, nearest - clock.used)
            self._wake_at(NEVER if ahead is None else ahead)

    # -- helpers ---------------------------------------------------------------------------------

    def _wake_at(self, at: int) -> None:
        self.wake = min(self.wake, at)

    def _say(
        self,
        kind: AlertKind,
        shown: Clock,
        memory: _Memory,
        *,
        at: int,
        step: str = "",
        to: str = "",
    ) -> None:
        self._add(
            Announcement(
                at=from_us(at),
                announced_at=from_us(self.now),
                kind=kind,
                target=shown.target,
                instance=shown.instance,
                step=step,
                to=to,
                round=memory.round,
                clock_started_at=shown.started_at,
                due_at=shown.due_at,
                breached_at=shown.breached_at,
                ended_at=shown.ended_at,
                limit_seconds=shown.limit_seconds,
                used_seconds=shown.used_seconds,
                policy=shown.policy,
                policy_digest=self.digest,
                team=shown.team,
            )
        )

    def _add(self, announcement: Announcement) -> None:
        order = (
            _KIND_ORDER[announcement.kind],
            _TARGET_ORDER[announcement.target],
            announcement.clock_started_at,
            len(self._news),
        )
        self._news.append((order, announcement))


def warn_threshold(warn: Warn, limit: int) -> int:
    """How much counted time is used when the warning is due, in microseconds."""
    if warn.before_seconds is not None:
        return max(0, limit - warn.before_seconds * SECOND)
    return round(limit * (warn.percent or 0.0) / 100)
