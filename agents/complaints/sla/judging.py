"""Complaints as they happened, judged under one policy or several: clocks and calls, nothing sent.

Where several policies judge, what they say word for word alike is judged once (`sameness`), and
what needs no replay is told by looking back (`hindsight`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from agents.complaints.sla.calendars import SECOND, from_us, to_us
from agents.complaints.sla.clocks import promised
from agents.complaints.sla.fold import in_order
from agents.complaints.sla.hindsight import look_back
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.replay import Replay
from agents.complaints.sla.sameness import alike
from agents.complaints.sla.ticking import TickingClock
from schemas.alert import AlertKind
from schemas.clock import Announcement, Clock, ClockState, ComplaintEvent
from schemas.common import Tier
from schemas.policy import ComplaintContext, Target

PAGES = frozenset({AlertKind.BREACHED, AlertKind.ESCALATED})
"""What calls a person. Warnings are counted apart."""

_CALLS = PAGES | {AlertKind.WARNED}

_INSTANTS = 1_024
"""Instants remembered: the clocks of a complaint start and end together."""


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One complaint as it happened. `arrivals` maps ids of events that were known late to when.

    `context` is the one at opening. `csat` is the customer's score afterwards, 1 to 5.
    """

    complaint_id: str
    context: ComplaintContext
    history: tuple[ComplaintEvent, ...]
    arrivals: dict[str, dt.datetime] = {}
    csat: int | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One clock of one complaint under one policy, with the labels it is counted under."""

    complaint_id: str
    target: Target
    instance: str
    channel: str
    tier: str
    region: str
    month: str
    state: ClockState
    started_at: dt.datetime
    due_at: dt.datetime | None
    ended_at: dt.datetime | None
    breached_at: dt.datetime | None
    used_seconds: float
    policy: str
    team: str = ""

    @property
    def name(self) -> tuple[str, Target, str]:
        """The same clock under another policy has the same name."""
        return self.complaint_id, self.target, self.instance


class Call(msgspec.Struct, frozen=True, gc=False):
    """An announcement that would have been made: when and of what kind."""

    at: dt.datetime
    kind: AlertKind


class PolicyRun(msgspec.Struct, frozen=True, kw_only=True):
    """All cases under one policy, as of `until`."""

    name: str
    until: dt.datetime
    verdicts: list[Verdict]
    calls: list[Call]


def read_cases(lines: Iterable[bytes]) -> Iterator[Case]:
    """Cases from JSON lines. Raises ValueError with the number of the line that is none."""
    decoder = msgspec.json.Decoder(Case)
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError as error:
                raise ValueError(f"line {number} is no complaint history: {error}") from error


def run_policy(
    cases: Iterable[Case], plan: Plan, name: str, until: dt.datetime, zone: ZoneInfo
) -> PolicyRun:
    """Every case under one policy. Months and hours are those of `zone`."""
    return run_policies(cases, [(name, plan)], until, zone)[0]


def run_policies(
    cases: Iterable[Case], plans: Sequence[tuple[str, Plan]], until: dt.datetime, zone: ZoneInfo
) -> list[PolicyRun]:
    """Every case under every policy (name, plan), in one pass over the cases.

    What two files say word for word alike is judged once; each run is what it would be alone.
    """
    runs = [PolicyRun(name=name, until=until, verdicts=[], calls=[]) for name, _ in plans]
    twins = [
        [(other, same) for other in range(number) if (same := alike(plans[other][1], plan))]
        for number, (_, plan) in enumerate(plans)
    ]
    for case in cases:
        events = _up_to(case, until)
        judged: list[_Judged] = []
        for run, (_, plan), known in zip(runs, plans, twins, strict=True):
            found = next((judged[one] for one, same in known if judged[one].policy in same), None)
            if found is None:
                found = _judge(case, events, plan, until, zone)
            judged.append(found)
            run.verdicts.extend(found.verdicts)
            run.calls.extend(found.calls)
    return runs


class _Judged(NamedTuple):
    """A case under one plan. `policy` held all along; None where others may have held, too."""

    policy: str | None
    verdicts: list[Verdict]
    calls: list[Call]


def _judge(
    case: Case, events: list[ComplaintEvent], plan: Plan, until: dt.datetime, zone: ZoneInfo
) -> _Judged:
    tier = plan.words.tier_of(case.context.tier, case.context.value)
    horizon = to_us(until)
    found = None if case.arrivals else look_back(events, plan, case.context, horizon)
    if found is None:
        clocks, calls = _replayed(case, plan, until)
        return _Judged(None, [_verdict(case, clock, tier, zone) for clock in clocks], calls)
    life, called = found
    verdicts = [_looked_back(case, clock, horizon, tier, zone) for clock in promised(life)]
    return _Judged(
        life.terms.policy_name, verdicts, [Call(_instant(at), kind) for at, kind in called]
    )


def _up_to(case: Case, until: dt.datetime) -> list[ComplaintEvent]:
    events = in_order(case.history)
    if events and events[-1].at <= until:
        return events
    return [event for event in events if event.at <= until]


def judge_case(case: Case, plan: Plan, until: dt.datetime) -> tuple[list[Clock], list[Call]]:
    """The clocks of a case at `until` and the calls up to then, as `replay_case` would find
    them."""
    if not case.arrivals:
        found = look_back(_up_to(case, until), plan, case.context, to_us(until))
        if found is not None:
            life, called = found
            clocks = [
                clock.snapshot(to_us(until), plan.digest, merged=False) for clock in promised(life)
            ]
            return clocks, [Call(from_us(at), kind) for at, kind in called]
    return _replayed(case, plan, until)


def _replayed(case: Case, plan: Plan, until: dt.datetime) -> tuple[list[Clock], list[Call]]:
    clocks, announced = replay_case(case, plan, until)
    return clocks, [Call(said.announced_at, said.kind) for said in announced if said.kind in _CALLS]


def replay_case(
    case: Case, plan: Plan, until: dt.datetime
) -> tuple[list[Clock], list[Announcement]]:
    """One complaint from its first arrival to `until`: its clocks then, and all announcements."""
    replay = Replay(plan, case.context)
    known = [(max(case.arrivals.get(event.id, event.at), event.at), event)
             for event in in_order(case.history)]  # fmt: skip
    for arrives, event in sorted(known, key=lambda pair: pair[0]):
        if arrives > until:
            break
        replay.advance(arrives, inclusive=False)
        replay.arrive(event, arrives)
    replay.advance(until, inclusive=True)
    return replay.clocks(), replay.announced


def _verdict(case: Case, clock: Clock, tier: Tier, zone: ZoneInfo) -> Verdict:
    return Verdict(
        complaint_id=case.complaint_id,
        target=clock.target,
        instance=clock.instance,
        channel=case.context.channel,
        tier=tier,
        region=case.context.region,
        month=_month(clock.started_at, zone),
        state=clock.state,
        started_at=clock.started_at,
        due_at=clock.due_at,
        ended_at=clock.ended_at,
        breached_at=clock.breached_at,
        used_seconds=clock.used_seconds,
        policy=clock.policy,
        team=clock.team or case.context.attributes.get("team", ""),
    )


def _looked_back(
    case: Case, clock: TickingClock, horizon: int, tier: Tier, zone: ZoneInfo
) -> Verdict:
    """As `_verdict` of the clock's snapshot at `horizon`, without making one: most of the work."""
    term = clock.bound
    assert term is not None, "only promised clocks are judged"
    ended, _ = clock.stop()
    due = clock.due(horizon if ended is None else ended)
    context, started_at = case.context, _instant(clock.started)
    return Verdict(
        complaint_id=case.complaint_id,
        target=clock.target,
        instance=clock.instance,
        channel=context.channel,
        tier=tier,
        region=context.region,
        month=_month(started_at, zone),
        state=clock.state_of(ended, merged=False),
        started_at=started_at,
        due_at=None if due is None else _instant(due),
        ended_at=None if ended is None else _instant(ended),
        breached_at=None if clock.breached is None else _instant(clock.breached),
        used_seconds=clock.used / SECOND,
        policy=term.policy_name,
        team=clock.team or context.attributes.get("team", ""),
    )


@lru_cache(maxsize=_INSTANTS)
def _instant(us: int) -> dt.datetime:
    return from_us(us)


@lru_cache(maxsize=_INSTANTS)
def _month(at: dt.datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m}"
