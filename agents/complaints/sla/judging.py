"""Complaints as they happened, judged under one policy or several: clocks and calls, nothing sent.

Where several policies judge, what they say word for word alike is judged once (`sameness`), and
what needs no replay is told by looking back (`hindsight`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from agents.complaints.sla.calendars import SECOND, from_us, to_us
from agents.complaints.sla.clocks import promised
from agents.complaints.sla.fold import Life, in_order
from agents.complaints.sla.hindsight import Calls, look_back
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


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One complaint as it happened. `arrivals` maps ids of events that were known late to when.

    `context` is the one at opening. `csat` is the customer's score afterwards, 1 to 5.
    """

    complaint_id: str
    context: ComplaintContext
    history: tuple[ComplaintEvent, ...]
    arrivals: dict[str, dt.datetime] = {}
    csat: int | None = None

    @property
    def team(self) -> str:
        """With whom it was at first; empty where nobody said it."""
        return self.context.attributes.get("team", "")


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One clock of one complaint under one policy, with the labels it is counted under."""

    complaint_id: str
    target: Target
    instance: str
    channel: str
    tier: str
    region: str
    team: str
    state: ClockState
    started_at: dt.datetime
    due_at: dt.datetime | None
    ended_at: dt.datetime | None
    breached_at: dt.datetime | None
    used_seconds: float
    policy: str


class Judged:
    """A case under one plan: what became of its clocks at `horizon` (microseconds), and the calls.

    `clocks` are those somebody promised, in order of start. `policy` held all along; None where
    others may have held, too.
    """

    __slots__ = ("calls", "case", "clocks", "horizon", "is_merged", "policy", "tier")

    def __init__(
        self, case: Case, life: Life, calls: list[Calls], horizon: int, policy: str | None
    ) -> None:
        self.case = case
        self.clocks = promised(life)
        self.calls = calls
        self.horizon = horizon
        self.is_merged = bool(life.merged_by)
        self.policy = policy
        self.tier: Tier = life.plan.words.tier_of(case.context.tier, case.context.value)

    def state_of(self, clock: TickingClock) -> ClockState:
        """What became of one of its clocks."""
        return clock.state_of(clock.stop()[0], merged=self.is_merged)

    def verdict(self, clock: TickingClock) -> Verdict:
        """The same in full."""
        term, (ended, _) = clock.bound, clock.stop()
        assert term is not None, "only promised clocks are judged"
        breached = None if self.is_merged else clock.breached
        return Verdict(
            complaint_id=self.case.complaint_id,
            target=clock.target,
            instance=clock.instance,
            channel=self.case.context.channel,
            tier=self.tier,
            region=self.case.context.region,
            team=clock.team or self.case.team,
            state=clock.state_of(ended, merged=self.is_merged),
            started_at=from_us(clock.started),
            due_at=_instant(self.due(clock)),
            ended_at=_instant(ended),
            breached_at=_instant(breached),
            used_seconds=clock.used / SECOND,
            policy=term.policy_name,
        )

    def due(self, clock: TickingClock) -> int | None:
        """When one of its clocks was due, or is."""
        ended, _ = clock.stop()
        return clock.due(self.horizon if ended is None else ended)

    def verdicts(self) -> list[Verdict]:
        """All its clocks."""
        return [self.verdict(clock) for clock in self.clocks]


def read_cases(lines: Iterable[bytes]) -> Iterator[Case]:
    """Cases from JSON lines. Raises ValueError with the number of the line that is none."""
    decoder = msgspec.json.Decoder(Case)
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError as error:
                raise ValueError(f"line {number} is no complaint history: {error}") from error


def judge_all(
    cases: Iterable[Case], plans: Sequence[Plan], until: dt.datetime
) -> Iterator[list[Judged]]:
    """Every case under every plan, case by case, as of `until`.

    What two files say word for word alike is judged once; each is judged as it would be alone.
    """
    twins = [
        [(other, same) for other in range(number) if (same := alike(plans[other], plan))]
        for number, plan in enumerate(plans)
    ]
    horizon = to_us(until)
    for case in cases:
        events = _up_to(case, until)
        judged: list[Judged] = []
        for plan, known in zip(plans, twins, strict=True):
            found = next((judged[one] for one, same in known if judged[one].policy in same), None)
            judged.append(found or _judge(case, events, plan, horizon))
        yield judged


def judge(case: Case, plan: Plan, until: dt.datetime) -> Judged:
    """One case as of `until`, as `replay_case` would find it."""
    return _judge(case, _up_to(case, until), plan, to_us(until))


def verdicts_of(cases: Iterable[Case], plan: Plan, until: dt.datetime) -> Iterator[Verdict]:
    """What became of every clock under one plan."""
    for (judged,) in judge_all(cases, [plan], until):
        yield from judged.verdicts()


def _judge(case: Case, events: list[ComplaintEvent], plan: Plan, horizon: int) -> Judged:
    found = None if case.arrivals else look_back(events, plan, case.context, horizon)
    if found is not None:
        life, calls, policy = found
        return Judged(case, life, calls, horizon, policy)
    replay = _replayed(case, plan, from_us(horizon))
    calls = [
        Calls(to_us(said.announced_at), said.kind)
        for said in replay.announced
        if said.kind in _CALLS
    ]
    return Judged(case, replay.life(), calls, horizon, None)


def replay_case(
    case: Case, plan: Plan, until: dt.datetime
) -> tuple[list[Clock], list[Announcement]]:
    """One complaint from its first arrival to `until`: its clocks then, and all announcements."""
    replay = _replayed(case, plan, until)
    return replay.clocks(), replay.announced


def _replayed(case: Case, plan: Plan, until: dt.datetime) -> Replay:
    replay = Replay(plan, case.context)
    known = [(max(case.arrivals.get(event.id, event.at), event.at), event)
             for event in in_order(case.history)]  # fmt: skip
    for arrives, event in sorted(known, key=lambda pair: pair[0]):
        if arrives > until:
            break
        replay.advance(arrives, inclusive=False)
        replay.arrive(event, arrives)
    replay.advance(until, inclusive=True)
    return replay


def _up_to(case: Case, until: dt.datetime) -> list[ComplaintEvent]:
    events = in_order(case.history)
    if events and events[-1].at <= until:
        return events
    return [event for event in events if event.at <= until]


def _instant(us: int | None) -> dt.datetime | None:
    return None if us is None else from_us(us)
