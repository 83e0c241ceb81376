"""Laws that hold for every history, however it arrives."""

import datetime as dt
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.complaints.sla.calendars import make_calendar, to_us
from agents.complaints.sla.clocks import evaluate, explain
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from schemas.alert import AlertKind
from schemas.clock import ClockState, ComplaintEvent, SegmentState
from schemas.clock import ComplaintEventKind as Kind
from schemas.policy import Target
from tests.agents.complaints.sla.support import BERLIN, CONTEXT, Desk, at
from tests.agents.complaints.sla.test_calendar_laws import is_open

START = at("2026-03-26 08:00")
"""A Thursday before the night in which summer time begins."""
UNTIL = at("2026-04-02 08:00")
HORIZON = int((UNTIL - START).total_seconds() // 60)


def policy(factor: int = 1) -> Plan:
    """Two policies with every kind of target; limits in hours, times `factor`."""
    return Plan(
        parse_policy(
            f"""
version: 1
timezone: Europe/Berlin
reopen_within: 2d
calendars:
  office: {{hours: {{mon-fri: ["09:00-12:00", "13:00-17:00"], sat: ["22:00-06:00"]}}}}
policies:
  - name: vip
    when: {{tier: [vip]}}
    targets:
      acknowledgement: {{within: {factor}h}}
      first_response:
        within: {2 * factor}h
        warn: [50%, -10m]
        escalate: [{{after: 0m, to: lead}}, {{after: 1h, to: manager, repeat: 5h}}]
      next_response: {{within: {4 * factor}h, calendar: office}}
      total_resolution: {{within: {10 * factor}h, calendar: office, pause_while: [parts]}}
      hand_over:
        within: {3 * factor}h
        pause_while: [parts]
        teams: [{{from: front, to: depot, within: {factor}h, calendar: office}}]
  - name: all
    targets:
      first_response: {{within: {5 * factor}h, calendar: office}}
      next_response: {{within: {8 * factor}h}}
      update: {{every: {24 * factor}h, escalate: [{{after: 30m, to: lead, repeat: 12h}}]}}
      first_resolution: {{within: {12 * factor}h, calendar: office}}
      total_resolution: {{within: {20 * factor}h, calendar: office}}
      hand_over: {{teams: [{{to: [depot, billing], within: {6 * factor}h, calendar: office}}]}}
"""
        )
    )


PLAN, LOOSE = policy(), policy(2)
OFFICE = make_calendar(PLAN.policy_set.calendars[1], BERLIN)
TEAMS = ["", "front", "depot", "Billing", "nobody else"]
KINDS = [kind for kind in Kind if kind not in (Kind.OPENED, Kind.MERGED, Kind.WITHDRAWN)]


@st.composite
def histories(draw: st.DrawFn, *, changes: bool = True) -> list[ComplaintEvent]:
    """A complaint and up to fourteen things that happen to it, some within the same minute."""
    kinds = [kind for kind in KINDS if changes or kind is not Kind.CHANGED]
    minutes = draw(st.lists(st.integers(0, HORIZON), max_size=14))
    # Its id sorts before theirs: what happens in the same instant happens after the opening.
    events = [ComplaintEvent(START, "a-complaint", Kind.OPENED)]
    for number, minute in enumerate(minutes):
        what = draw(st.sampled_from(kinds))
        reason = draw(st.sampled_from(["parts", "customer"])) if what is Kind.PAUSED else ""
        changed = {
            "tier": draw(st.sampled_from(["vip", "common"])),
            "attributes.team": draw(st.sampled_from(TEAMS)),
        }
        for key in draw(st.sets(st.sampled_from(sorted(changed)), max_size=1)):
            del changed[key]
        team = draw(st.sampled_from(TEAMS))
        events.append(
            ComplaintEvent(
                at=START + dt.timedelta(minutes=minute),
                id=f"e{number}",
                what=what,
                reason=reason,
                changes=changed if what is Kind.CHANGED else {},
                team=team if what is Kind.HUMAN_REPLY else "",
            )
        )
    return events


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[dt.datetime, ComplaintEvent]]:
    """A history, each event with when it became known: at once, or up to two days late."""
    known = []
    for event in draw(histories()):
        late = draw(st.one_of(st.just(0), st.integers(0, 2 * 1_440)))
        known.append((event.at + dt.timedelta(minutes=late), event))
    return sorted(known, key=lambda pair: pair[0])


@settings(max_examples=30)
@given(histories(), st.randoms(use_true_random=False))
def test_order_and_duplicates_of_arrival_change_no_clock(
    history: list[ComplaintEvent], chance: random.Random
) -> None:
    """A clock is a function of the facts, as a set."""
    shuffled = history + chance.choices(history, k=3)
    chance.shuffle(shuffled)
    assert evaluate(shuffled, PLAN, CONTEXT, UNTIL) == evaluate(history, PLAN, CONTEXT, UNTIL)


@settings(max_examples=30)
@given(histories())
def test_segments_tile_a_clock_and_sum_to_what_it_used(history: list[ComplaintEvent]) -> None:
    """Every second of a clock has exactly one reason."""
    for explained in explain(history, PLAN, CONTEXT, UNTIL):
        clock, reached, used = explained.clock, explained.clock.started_at, 0.0
        last = max(UNTIL, *(event.at for event in history))
        for segment in explained.segments:
            assert segment.start_at == reached
            assert segment.end_at > reached
            reached = segment.end_at
            used += segment.counted_seconds
        dropped = not clock.is_open or clock.state is ClockState.ENDED
        assert dropped or not explained.segments or reached == last
        assert used == clock.used_seconds


@settings(max_examples=30)
@given(histories())
def test_no_clock_runs_while_paused_or_closed(history: list[ComplaintEvent]) -> None:
    """Counted stretches lie outside every pause that stops them, and inside the calendar."""
    pauses: list[tuple[dt.datetime, dt.datetime, str]] = []
    since: tuple[dt.datetime, str] | None = None
    for event in sorted(history, key=lambda event: (event.at, event.sequence, event.id)):
        ends = event.what in (Kind.RESUMED, Kind.CUSTOMER_MESSAGE, Kind.RESOLVED, Kind.PAUSED)
        if since is not None and ends:
            pauses.append((since[0], event.at, since[1]))
            since = None
        if event.what is Kind.PAUSED:
            since = (event.at, event.reason)
    if since is not None:
        pauses.append((since[0], UNTIL, since[1]))
    resolved = any(event.what is Kind.RESOLVED for event in history)
    for explained in explain(history, PLAN, CONTEXT, UNTIL):
        never = explained.clock.target in (Target.ACKNOWLEDGEMENT, Target.FIRST_RESPONSE)
        for segment in explained.segments:
            if segment.state is not SegmentState.RUNNING:
                assert segment.counted_seconds == 0
                continue
            if segment.calendar == "office":
                assert is_open(OFFICE, to_us(segment.start_at))
                assert is_open(OFFICE, to_us(segment.end_at) - 1)
            if never or resolved:
                continue
            assert not any(
                start < segment.end_at and segment.start_at < end
                for start, end, reason in pauses
                if reason == "parts" or segment.policy == "all"
            )


@settings(max_examples=30)
@given(histories(changes=False))
def test_a_longer_limit_breaks_no_more_and_no_earlier(history: list[ComplaintEvent]) -> None:
    """Monotone: what a strict promise keeps, a loose one keeps too."""
    strict = evaluate(history, PLAN, CONTEXT, UNTIL)
    loose = evaluate(history, LOOSE, CONTEXT, UNTIL)
    for tight, wide in zip(strict, loose, strict=True):
        assert tight.instance == wide.instance
        assert tight.used_seconds == wide.used_seconds
        if wide.breached_at is not None:
            assert tight.breached_at is not None
            assert tight.breached_at <= wide.breached_at


@settings(max_examples=30)
@given(histories())
def test_a_breach_is_where_the_limit_is_reached(history: list[ComplaintEvent]) -> None:
    """Breached clocks used their limit, unbreached ones did not; met ones ended before due."""
    for clock in evaluate(history, PLAN, CONTEXT, UNTIL):
        if clock.state is ClockState.BREACHED:
            assert clock.breached_at == clock.due_at
            assert clock.started_at <= (clock.breached_at or START)
        else:
            assert clock.used_seconds < clock.limit_seconds
        if clock.state is ClockState.MET:
            assert clock.ended_at is not None
            assert clock.due_at is not None
            assert clock.ended_at < clock.due_at


@settings(max_examples=30)
@given(arrivals())
def test_what_was_announced_ends_where_the_clocks_stand(
    known: list[tuple[dt.datetime, ComplaintEvent]],
) -> None:
    """Whatever the order of arrival: in the end exactly the true breaches stand, each told once."""
    desk = Desk(PLAN)
    for arrives, event in known:
        desk.arrive(event, arrives)
    desk.fire(UNTIL + dt.timedelta(days=3))
    clocks = evaluate([event for _, event in known], PLAN, CONTEXT, desk.now)

    assert len({said.key for said in desk.said}) == len(desk.said)
    standing: dict[tuple[Target, str], int] = {}
    recovered = set()
    for said in desk.said:
        name = (said.target, said.instance)
        if said.kind is AlertKind.BREACHED:
            standing[name] = standing.get(name, 0) + 1
        elif said.kind is AlertKind.RETRACTED:
            standing[name] -= 1
            recovered.discard(name)
        elif said.kind is AlertKind.RECOVERED:
            assert standing[name] == 1
            recovered.add(name)
        elif said.kind is AlertKind.ESCALATED:
            assert standing[name] == 1
    breached = {(c.target, c.instance) for c in clocks if c.state is ClockState.BREACHED}
    assert {name for name, count in standing.items() if count} == breached
    closed = {(c.target, c.instance) for c in clocks if not c.is_open}
    assert recovered >= breached & closed


@settings(max_examples=30)
@given(arrivals(), st.lists(st.tuples(st.integers(0, 13), st.integers(0, HORIZON)), max_size=4))
def test_whatever_is_withdrawn_an_open_breach_has_an_open_alert(
    known: list[tuple[dt.datetime, ComplaintEvent]], corrections: list[tuple[int, int]]
) -> None:
    """Corrections take evidence back; no clock stays broken in silence, none is alarmed in vain."""
    desk = Desk(PLAN)
    gone = {f"e{number}": START + dt.timedelta(minutes=minute) for number, minute in corrections}
    steps = [(arrives, 0, event) for arrives, event in known]
    steps += [
        (max(arrives, gone[event.id]), 1, event) for arrives, event in known if event.id in gone
    ]
    for when, step, event in sorted(steps, key=lambda item: (item[0], item[1])):
        if step == 0:
            desk.arrive(event, when)
        else:
            desk.withdraw(event.id, when)
    desk.fire(UNTIL + dt.timedelta(days=3))
    alarmed = set()
    for said in desk.said:
        if said.kind is AlertKind.BREACHED:
            alarmed.add((said.target, said.instance))
        elif said.kind in (AlertKind.RETRACTED, AlertKind.RECOVERED):
            alarmed.discard((said.target, said.instance))
    left = [event for _, event in known if event.id not in gone]
    clocks = evaluate(left, PLAN, CONTEXT, desk.now)
    broken = {
        (c.target, c.instance) for c in clocks if c.state is ClockState.BREACHED and c.is_open
    }
    reopened = any(event.what in (Kind.RESOLVED, Kind.CHANGED) for event in left)
    assert alarmed <= broken
    assert alarmed == broken or reopened


@settings(max_examples=30)
@given(arrivals(), st.lists(st.integers(0, HORIZON), max_size=8))
def test_looking_more_often_says_nothing_more(
    known: list[tuple[dt.datetime, ComplaintEvent]], glances: list[int]
) -> None:
    """Deadlines that fire early, twice or for nothing change no announcement."""
    calm, nervous = Desk(PLAN), Desk(PLAN)
    times = sorted(START + dt.timedelta(minutes=minute) for minute in glances)
    for arrives, event in known:
        calm.arrive(event, arrives)
        for glance in [time for time in times if nervous.now <= time < arrives]:
            nervous.fire(glance)
            nervous.look(glance, fire=True)
        nervous.arrive(event, arrives)
        nervous.look(arrives, fire=False)
    calm.fire(UNTIL)
    nervous.fire(UNTIL)
    assert [(said.key, said.announced_at) for said in nervous.said] == [
        (said.key, said.announced_at) for said in calm.said
    ]


@settings(max_examples=30)
@given(st.integers(0, HORIZON), st.integers(0, 4 * 1_440), st.integers(1, 19))
def test_a_pause_costs_exactly_the_hours_it_covers(begins: int, length: int, limit: int) -> None:
    """The due time moves by the counted time of the pause, over nights, weekends and the change of
    the clocks; a pause of no length moves nothing."""
    plan = Plan(
        parse_policy(
            "{version: 1, timezone: Europe/Berlin, calendars: {office: {hours: {mon-fri:"
            ' ["09:00-12:00", "13:00-17:00"], sat: ["22:00-06:00"]}}}, policies: [{name: all,'
            f" targets: {{total_resolution: {{within: {limit}h, calendar: office}}}}}}]}}"
        )
    )
    since = START + dt.timedelta(minutes=begins)
    until = since + dt.timedelta(minutes=length)
    history = [
        ComplaintEvent(START, "a", Kind.OPENED),
        ComplaintEvent(since, "b", Kind.PAUSED, reason="parts"),
        ComplaintEvent(until, "c", Kind.RESUMED),
    ]
    (clock,) = evaluate(history, plan, CONTEXT, until + dt.timedelta(days=30))
    assert clock.due_at is not None
    due = to_us(clock.due_at)
    stood = OFFICE.between(min(to_us(since), due), min(to_us(until), due))
    assert OFFICE.between(to_us(START), due) - stood == limit * 3_600 * 1_000_000
    if length == 0:
        (calm,) = evaluate(history[:1], plan, CONTEXT, until)
        assert calm.due_at == clock.due_at
