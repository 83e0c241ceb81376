"""What another policy would have meant: histories replayed on a virtual clock, nothing sent.

What representatives and customers did is held fixed. A stricter promise would have made people
answer sooner, and a page would have woken somebody: so the breaches counted here are those the
same work would have caused, not a forecast.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from zoneinfo import ZoneInfo

import msgspec

from agents.complaints.sla.calendars import from_us
from agents.complaints.sla.figures import Figures
from agents.complaints.sla.judging import Case, Judged
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.ticking import TickingClock
from schemas.clock import ClockState

HELD_FIXED = (
    "Staff replies are held fixed: this is what the same work would have kept and broken, not a"
    " forecast of how people would have worked under the other promise."
)


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A clock whose verdict differs, as the policy sees it that breaks it; `other_due_at` None: the
    other policy promises nothing."""

    complaint_id: str
    target: str
    channel: str
    tier: str
    started_at: dt.datetime
    due_at: dt.datetime | None
    ended_at: dt.datetime | None
    other_due_at: dt.datetime | None


class Comparison:
    """Which promises the second policy would have broken anew, and which no longer."""

    def __init__(self) -> None:
        self._newly: list[Change] = []
        self._healed: list[Change] = []

    def add(self, first: Judged, second: Judged) -> None:
        """Compare one complaint, clock by clock."""
        if first is second:
            return
        before, after = _by_name(first), _by_name(second)
        was = [name for name, clock in before.items() if _is_broken(first, clock)]
        now = [name for name, clock in after.items() if _is_broken(second, clock)]
        self._newly += [
            _change(second, after[name], first, before.get(name)) for name in now if name not in was
        ]
        self._healed += [
            _change(first, before[name], second, after.get(name)) for name in was if name not in now
        ]

    def newly_breached(self) -> list[Change]:
        """Broken by the second policy only, the latest start first."""
        return sorted(self._newly, key=attrgetter("started_at"), reverse=True)

    def no_longer_breached(self) -> list[Change]:
        """Broken by the first policy only, the latest start first."""
        return sorted(self._healed, key=attrgetter("started_at"), reverse=True)


def what_if(
    judged: Iterable[Sequence[Judged]], names: Sequence[str], until: dt.datetime, zone: ZoneInfo
) -> tuple[list[Figures], list[Comparison]]:
    """The figures of every policy, and each of the others compared to the first.

    `judged` is what `judge_all` finds; months and hours are those of `zone`.
    """
    figures = [Figures(name, until, zone) for name in names]
    comparisons = [Comparison() for _ in names[1:]]
    for case in judged:
        for figure, found in zip(figures, case, strict=True):
            figure.add(found)
        for comparison, found in zip(comparisons, case[1:], strict=True):
            comparison.add(case[0], found)
    return figures, comparisons


def unknown_words(cases: Iterable[Case], plan: Plan) -> Counter[tuple[str, str]]:
    """Words for a severity or tier that the policy does not know -> in how many complaints.

    Pairs are (severity or tier, word). Each of them counted as not said.
    """
    words, found = plan.words, Counter[tuple[str, str]]()
    for case in cases:
        changes = [event.changes for event in case.history if event.changes]
        severities = {case.context.attributes.get("priority", "")}
        tiers = {case.context.tier}
        for change in changes:
            severities |= {change.get("attributes.priority", ""), change.get("severity", "")}
            tiers.add(change.get("tier", ""))
        found.update({("severity", w) for w in severities if w and words.severity(w) is None})
        found.update({("tier", w) for w in tiers if w and words.tier(w) is None})
    return found


def _by_name(judged: Judged) -> dict[tuple[int, str], TickingClock]:
    """The same clock under another policy has the same name."""
    return {(clock.position, clock.instance): clock for clock in judged.clocks}


def _is_broken(judged: Judged, clock: TickingClock) -> bool:
    return clock.breached is not None and judged.state_of(clock) is ClockState.BREACHED


def _change(
    judged: Judged, clock: TickingClock, other: Judged, otherwise: TickingClock | None
) -> Change:
    ended, _ = clock.stop()
    due = judged.due(clock)
    other_due = None if otherwise is None else other.due(otherwise)
    return Change(
        complaint_id=judged.case.complaint_id,
        target=clock.target.value,
        channel=judged.case.context.channel,
        tier=judged.tier.value,
        started_at=from_us(clock.started),
        due_at=None if due is None else from_us(due),
        ended_at=None if ended is None else from_us(ended),
        other_due_at=None if other_due is None else from_us(other_due),
    )
