"""What is announced, when, and what is not."""

import datetime as dt

from agents.complaints.sla.announcements import CATCH_UP_REPEATS, announce
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from schemas.clock import ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from tests.agents.complaints.sla.support import CONTEXT, Desk, History, at, plan

LADDER = (
    "{first_response: {within: 1h, warn: [50%],"
    " escalate: [{after: 0m, to: lead}, {after: 30m, to: manager, repeat: 30m}]}}"
)


def desk(targets: str = LADDER) -> Desk:
    """A desk with one policy."""
    return Desk(plan(targets))


def event(when: str, what: Kind, id: str = "", reason: str = "", **changes: str) -> ComplaintEvent:
    """One fact."""
    return ComplaintEvent(
        at=at(when), id=id or what.value, what=what, reason=reason, changes=changes
    )


def arrive(at_desk: Desk, when: str, what: Kind, *, arrives: str = "", id: str = "") -> None:
    """It happens, and is known at once or later."""
    at_desk.arrive(event(when, what, id), at(arrives or when))


def test_a_late_complaint_with_its_answer_in_time_pages_nobody() -> None:
    """Both are read before anything due is announced."""
    late = desk()
    arrive(late, "2026-03-02 09:00", Kind.OPENED, arrives="2026-03-02 12:00")
    assert late.wake == at("2026-03-02 10:00"), "something is due and waits to be read through"
    arrive(late, "2026-03-02 09:30", Kind.HUMAN_REPLY, arrives="2026-03-02 12:00")
    late.fire(at("2026-03-02 13:00"))
    assert late.said == []


def test_a_breach_learned_late_is_told_when_it_is_learned_and_when_it_was() -> None:
    """`at` is the instant it became true, `announced_at` when it was said."""
    late = desk()
    arrive(late, "2026-03-02 09:00", Kind.OPENED, arrives="2026-03-02 12:00")
    late.fire(at("2026-03-02 12:00"))
    assert late.lines() == [
        ("03-02 12:00", "breached", ""),
        ("03-02 12:00", "escalated", "lead"),
        *(("03-02 12:00", "escalated", f"manager#{count}") for count in range(1, 5)),
    ]
    assert [f"{said.at:%H:%M}" for said in late.said[:3]] == ["09:00", "09:00", "09:30"]


def test_two_weeks_of_missed_repeats_are_not_672_calls() -> None:
    """Only the newest are told, under their own numbers."""
    late = desk()
    arrive(late, "2026-03-02 09:00", Kind.OPENED, arrives="2026-03-16 10:00")
    late.fire(at("2026-03-16 10:00"))
    steps = [said.step for said in late.said if said.to == "manager"]
    assert len(steps) == CATCH_UP_REPEATS
    assert steps[-1] == "manager#672"


def test_an_answer_at_the_instant_of_a_deadline_is_read_first() -> None:
    """At 10:00 both: broken and recovered, and nobody is called."""
    punctual = desk()
    arrive(punctual, "2026-03-02 09:00", Kind.OPENED)
    arrive(punctual, "2026-03-02 10:00", Kind.HUMAN_REPLY)
    punctual.fire(at("2026-03-02 12:00"))
    assert [line[1] for line in punctual.lines()] == ["warned", "breached", "recovered"]


def test_a_retracted_breach_that_comes_true_after_all_is_news_again() -> None:
    """A late pause moves the due time: told at 10:00, taken back at 10:20, true at 10:30."""
    paused = desk("{total_resolution: {within: 1h, warn: [], escalate: [{after: 0m, to: lead}]}}")
    arrive(paused, "2026-03-02 09:00", Kind.OPENED)
    paused.arrive(event("2026-03-02 09:15", Kind.PAUSED, reason="x"), at("2026-03-02 10:20"))
    paused.arrive(event("2026-03-02 09:45", Kind.RESUMED), at("2026-03-02 10:20"))
    paused.fire(at("2026-03-02 11:00"))
    assert paused.lines() == [
        ("03-02 10:00", "breached", ""),
        ("03-02 10:00", "escalated", "lead"),
        ("03-02 10:20", "retracted", ""),
        ("03-02 10:30", "breached", ""),
        ("03-02 10:30", "escalated", "lead"),
    ]
    assert len({said.key for said in paused.said}) == 5


def test_a_breach_whose_time_moves_is_not_told_twice() -> None:
    """It was broken at 10:00, it was broken at 10:10: one breach."""
    moved = desk("{total_resolution: {within: 1h, warn: []}}")
    arrive(moved, "2026-03-02 09:00", Kind.OPENED)
    moved.arrive(event("2026-03-02 09:15", Kind.RESUMED), at("2026-03-02 10:20"))
    moved.arrive(event("2026-03-02 09:05", Kind.PAUSED, reason="x"), at("2026-03-02 10:20"))
    moved.fire(at("2026-03-02 11:00"))
    assert [line[1] for line in moved.lines()] == ["breached"]


def test_a_late_answer_in_time_takes_back_even_what_had_recovered() -> None:
    """The second reply is older than the first: the breach never was."""
    late = desk("{first_response: {within: 1h, warn: []}}")
    arrive(late, "2026-03-02 09:00", Kind.OPENED)
    arrive(late, "2026-03-02 11:00", Kind.HUMAN_REPLY, id="second")
    arrive(late, "2026-03-02 09:30", Kind.HUMAN_REPLY, id="first", arrives="2026-03-02 12:00")
    assert [line[1] for line in late.lines()] == ["breached", "recovered", "retracted"]


def test_an_answer_that_is_withdrawn_raises_the_alarm_again() -> None:
    """The reply turns out to be a private note: nobody has answered yet."""
    wrong = desk("{first_response: {within: 1h, warn: []}}")
    arrive(wrong, "2026-03-02 09:00", Kind.OPENED)
    arrive(wrong, "2026-03-02 11:00", Kind.HUMAN_REPLY, id="note")
    wrong.withdraw("note", at("2026-03-02 11:30"))
    wrong.fire(at("2026-03-02 12:00"))
    assert wrong.lines() == [
        ("03-02 10:00", "breached", ""),
        ("03-02 11:00", "recovered", ""),
        ("03-02 11:30", "breached", ""),
    ]


def test_reopening_does_not_page_for_the_old_breach() -> None:
    """osTicket#5955: a reopened complaint past due is known to be past due."""
    again = desk("{total_resolution: {within: 1h, warn: [], escalate: [{after: 3h, to: lead}]}}")
    arrive(again, "2026-03-02 09:00", Kind.OPENED)
    arrive(again, "2026-03-02 11:00", Kind.RESOLVED)
    arrive(again, "2026-03-03 11:00", Kind.REOPENED)
    again.fire(at("2026-03-05 09:00"))
    assert [line[1] for line in again.lines()] == ["breached", "recovered"]


def test_an_acknowledgement_before_the_breach_does_not_silence_it() -> None:
    """Who took note at nine has not taken over what breaks at ten."""
    early = desk()
    arrive(early, "2026-03-02 09:00", Kind.OPENED)
    arrive(early, "2026-03-02 09:10", Kind.ACKNOWLEDGED)
    early.fire(at("2026-03-02 10:45"))
    assert [line[2] for line in early.lines()] == ["50%", "", "lead", "manager#1"]


def test_an_acknowledgement_stops_the_ladder_from_its_own_instant_on() -> None:
    """At 11:00 sharp somebody takes over: the call of 11:00 is not made, nor waited for."""
    taken = desk()
    arrive(taken, "2026-03-02 09:00", Kind.OPENED)
    arrive(taken, "2026-03-02 11:00", Kind.ACKNOWLEDGED)
    taken.fire(at("2026-03-02 15:00"))
    assert [line[2] for line in taken.lines()] == ["50%", "", "lead", "manager#1"]
    assert taken.wake is None


def test_who_has_taken_over_is_not_called_for_what_was_missed_before() -> None:
    """The policy gives the breach a steeper ladder two hours after somebody acknowledged it."""
    taken = desk("{first_response: {within: 1h, warn: [], escalate: [{after: 1h, to: lead}]}}")
    arrive(taken, "2026-03-02 09:00", Kind.OPENED)
    arrive(taken, "2026-03-02 11:30", Kind.ACKNOWLEDGED)
    taken.plan = plan(LADDER.replace("50%", ""))
    arrive(taken, "2026-03-02 13:30", Kind.CUSTOMER_MESSAGE)
    taken.fire(at("2026-03-02 15:00"))
    assert taken.lines() == [("03-02 10:00", "breached", ""), ("03-02 11:00", "escalated", "lead")]
    assert taken.wake is None


def test_a_late_breach_that_somebody_has_taken_over_calls_nobody() -> None:
    """Broken at 10:00, taken over at 11:30, learned of at 12:00: told, but nobody is called."""
    late = desk()
    arrive(late, "2026-03-02 09:00", Kind.OPENED, arrives="2026-03-02 12:00")
    arrive(late, "2026-03-02 11:30", Kind.ACKNOWLEDGED, arrives="2026-03-02 12:00")
    late.fire(at("2026-03-02 15:00"))
    assert [line[1] for line in late.lines()] == ["breached"]


def test_a_breach_that_moves_ahead_of_us_is_taken_back_until_then() -> None:
    """A late pause moves 10:00 to 10:30; a channel whose clock runs fast already said 10:35."""
    moved = desk("{total_resolution: {within: 1h, warn: []}}")
    arrive(moved, "2026-03-02 09:00", Kind.OPENED)
    arrive(moved, "2026-03-02 10:35", Kind.BOT_REPLY, arrives="2026-03-02 10:15")
    moved.arrive(event("2026-03-02 09:15", Kind.PAUSED, reason="x"), at("2026-03-02 10:20"))
    moved.arrive(event("2026-03-02 09:45", Kind.RESUMED), at("2026-03-02 10:20"))
    moved.fire(at("2026-03-02 11:00"))
    assert moved.lines() == [
        ("03-02 10:00", "breached", ""),
        ("03-02 10:20", "retracted", ""),
        ("03-02 10:30", "breached", ""),
    ]


def test_a_warning_that_a_change_makes_due_is_due_at_the_change() -> None:
    """Half of the new limit was used at ten, but nobody had promised it before eleven."""
    raised = Desk(
        Plan(
            parse_policy(
                "{version: 1, policies: ["
                "{name: vip, when: {tier: [vip]}, targets: {total_resolution: {within: 4h}}},"
                "{name: all, targets: {total_resolution: {within: 24h}}}]}"
            )
        )
    )
    arrive(raised, "2026-03-02 08:00", Kind.OPENED)
    raised.arrive(event("2026-03-02 11:00", Kind.CHANGED, tier="vip"), at("2026-03-02 11:00"))
    raised.fire(at("2026-03-02 11:00"))
    (warning,) = raised.said
    assert (warning.step, warning.at) == ("50%", at("2026-03-02 11:00"))


def test_no_warning_for_what_is_already_broken_or_over() -> None:
    """A warning looks ahead or is worth nothing."""
    late = desk()
    arrive(late, "2026-03-02 09:00", Kind.OPENED, arrives="2026-03-02 10:30")
    late.fire(at("2026-03-02 10:30"))
    assert "warned" not in [line[1] for line in late.lines()]
    over = desk()
    arrive(over, "2026-03-02 09:00", Kind.OPENED)
    arrive(over, "2026-03-02 09:10", Kind.HUMAN_REPLY)
    over.fire(at("2026-03-02 12:00"))
    assert over.said == []
    assert over.wake is None


def test_a_missed_warning_is_still_given_while_it_helps() -> None:
    """Learned at 09:40, half an hour was used at 09:30, the promise still stands."""
    late = desk()
    arrive(late, "2026-03-02 09:00", Kind.OPENED, arrives="2026-03-02 09:40")
    late.fire(at("2026-03-02 09:40"))
    (warning,) = late.said
    assert (warning.at, warning.announced_at) == (at("2026-03-02 09:30"), at("2026-03-02 09:40"))


def test_a_wait_that_late_evidence_moves_is_taken_back_and_told_anew() -> None:
    """The older message turns up: its wait is another clock, the one told never was."""
    waits = desk("{next_response: {within: 1h, warn: []}}")
    arrive(waits, "2026-03-02 08:00", Kind.OPENED)
    arrive(waits, "2026-03-02 08:30", Kind.HUMAN_REPLY)
    arrive(waits, "2026-03-02 10:00", Kind.CUSTOMER_MESSAGE, id="newer")
    arrive(waits, "2026-03-02 09:30", Kind.CUSTOMER_MESSAGE, id="older", arrives="2026-03-02 12:00")
    waits.fire(at("2026-03-02 12:00"))
    assert [(said.kind.value, said.instance) for said in waits.said] == [
        ("breached", "newer"),
        ("retracted", "newer"),
        ("breached", "older"),
    ]


def test_a_merge_resolves_what_was_announced_and_undoing_it_raises_it_again() -> None:
    """Nobody is paged twice for one matter; nothing is lost by a mistaken merge."""
    joined = desk("{first_response: {within: 1h, warn: []}}")
    arrive(joined, "2026-03-02 09:00", Kind.OPENED)
    arrive(joined, "2026-03-02 10:30", Kind.MERGED)
    joined.fire(at("2026-03-02 12:00"))
    assert [line[1] for line in joined.lines()] == ["breached", "recovered"]
    joined.withdraw("merged", at("2026-03-02 12:30"))
    joined.fire(at("2026-03-02 13:00"))
    assert joined.lines()[2:] == [("03-02 12:30", "breached", "")]


def test_one_instant_lists_its_news_by_kind_and_then_by_target() -> None:
    """warned, breached, escalated, recovered; then the table of targets."""
    many = desk(
        "{update: {every: 2h, warn: [50%]},"
        " first_response: {within: 1h, warn: [], escalate: [{after: 0m, to: lead}]},"
        " acknowledgement: {within: 1h, warn: []}}"
    )
    arrive(many, "2026-03-02 09:00", Kind.OPENED)
    many.fire(at("2026-03-02 10:00"))
    assert [(said.kind.value, said.target.value) for said in many.said] == [
        ("warned", "update"),
        ("breached", "acknowledgement"),
        ("breached", "first_response"),
        ("escalated", "first_response"),
    ]


def test_the_same_person_can_be_called_twice_by_one_ladder() -> None:
    """Two steps to the same name are two steps, whatever they are called."""
    twice = desk(
        "{first_response: {within: 1h, warn: [],"
        " escalate: [{after: 0m, to: lead}, {after: 1h, to: lead}]}}"
    )
    arrive(twice, "2026-03-02 09:00", Kind.OPENED)
    twice.fire(at("2026-03-02 12:00"))
    assert [(said.step, said.to) for said in twice.said[1:]] == [
        ("lead", "lead"),
        ("lead (2)", "lead"),
    ]


def test_a_paused_clock_wakes_nobody() -> None:
    """While it stands nothing can become due, so nothing is waited for."""
    paused = desk("{total_resolution: {within: 1h}}")
    arrive(paused, "2026-03-02 09:00", Kind.OPENED)
    paused.arrive(event("2026-03-02 09:10", Kind.PAUSED, reason="x"), at("2026-03-02 09:10"))
    assert paused.wake is None


def test_an_event_from_the_near_future_announces_nothing_ahead_of_its_time() -> None:
    """A channel's clock runs ten minutes fast: what it says is known, not yet due."""
    fast = desk("{first_response: {within: 1h, warn: [50%]}}")
    arrive(fast, "2026-03-02 09:00", Kind.OPENED)
    arrive(fast, "2026-03-02 09:35", Kind.CUSTOMER_MESSAGE, arrives="2026-03-02 09:25")
    fast.look(at("2026-03-02 09:29"), fire=True)
    assert fast.said == []
    fast.fire(at("2026-03-02 09:30"))
    assert fast.lines() == [("03-02 09:30", "warned", "50%")]


def test_the_memory_of_a_quiet_complaint_is_empty() -> None:
    """What was never announced costs the customer's row nothing."""
    history = History().add("2026-03-02 09:00", Kind.OPENED)
    outcome = announce([], history, plan(LADDER), CONTEXT, at("2026-03-02 09:00"), fire=False)
    assert outcome.announced == []
    assert outcome.wake_at == at("2026-03-02 09:30")
    assert outcome.wake_at - at("2026-03-02 09:00") == dt.timedelta(minutes=30)
