"""Looking back finds what a replay finds, call by call, or leaves it to the replay."""

import datetime as dt
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.complaints.sla.calendars import to_us
from agents.complaints.sla.clocks import promised
from agents.complaints.sla.fold import in_order
from agents.complaints.sla.hindsight import look_back
from agents.complaints.sla.judging import (
    Case,
    Judged,
    Verdict,
    judge,
    judge_all,
    replay_case,
    verdicts_of,
)
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from agents.complaints.sla.sameness import alike
from schemas.alert import AlertKind
from schemas.clock import Clock, ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.policy import ComplaintContext
from tests.agents.complaints.sla.support import at, plan

START = at("2026-03-06 11:00")
LADDER = "escalate: [{after: 0m, to: lead}, {after: 20m, to: manager, repeat: 90m}]"
PLAN = plan(
    f"""{{acknowledgement: {{within: 30m, warn: [50%, -10m]}},
        first_response: {{within: 2h, calendar: office, {LADDER}}},
        next_response: {{within: 1h, calendar: office, warn: [80%]}},
        update: {{every: 4h}},
        first_resolution: {{within: 2wd, calendar: office}},
        total_resolution: {{within: 8h, calendar: office, pause_while: [x], {LADDER}}},
        hand_over: {{within: 90m, {LADDER}, teams: [{{to: x, within: 3h, calendar: office}}]}}}}""",
    """{office: {hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}}}""",
)
CHANGING = Plan(
    parse_policy(
        f"""{{version: 1, timezone: Europe/Berlin,
        calendars: {{office: {{hours: {{mon-fri: ["09:00-12:00", "13:00-18:00"]}}}}}}, policies: [
        {{name: y, when: {{attributes: {{team: y}}}}, targets: {{
          first_response: {{within: 90m, warn: [50%, 80%], {LADDER}}},
          next_response: {{within: 3h}},
          update: {{every: 1wd, calendar: office, warn: [-10m]}},
          total_resolution: {{within: 5h, {LADDER}}}}}}},
        {{name: rest, targets: {{
          acknowledgement: {{within: 3h}},
          first_response: {{within: 3h, calendar: office}},
          next_response: {{within: 1h, calendar: office}},
          update: {{every: 4h}},
          total_resolution: {{within: 2wd, calendar: office, warn: [20%, 80%]}},
          hand_over: {{within: 90m}}}}}}]}}"""
    )
)
KINDS = [kind for kind in Kind if kind is not Kind.OPENED]


def two_groups(vip: str, rest: str, closes: str = "18:00", top: str = "") -> Plan:
    """One policy for vip customers, one for the rest who count by the hours of the office."""
    return Plan(
        parse_policy(
            f"""{{version: 1, timezone: Europe/Berlin, {top}
            calendars: {{office: {{hours: {{mon-fri: ["09:00-{closes}"]}}}}}}, policies: [
            {{name: vip, when: {{tier: vip}}, targets: {{first_response: {{within: {vip}}},
              next_response: {{within: 1h}}}}}},
            {{name: rest, targets: {{first_response: {{within: {rest}, calendar: office, {LADDER}}},
              next_response: {{within: 90m, calendar: office}}}}}}]}}"""
        )
    )


FILES = [
    two_groups("1h", "4h"),
    two_groups("30m", "4h"),
    two_groups("1h", "4h", closes="19:00"),
    two_groups("1h", "4h", top="tiers: {map: {gold: vip}},"),
]
# Whole hours coincide with deadlines, odd seconds do not.
AFTER = st.one_of(st.integers(0, 60).map(lambda hours: hours * 3_600), st.integers(0, 400_000))
EVENTS = st.lists(st.tuples(AFTER, st.sampled_from(KINDS), st.sampled_from("xy")), max_size=10)


def case(happened: list[tuple[int, Kind, str]]) -> Case:
    """A complaint and what happened so many seconds after it was opened."""
    events = [
        ComplaintEvent(
            START + dt.timedelta(seconds=after),
            f"e{number}",
            kind,
            reason=reason,
            changes={"attributes.team": reason} if kind is Kind.CHANGED else {},
        )
        for number, (after, kind, reason) in enumerate(happened)
    ]
    opened = ComplaintEvent(START, "first", Kind.OPENED)
    return Case(complaint_id="k", context=ComplaintContext(), history=(opened, *events))


@settings(max_examples=200, deadline=None)
@given(EVENTS, AFTER, st.sampled_from([PLAN, CHANGING]))
def test_looking_back_equals_the_replay(
    happened: list[tuple[int, Kind, str]], until: int, of: Plan
) -> None:
    """The same clocks, and the same calls at the same instants, whichever policy takes over."""
    history, end = case(happened), START + dt.timedelta(seconds=until)
    clocks, announced = replay_case(history, of, end)
    judged = judge(history, of, end)
    assert [_said(verdict) for verdict in judged.verdicts()] == [_said(clock) for clock in clocks]
    kinds = (AlertKind.WARNED, AlertKind.BREACHED, AlertKind.ESCALATED)
    said = Counter(
        (to_us(call.announced_at), call.kind) for call in announced if call.kind in kinds
    )
    assert _calls(judged) == said


def test_plain_histories_need_no_replay() -> None:
    """The quick way is taken, not only correct: silence, an answer, a pause, a reopening."""
    happened = [
        (3_601, Kind.HUMAN_REPLY, ""),
        (7_205, Kind.PAUSED, "x"),
        (9_007, Kind.RESOLVED, ""),
        (90_011, Kind.CUSTOMER_MESSAGE, ""),
    ]
    until = START + dt.timedelta(days=9)
    found = look_back(in_order(case(happened).history), PLAN, ComplaintContext(), to_us(until))
    assert found is not None
    life, calls, policy = found
    assert policy == "all"
    assert promised(life)[0].target == "acknowledgement"
    assert {one.kind for one in calls} == {
        AlertKind.WARNED, AlertKind.BREACHED, AlertKind.ESCALATED
    }  # fmt: skip


def test_a_change_of_policy_needs_no_replay() -> None:
    """Warnings of both policies and the breach by the second; a ladder that takes over a breach is
    left to the replay."""
    until = to_us(START + dt.timedelta(days=2))
    soon, late = ([(seconds, Kind.CHANGED, "y")] for seconds in (3_601, 90_011))
    events = in_order(case(soon).history)
    found = look_back(events, CHANGING, ComplaintContext(), until)
    assert found is not None
    _, calls, policy = found
    assert policy is None
    assert [one.times for one in calls if one.kind is AlertKind.ESCALATED] == [1, 31, 1, 29]
    assert look_back(in_order(case(late).history), CHANGING, ComplaintContext(), until) is None


@settings(max_examples=60)
@given(st.lists(st.tuples(EVENTS, st.sampled_from(["vip", "", "gold"])), max_size=4), AFTER)
def test_policies_judged_together_judge_as_each_alone(
    happened: list[tuple[list[tuple[int, Kind, str]], str]], until: int
) -> None:
    """What two files say alike is judged once, and every verdict is that of the plain replay."""
    end = START + dt.timedelta(seconds=until)
    cases = [
        replace(case(events), complaint_id=str(number), context=ComplaintContext(tier=tier))
        for number, (events, tier) in enumerate(happened)
    ]
    together = list(judge_all(cases, FILES, end))
    for number, one in enumerate(FILES):
        mine = [judged[number] for judged in together]
        verdicts = [verdict for judged in mine for verdict in judged.verdicts()]
        assert verdicts == list(verdicts_of(cases, one, end))
        assert [_calls(judged) for judged in mine] == [
            _calls(judge(each, one, end)) for each in cases
        ]
        clocks = [clock for each in cases for clock in replay_case(each, one, end)[0]]
        assert [_said(verdict) for verdict in verdicts] == [_said(clock) for clock in clocks]


def _calls(judged: Judged) -> Counter[tuple[int, AlertKind]]:
    return Counter((at, one.kind) for one in judged.calls for at in one.instants())


def _said(one: Clock | Verdict) -> tuple[object, ...]:
    return (one.target, one.instance, one.state, one.started_at, one.due_at, one.ended_at,
            one.breached_at, one.used_seconds, one.policy)  # fmt: skip


def test_what_makes_two_files_judge_alike() -> None:
    """The same policy in both; no hours, words, zone or conditions that differ."""
    strict, later, worded = FILES[1:]
    assert alike(FILES[0], FILES[0]) == {"vip", "rest"}
    assert alike(FILES[0], strict) == {"rest"}
    assert alike(FILES[0], later) == {"vip"}
    assert alike(FILES[0], worded) == frozenset()
