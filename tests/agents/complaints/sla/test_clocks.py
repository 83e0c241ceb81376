"""The table of targets, line by line: what starts, pauses and ends each clock."""

import datetime as dt

import pytest

from agents.complaints.sla.clocks import evaluate, explain
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from schemas.clock import Clock, ClockState, SegmentState
from schemas.clock import ComplaintEventKind as Kind
from schemas.policy import ComplaintContext, Target
from tests.agents.complaints.sla.support import CONTEXT, History, at, opened, plan, shown

OFFICE = "{office: {hours: {mon-fri: ['09:00-17:00']}}}"
ALL = plan(
    "{acknowledgement: {within: 1h}, first_response: {within: 2h}, next_response: {within: 2h},"
    " update: {every: 4h}, first_resolution: {within: 8h}, total_resolution: {within: 8h}}"
)


def clocks(history: History, until: str, of: Plan = ALL) -> list[Clock]:
    """The clocks at `until`."""
    return evaluate(history, of, CONTEXT, at(until))


def only(history: History, until: str, target: Target, of: Plan = ALL) -> list[Clock]:
    """The clocks of one target."""
    return [clock for clock in clocks(history, until, of) if clock.target is target]


def test_a_complaint_starts_what_was_promised_and_nothing_else() -> None:
    """next_response waits for a message, hand_over for a team; what is not promised has no
    clock."""
    targets = [clock.target for clock in clocks(opened(), "2026-03-02 09:30")]
    waiting = (Target.NEXT_RESPONSE, Target.HAND_OVER)
    assert targets == [target for target in Target if target not in waiting]
    one = plan("{first_response: {within: 2h}}")
    assert len(clocks(opened(), "2026-03-02 09:30", one)) == 1


def test_known_events_are_never_ignored() -> None:
    """Asked about ten with an event of noon in hand, the clocks stand where they stand at noon."""
    history = opened().add("2026-03-02 12:00", Kind.CUSTOMER_MESSAGE)
    assert clocks(history, "2026-03-02 10:00") == clocks(history, "2026-03-02 12:00")


def test_without_a_complaint_there_is_no_clock() -> None:
    """Messages before the opening belong to no promise."""
    history = History().add("2026-03-02 09:00", Kind.CUSTOMER_MESSAGE)
    history.add("2026-03-02 09:10", Kind.HUMAN_REPLY)
    assert clocks(history, "2026-03-02 10:00") == []
    assert clocks(History(), "2026-03-02 10:00") == []
    history.add("2026-03-02 09:30", Kind.OPENED)
    (first,) = only(history, "2026-03-02 10:00", Target.FIRST_RESPONSE)
    assert first.state is ClockState.RUNNING


@pytest.mark.parametrize("what", [Kind.ACKNOWLEDGED, Kind.HUMAN_REPLY, Kind.RESOLVED])
def test_acknowledgement_ends_with_a_word_of_anybody_human(what: Kind) -> None:
    """The command, a public message or answered call, or the end of the matter."""
    history = opened().add("2026-03-02 09:40", what)
    (clock,) = only(history, "2026-03-02 12:00", Target.ACKNOWLEDGEMENT)
    assert (clock.state, clock.used_seconds) == (ClockState.MET, 2_400)


@pytest.mark.parametrize("what", [Kind.BOT_REPLY, Kind.CUSTOMER_MESSAGE, Kind.PAUSED])
def test_acknowledgement_does_not_end_with_less(what: Kind) -> None:
    """A bot acknowledges nothing, and no pause stops this clock."""
    history = opened().add("2026-03-02 09:40", what)
    (clock,) = only(history, "2026-03-02 12:00", Target.ACKNOWLEDGEMENT)
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, at("2026-03-02 10:00"))


def test_a_bot_answers_first_only_where_the_policy_says_so() -> None:
    """`bot_replies_count` is a promise's own decision (hackclub/slacker#135, cerb#535)."""
    history = opened().add("2026-03-02 09:10", Kind.BOT_REPLY)
    counting = Plan(
        parse_policy(
            "{version: 1, policies: [{name: all, bot_replies_count: true,"
            " targets: {acknowledgement: {within: 1h}, first_response: {within: 2h}}}]}"
        )
    )
    (human,) = only(history, "2026-03-02 09:30", Target.FIRST_RESPONSE)
    acknowledgement, bot = clocks(history, "2026-03-02 09:30", counting)
    assert (human.state, bot.state) == (ClockState.RUNNING, ClockState.MET)
    assert acknowledgement.state is ClockState.RUNNING


def test_a_reply_after_the_due_time_is_a_breach_that_has_ended() -> None:
    """The verdict comes from the times of the events, not from when anybody looked."""
    history = opened().add("2026-03-02 11:30", Kind.HUMAN_REPLY)
    (clock,) = only(history, "2026-03-02 12:00", Target.FIRST_RESPONSE)
    assert clock.state is ClockState.BREACHED
    assert (clock.breached_at, clock.ended_at) == (at("2026-03-02 11:00"), at("2026-03-02 11:30"))
    assert clock.ended_by == "e1"


def test_each_wait_of_the_customer_is_a_clock_of_its_own() -> None:
    """next_response: one instance per wait, named after the message that began it."""
    history = opened().add("2026-03-02 09:10", Kind.CUSTOMER_MESSAGE)
    history.add("2026-03-02 10:00", Kind.HUMAN_REPLY)
    history.add("2026-03-02 11:00", Kind.CUSTOMER_MESSAGE)
    history.add("2026-03-02 12:00", Kind.HUMAN_REPLY)
    history.add("2026-03-02 13:00", Kind.CUSTOMER_MESSAGE)
    waits = only(history, "2026-03-02 14:00", Target.NEXT_RESPONSE)
    assert [(wait.instance, wait.state) for wait in waits] == [
        ("e3", ClockState.MET),
        ("e5", ClockState.RUNNING),
    ]


def test_after_a_bots_first_answer_a_person_owes_the_next() -> None:
    """Once first_response has ended, only people answer."""
    counting = Plan(
        parse_policy(
            "{version: 1, policies: [{name: all, bot_replies_count: true,"
            " targets: {first_response: {within: 1h}, next_response: {within: 1h}}}]}"
        )
    )
    history = opened().add("2026-03-02 09:01", Kind.BOT_REPLY)
    history.add("2026-03-02 09:02", Kind.CUSTOMER_MESSAGE).add("2026-03-02 09:03", Kind.BOT_REPLY)
    waits = clocks(history, "2026-03-02 09:30", counting)
    assert [shown(clock)[:2] for clock in waits] == [
        ("first_response", "met"),
        ("next_response", "running"),
    ]


def test_every_public_word_of_a_person_starts_the_next_update() -> None:
    """update: one instance per wait, the last ends with the complaint and without a verdict."""
    history = opened().add("2026-03-02 10:00", Kind.HUMAN_REPLY)
    history.add("2026-03-02 15:00", Kind.HUMAN_REPLY).add("2026-03-02 16:00", Kind.RESOLVED)
    updates = only(history, "2026-03-02 17:00", Target.UPDATE)
    assert [update.state for update in updates] == [
        ClockState.MET,
        ClockState.BREACHED,
        ClockState.ENDED,
    ]
    assert updates[2].ended_at == at("2026-03-02 16:00")


def test_an_update_that_was_broken_stays_broken_when_the_complaint_is_resolved() -> None:
    """What was breached stays breached."""
    history = opened().add("2026-03-02 14:00", Kind.RESOLVED)
    (update,) = only(history, "2026-03-02 17:00", Target.UPDATE)
    assert (update.state, update.breached_at) == (ClockState.BREACHED, at("2026-03-02 13:00"))


def test_resolving_without_a_word_ends_every_clock() -> None:
    """The answer clocks are met if the resolution was in time, broken if not."""
    early = clocks(opened().add("2026-03-02 09:30", Kind.RESOLVED), "2026-03-02 12:00")
    late = clocks(opened().add("2026-03-02 11:00", Kind.RESOLVED), "2026-03-02 12:00")
    assert not any(clock.is_open for clock in early + late)
    assert [clock.state.value for clock in early] == ["met", "met", "ended", "met", "met"]
    assert [clock.state.value for clock in late] == ["breached", "breached", "ended", "met", "met"]


def test_a_message_reopens_within_the_time_and_not_after_it() -> None:
    """`reopen_within`, the last second included; later the message opens something new."""
    short = plan("{total_resolution: {within: 8h}}", top="reopen_within: 1d,")
    history = opened().add("2026-03-02 10:00", Kind.RESOLVED)
    within = History(history).add("2026-03-03 10:00", Kind.CUSTOMER_MESSAGE)
    after = History(history).add("2026-03-03 10:01", Kind.CUSTOMER_MESSAGE)
    (again,) = clocks(within, "2026-03-03 12:00", short)
    (closed,) = clocks(after, "2026-03-03 12:00", short)
    assert (again.state, again.used_seconds) == (ClockState.RUNNING, 3 * 3_600)
    assert (closed.state, closed.used_seconds) == (ClockState.MET, 3_600)


def test_reopening_starts_a_wait_only_with_a_message() -> None:
    """Command reopen starts the update anew; nobody has asked anything yet."""
    history = opened().add("2026-03-02 10:00", Kind.RESOLVED)
    by_command = History(history).add("2026-03-02 11:00", Kind.REOPENED)
    by_message = History(history).add("2026-03-02 11:00", Kind.CUSTOMER_MESSAGE)
    targets = [Target.UPDATE, Target.NEXT_RESPONSE]
    assert [len(only(by_command, "2026-03-02 12:00", target)) for target in targets] == [2, 0]
    assert [len(only(by_message, "2026-03-02 12:00", target)) for target in targets] == [2, 1]


def test_first_resolution_is_judged_once() -> None:
    """A reopening starts nothing for it."""
    history = opened().add("2026-03-02 10:00", Kind.RESOLVED).add("2026-03-02 11:00", Kind.REOPENED)
    history.add("2026-03-03 10:00", Kind.RESOLVED)
    (clock,) = only(history, "2026-03-03 12:00", Target.FIRST_RESOLUTION)
    assert (clock.state, clock.ended_at) == (ClockState.MET, at("2026-03-02 10:00"))


@pytest.mark.parametrize("ending", [Kind.RESUMED, Kind.CUSTOMER_MESSAGE, Kind.RESOLVED])
def test_a_pause_ends_with_resume_message_or_resolution(ending: Kind) -> None:
    """And what was paused is not used."""
    history = opened().add("2026-03-02 10:00", Kind.PAUSED, reason="waiting_for_customer")
    history.add("2026-03-02 14:00", ending)
    (clock,) = only(history, "2026-03-02 14:00", Target.TOTAL_RESOLUTION)
    assert clock.used_seconds == 3_600


def test_a_resolution_ends_the_pause_for_good() -> None:
    """Reopened by command, nothing is paused any more."""
    history = opened().add("2026-03-02 10:00", Kind.PAUSED, reason="x")
    history.add("2026-03-02 11:00", Kind.RESOLVED).add("2026-03-02 12:00", Kind.REOPENED)
    after = only(history, "2026-03-02 13:00", Target.UPDATE)
    after += only(history, "2026-03-02 13:00", Target.TOTAL_RESOLUTION)
    assert [clock.state for clock in after if clock.is_open] == [ClockState.RUNNING] * 2


@pytest.mark.parametrize("word", [Kind.HUMAN_REPLY, Kind.BOT_REPLY, Kind.ACKNOWLEDGED])
def test_a_pause_does_not_end_with_our_own_words(word: Kind) -> None:
    """We wait for the customer; what we say meanwhile changes nothing about that."""
    history = opened().add("2026-03-02 10:00", Kind.PAUSED, reason="waiting_for_customer")
    history.add("2026-03-02 11:00", word)
    (clock,) = only(history, "2026-03-02 14:00", Target.TOTAL_RESOLUTION)
    assert (clock.state, clock.used_seconds) == (ClockState.PAUSED, 3_600)


def test_only_the_named_reasons_pause_a_target() -> None:
    """`pause_while`; another reason lets it run, and the latest reason holds."""
    choosy = plan("{total_resolution: {within: 8h, pause_while: [waiting_for_supplier]}}")
    history = opened().add("2026-03-02 10:00", Kind.PAUSED, reason="waiting_for_customer")
    history.add("2026-03-02 11:00", Kind.PAUSED, reason="waiting_for_supplier")
    history.add("2026-03-02 15:00", Kind.PAUSED, reason="waiting_for_customer")
    (clock,) = clocks(history, "2026-03-02 16:00", choosy)
    assert (clock.state, clock.used_seconds) == (ClockState.RUNNING, 3 * 3_600)


def test_the_due_time_of_a_paused_clock_is_the_earliest_it_can_be() -> None:
    """It moves on while the clock stands."""
    history = opened().add("2026-03-02 10:00", Kind.PAUSED, reason="x")
    (clock,) = only(history, "2026-03-02 14:00", Target.TOTAL_RESOLUTION)
    assert shown(clock) == ("total_resolution", "paused", "03-02 21:00")


def test_a_breach_at_the_instant_of_a_pause_is_a_breach() -> None:
    """The limit was reached; what begins then comes too late."""
    history = opened().add("2026-03-02 17:00", Kind.PAUSED, reason="x")
    (clock,) = only(history, "2026-03-02 18:00", Target.TOTAL_RESOLUTION)
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, at("2026-03-02 17:00"))


TIERS = Plan(
    parse_policy(
        "{version: 1, timezone: Europe/Berlin, calendars: "
        + OFFICE
        + ", policies: ["
        "{name: vip, when: {tier: [VIP]}, targets: {total_resolution: {within: 4h},"
        " first_response: {within: 1h}}},"
        "{name: office, when: {tier: [major]},"
        " targets: {total_resolution: {within: 8h, calendar: office}}},"
        "{name: law, when: {tier: [minor]},"
        " targets: {total_resolution: {within: 1wd, calendar: office}}},"
        "{name: all, targets: {total_resolution: {within: 24h}}}]}".replace("VIP", "vip")
    )
)


def test_a_change_that_finds_the_new_limit_used_up_is_a_breach_at_that_moment() -> None:
    """Not earlier: until then nobody had promised it."""
    history = opened().add("2026-03-02 15:00", Kind.CHANGED, tier="vip")
    (clock,) = only(history, "2026-03-02 16:00", Target.TOTAL_RESOLUTION, TIERS)
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, at("2026-03-02 15:00"))
    assert (clock.policy, clock.due_at) == ("vip", clock.breached_at)


def test_a_change_that_finds_exactly_the_new_limit_used_is_a_breach() -> None:
    """Equality is a breach here too."""
    history = opened().add("2026-03-02 13:00", Kind.CHANGED, tier="vip")
    (clock,) = only(history, "2026-03-02 13:00", Target.TOTAL_RESOLUTION, TIERS)
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, at("2026-03-02 13:00"))


def test_a_longer_promise_afterwards_does_not_heal_a_breach() -> None:
    """What was breached stays breached."""
    context = ComplaintContext(tier="vip")
    history = opened().add("2026-03-02 14:00", Kind.CHANGED, tier="common")
    (clock,) = [
        clock
        for clock in evaluate(history, TIERS, context, at("2026-03-02 15:00"))
        if clock.target is Target.TOTAL_RESOLUTION
    ]
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, at("2026-03-02 13:00"))


def test_each_calendar_counts_its_own_part() -> None:
    """dbt_zendesk's ticket: the schedule in force at each minute, not the last one for all."""
    history = opened("2026-03-02 07:00").add("2026-03-02 10:00", Kind.CHANGED, tier="major")
    (clock,) = clocks(history, "2026-03-03 10:00", TIERS)
    assert clock.used_seconds == (3 + 7 + 1) * 3_600
    assert clock.breached_at == at("2026-03-02 15:00")


def test_a_target_the_new_policy_adds_starts_at_the_change() -> None:
    """Nobody had promised it before."""
    history = opened().add("2026-03-02 10:00", Kind.CHANGED, tier="vip")
    (clock,) = only(history, "2026-03-02 10:30", Target.FIRST_RESPONSE, TIERS)
    assert (clock.started_at, clock.used_seconds) == (at("2026-03-02 10:00"), 1_800)


def test_a_target_the_new_policy_drops_ends_and_comes_back_with_what_was_used() -> None:
    """Without a verdict, until it is promised again."""
    context = ComplaintContext(tier="vip")
    history = opened().add("2026-03-02 09:30", Kind.CHANGED, tier="common")

    def first_response(until: str) -> Clock:
        found = evaluate(history, TIERS, context, at(until))
        return next(clock for clock in found if clock.target is Target.FIRST_RESPONSE)

    dropped = first_response("2026-03-02 12:00")
    assert (dropped.state, dropped.ended_at) == (ClockState.ENDED, at("2026-03-02 09:30"))
    history.add("2026-03-02 13:00", Kind.CHANGED, tier="vip")
    back = first_response("2026-03-02 13:10")
    assert (back.state, back.used_seconds) == (ClockState.RUNNING, 40 * 60)


def test_working_days_promised_later_still_end_at_closing_time() -> None:
    """A date, not an amount: due at the closing of the first working day after the opening."""
    history = opened().add("2026-03-03 07:00", Kind.CHANGED, tier="minor")
    (clock,) = clocks(history, "2026-03-03 12:00", TIERS)
    assert clock.due_at == at("2026-03-03 17:00")


def test_a_pause_moves_a_date_of_working_days_by_the_hours_it_cost() -> None:
    """Three paused office hours are three hours more."""
    law = plan("{total_resolution: {within: 1wd, calendar: office}}", OFFICE)
    history = opened().add("2026-03-02 14:00", Kind.PAUSED, reason="x")
    history.add("2026-03-02 20:00", Kind.RESUMED)
    (clock,) = clocks(history, "2026-03-03 10:00", law)
    assert clock.due_at == at("2026-03-04 12:00")


def test_the_customers_own_zone_counts_where_the_calendar_says_so() -> None:
    """`timezone: customer`; the file's where nothing or nonsense is known."""
    abroad = plan(
        "{first_response: {within: 1h, calendar: abroad}}",
        "{abroad: {timezone: customer, hours: {mon-fri: ['08:00-20:00']}}}",
    )

    def due_for(zone: str) -> dt.datetime | None:
        context = ComplaintContext(timezone=zone)
        (clock,) = evaluate(opened("2026-03-02 09:00"), abroad, context, at("2026-03-02 09:00"))
        return clock.due_at

    assert due_for("America/New_York") == at("2026-03-02 15:00")
    assert due_for("Asia/Shanghai") == at("2026-03-02 10:00")
    assert due_for("") == due_for("Not/AZone") == at("2026-03-02 10:00")


def test_a_merged_complaint_gives_no_verdict_and_undoing_it_restores_every_one() -> None:
    """Its events count in the complaint it joined; a pure function forgets nothing."""
    history = opened().add("2026-03-02 12:00", Kind.HUMAN_REPLY)
    before = clocks(history, "2026-03-02 14:00")
    merged = clocks(History(history).add("2026-03-02 13:00", Kind.MERGED), "2026-03-02 14:00")
    assert {clock.state for clock in merged} == {ClockState.ENDED}
    assert all(clock.breached_at is None for clock in merged)
    assert clocks(history, "2026-03-02 14:00") == before


def test_the_opening_of_a_joined_complaint_is_one_more_message() -> None:
    """The earliest start holds; the later opening waits for its answer like any message."""
    history = opened().add("2026-03-02 10:00", Kind.HUMAN_REPLY)
    history.add("2026-03-02 11:00", Kind.OPENED)
    found = clocks(history, "2026-03-02 11:30")
    assert sum(clock.target is Target.FIRST_RESPONSE for clock in found) == 1
    assert sum(clock.target is Target.NEXT_RESPONSE for clock in found) == 1


def test_a_withdrawn_complaint_keeps_its_breaches_only() -> None:
    """What ran gives no verdict any more; what was broken was broken."""
    history = opened().add("2026-03-02 10:30", Kind.WITHDRAWN)
    states = {clock.target: clock.state for clock in clocks(history, "2026-03-02 18:00")}
    assert states[Target.ACKNOWLEDGEMENT] is ClockState.BREACHED
    assert states[Target.FIRST_RESPONSE] is ClockState.ENDED


def test_facts_of_one_interaction_follow_each_other() -> None:
    """A call that opens a complaint and is answered at once: opening before answer."""
    history = History().add("2026-03-02 09:00", Kind.HUMAN_REPLY, id="call")
    history.add("2026-03-02 09:00", Kind.OPENED, id="call")
    same = [event.__class__(event.at, "call", event.what) for event in history]
    (clock,) = [
        clock
        for clock in evaluate(same, ALL, CONTEXT, at("2026-03-02 10:00"))
        if clock.target is Target.FIRST_RESPONSE
    ]
    assert (clock.state, clock.used_seconds) == (ClockState.MET, 0)


def test_every_stretch_of_a_clock_is_explained() -> None:
    """State, cause and counted seconds, from start to end."""
    office = plan("{total_resolution: {within: 8h, calendar: office}}", OFFICE)
    history = opened("2026-03-02 15:00").add("2026-03-02 16:00", Kind.PAUSED, reason="parts")
    history.add("2026-03-03 08:00", Kind.RESUMED).add("2026-03-03 10:00", Kind.RESOLVED)
    history.add("2026-03-03 11:00", Kind.REOPENED)
    (explanation,) = explain(history, office, CONTEXT, at("2026-03-03 12:00"))
    rows = [
        (piece.state, piece.cause, piece.reason, piece.counted_seconds)
        for piece in explanation.segments
    ]
    assert rows == [
        (SegmentState.RUNNING, "e0", "", 3_600),
        (SegmentState.PAUSED, "e1", "parts", 0),
        (SegmentState.CLOSED, "e2", "", 0),
        (SegmentState.RUNNING, "", "", 3_600),
        (SegmentState.RESOLVED, "e3", "", 0),
        (SegmentState.RUNNING, "e4", "", 3_600),
    ]
    assert explanation.clock.used_seconds == 3 * 3_600
