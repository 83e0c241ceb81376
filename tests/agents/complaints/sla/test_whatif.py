"""Another policy over the same histories."""

import datetime as dt
import io
from collections import Counter
from zoneinfo import ZoneInfo

import msgspec
import pytest
from rich.console import Console

from agents.complaints.sla.clocks import evaluate, explain
from agents.complaints.sla.drawing import draw_explanation, draw_suggestions
from agents.complaints.sla.figures import Figures, quantile_of
from agents.complaints.sla.judging import (
    Case,
    Verdict,
    judge_all,
    read_cases,
    replay_case,
    verdicts_of,
)
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.suggest import satisfaction_by_wait, suggest
from agents.complaints.sla.whatif import Comparison, what_if
from schemas.clock import ClockState
from schemas.clock import ComplaintEventKind as Kind
from schemas.policy import ComplaintContext, Target
from tests.agents.complaints.sla.support import BERLIN, History, at, opened, plan

UTC = ZoneInfo("UTC")
UNTIL = at("2026-04-02 09:00")
DAY = plan("{first_response: {within: 24h, warn: [50%], escalate: [{after: 0m, to: lead}]}}")
HOUR = plan("{first_response: {within: 1h, warn: [50%], escalate: [{after: 0m, to: lead}]}}")


def case(name: str, history: History, channel: str = "email", csat: int | None = None) -> Case:
    """A complaint as it happened."""
    return Case(
        complaint_id=name,
        context=ComplaintContext(channel=channel, tier="vip", region="CN"),
        history=tuple(history),
        csat=csat,
    )


def answered(minutes: int, when: str = "2026-03-02 09:00") -> History:
    """A complaint somebody answered after so many minutes."""
    history = opened(when)
    reply = at(when) + dt.timedelta(minutes=minutes)
    return history.add(reply.isoformat(), Kind.HUMAN_REPLY)


CASES = [
    case("quick", answered(30), csat=5),
    case("slow", answered(600), "phone", csat=2),
    case("slower", answered(2_000, "2026-03-31 23:30"), csat=1),
    case("never", opened("2026-03-05 09:00")),
]


def run(of: Plan = DAY, cases: list[Case] | None = None, zone: ZoneInfo = BERLIN) -> Figures:
    """All cases under one policy."""
    return what_if(judge_all(cases or CASES, [of], UNTIL), ["one"], UNTIL, zone)[0][0]


def compare(*plans: Plan) -> Comparison:
    """All cases under two policies."""
    judged = judge_all(CASES, plans, UNTIL)
    return what_if(judged, ["first", "second"], UNTIL, BERLIN)[1][0]


def verdicts(of: Plan, cases: list[Case]) -> list[Verdict]:
    """What became of every clock."""
    return list(verdicts_of(cases, of, UNTIL))


def test_a_replay_ends_where_the_clocks_are_evaluated() -> None:
    """The same steps as production: a replay is nothing but them."""
    for one in CASES:
        clocks, _ = replay_case(one, DAY, UNTIL)
        assert clocks == evaluate(one.history, DAY, one.context, UNTIL)


def test_verdicts_are_counted_by_any_dimension() -> None:
    """Met, breached and open; the month is that of the start, in the company's zone."""
    by_target = run().tally("target")
    assert by_target.keys() == {("first_response",)}
    row = by_target[("first_response",)]
    assert (row.met, row.breached, row.open) == (2, 2, 0)
    assert row.kept_ratio == 0.5
    assert run().tally("channel", "month").keys() == {("email", "2026-03"), ("phone", "2026-03")}
    in_utc = run(cases=[case("late", answered(5, "2026-04-01 00:30"))], zone=UTC)
    assert in_utc.tally("month").keys() == {("2026-03",)}
    with pytest.raises(ValueError, match="no dimension 'owner'"):
        run().tally("owner")


def test_what_changes_between_two_policies_is_named_one_by_one() -> None:
    """Newly and no longer breached, with when it was due under both for the drill-down."""
    there = compare(DAY, HOUR)
    (change,) = there.newly_breached()
    assert (change.complaint_id, change.target) == ("slow", "first_response")
    assert change.due_at == at("2026-03-02 10:00")
    assert change.other_due_at == at("2026-03-03 09:00")
    assert there.no_longer_breached() == []
    back = compare(HOUR, DAY)
    assert back.newly_breached() == []
    assert back.no_longer_breached() == [change]


def test_a_promise_only_one_policy_makes_is_compared_with_nothing() -> None:
    """A breach of what nobody promised before is new."""
    more = plan("{first_response: {within: 24h}, update: {every: 1h}}")
    found = compare(DAY, more).newly_breached()
    assert {change.target for change in found} == {Target.UPDATE}
    assert all(change.other_due_at is None for change in found)
    starts = [change.started_at for change in found]
    assert starts == sorted(starts, reverse=True)


def test_lateness_counts_from_the_breach_and_open_ones_up_to_now() -> None:
    """Quantiles over all breaches; nobody is left out for being unanswered."""
    late = run().lateness()
    assert (late.count, late.still_open) == (2, 1)
    assert late.quantiles[0.5] == (2_000 - 1_440) * 60
    assert late.longest_seconds == (UNTIL - at("2026-03-06 09:00")).total_seconds()
    assert run().late_counts((0, 600 * 60)) == [1, 1]
    assert run(cases=[CASES[0]]).lateness().quantiles == {}


def test_the_load_on_call_is_counted_by_the_hour() -> None:
    """Breaches and escalations page; warnings are counted apart.

    `quick` was answered at the very instant of its warning, so it has none.
    """
    load = run(HOUR).on_call()
    assert (load.pages, load.warnings) == (6, 3)
    assert load.busiest_hour == at("2026-03-02 10:00")
    assert load.busiest_hour_pages == 2
    assert load.by_hour_of_day[10] == 4
    assert sum(load.by_hour_of_day) == load.pages
    assert load.pages_an_hour == load.pages / load.hours


@pytest.mark.parametrize("repeat", ["30m", "40m"])
def test_a_ladder_nobody_stops_is_counted_by_the_hour(repeat: str) -> None:
    """Call by call as the replay makes them, whether or not they keep to quarters of an hour."""
    ladder = f"escalate: [{{after: 7m, to: lead, repeat: {repeat}}}]"
    of = plan(f"{{first_response: {{within: 1h, warn: [], {ladder}}}}}")
    _, announced = replay_case(CASES[3], of, UNTIL)
    hours = Counter(said.announced_at.astimezone(BERLIN).hour for said in announced)
    load = run(of, [CASES[3]]).on_call()
    assert load.by_hour_of_day == tuple(hours[hour] for hour in range(24))
    assert load.pages > 500


def test_what_arrived_late_is_announced_late_and_judged_alike() -> None:
    """A reply the mail gateway held back: a page that was taken back, and a promise kept."""
    history = answered(30)
    late = msgspec.structs.replace(case("late", history), arrivals={"e1": at("2026-03-02 11:00")})
    clocks, announced = replay_case(late, HOUR, UNTIL)
    assert [clock.state for clock in clocks] == [ClockState.MET]
    assert [said.kind.value for said in announced] == [
        "warned", "breached", "escalated", "retracted",
    ]  # fmt: skip


def test_cases_are_json_lines_and_a_bad_one_is_named() -> None:
    """What is written is what is read; the line of a mistake is told."""
    lines = [msgspec.json.encode(one) for one in CASES]
    assert list(read_cases(lines)) == CASES
    with pytest.raises(ValueError, match="line 2 is no complaint history"):
        list(read_cases([lines[0], b'{"complaint_id": 5}']))


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.75, 3), (0.76, 4), (0.99, 4)])
def test_a_quantile_is_a_value_that_occurred(share: float, expected: float) -> None:
    """The smallest that at least the share does not exceed."""
    assert quantile_of([1, 2, 3, 4], share) == expected


def _drawn(thing: object) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(thing)
    return console.export_text()


def test_an_explanation_is_drawn_to_scale() -> None:
    """Headline, bar, due mark and a line for each stretch with its cause."""
    office = plan(
        "{total_resolution: {within: 8h, calendar: office}}",
        "{office: {hours: {mon-fri: ['09:00-17:00']}}}",
    )
    history = opened("2026-03-02 15:00").add("2026-03-02 16:00", Kind.PAUSED, reason="parts")
    history.add("2026-03-03 09:00", Kind.RESUMED)
    (explained,) = explain(history, office, ComplaintContext(), at("2026-03-04 15:00"))
    text = _drawn(draw_explanation(explained, BERLIN))
    assert "total_resolution  breached  used 15h of 8h" in text
    assert "▲ due" in text
    bar = next(line for line in text.splitlines() if line.startswith("█"))
    assert set(bar.strip()) == {"█", "▒", "·"}
    assert "e1 (parts)" in text


def test_suggestions_and_scores_are_drawn_with_their_uncertainty() -> None:
    """Nobody should read a limit without its interval."""
    many = [case(f"c{n}", answered(10 * n), csat=5 - n // 20) for n in range(1, 81)]
    day = verdicts(DAY, many)
    text = _drawn(
        draw_suggestions(suggest(day, "channel"), satisfaction_by_wait(day, many), ["channel"])
    )
    assert "first_response" in text
    assert "95% between" in text
    assert "email" in text
