"""What the clocks cost: `pytest benchmarks/test_sla.py`, one core, CPU time.

The hot path calls `announce` for every event of a customer with an open complaint.
"""

import datetime as dt
import time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agents.complaints.sla.announcements import announce
from agents.complaints.sla.calendars import SECOND, WorkingCalendar, to_us
from agents.complaints.sla.clocks import evaluate
from agents.complaints.sla.explaining import explain_complaint
from agents.complaints.sla.judging import Case, judge, replay_case
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from schemas.clock import ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.explanation import ComplaintHistory
from schemas.policy import ComplaintContext

pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=50)

PLAN = Plan(
    parse_policy(
        """
version: 1
timezone: Asia/Shanghai
calendars:
  office: {hours: {mon-fri: ["09:00-12:00", "13:00-18:00"], sat: ["10:00-16:00"]}, holidays: CN}
policies:
  - name: vip
    when: {tier: [vip, major], channel: [phone, chat]}
    targets: {first_response: {within: 1h}}
  - name: all
    targets:
      first_response: {within: 4h, calendar: office}
      next_response: {within: 4h, calendar: office}
      total_resolution: {within: 24h, calendar: office}
"""
    )
)
CONTEXT = ComplaintContext(tier="common", channel="email")
START = dt.datetime(2026, 3, 2, 2, tzinfo=dt.UTC)
NOW = START + dt.timedelta(hours=5)
STORY = [Kind.OPENED, Kind.HUMAN_REPLY, Kind.CUSTOMER_MESSAGE, Kind.PAUSED, Kind.CUSTOMER_MESSAGE]


def _history(count: int) -> list[ComplaintEvent]:
    kinds = STORY + [Kind.HUMAN_REPLY, Kind.CUSTOMER_MESSAGE] * count
    return [
        ComplaintEvent(START + dt.timedelta(hours=number), f"e{number}", kind, reason="x")
        for number, kind in enumerate(kinds[:count])
    ]


def _calendar() -> WorkingCalendar:
    term = PLAN.terms(CONTEXT).by_target[1]
    assert term is not None
    return term.calendar


@pytest.mark.parametrize("events", [5, 50])
def test_announce(benchmark: BenchmarkFixture, events: int) -> None:
    """An event of an open complaint with three targets."""
    history = _history(events)
    benchmark(lambda: announce([], history, PLAN, CONTEXT, NOW, fire=False))


def test_evaluate(benchmark: BenchmarkFixture) -> None:
    """The clocks alone."""
    history = _history(5)
    benchmark(lambda: evaluate(history, PLAN, CONTEXT, NOW))


def test_add_working_time(benchmark: BenchmarkFixture) -> None:
    """Forty hours ahead, over a weekend."""
    calendar, start = _calendar(), to_us(START)
    benchmark(lambda: calendar.add(start, 40 * 3_600 * SECOND))


def test_working_time_between(benchmark: BenchmarkFixture) -> None:
    """Five days."""
    calendar, start = _calendar(), to_us(START)
    benchmark(lambda: calendar.between(start, start + 5 * 86_400 * SECOND))


def test_build_two_years(benchmark: BenchmarkFixture) -> None:
    """What the first question of a zone costs."""
    known = _calendar()
    start = to_us(START)
    benchmark(lambda: WorkingCalendar(known.spec, known.zone).between(start, start + SECOND))


def test_judge_a_history(benchmark: BenchmarkFixture) -> None:
    """What-if: a complaint of eight events under one policy, its calls included."""
    history = tuple(_history(8))
    case = Case(complaint_id="k", context=CONTEXT, history=history)
    until = START + dt.timedelta(days=9)
    benchmark(lambda: judge(case, PLAN, until))


def test_replay_a_history(benchmark: BenchmarkFixture) -> None:
    """The same, deadline by deadline, as late arrivals need it."""
    history = tuple(_history(8))
    case = Case(complaint_id="k", context=CONTEXT, history=history)
    until = START + dt.timedelta(days=9)
    benchmark(lambda: replay_case(case, PLAN, until))


def test_explain(benchmark: BenchmarkFixture) -> None:
    """Every stretch of every clock of eight events."""
    kept = ComplaintHistory(complaint_id="k", customer_id="c", context=CONTEXT, history=_history(8))
    benchmark(lambda: explain_complaint(kept, PLAN, NOW))
