"""The explanation as data: stretches tile the clock, sum to it, and name their causes."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from agents.complaints.sla.explaining import explain_complaint
from schemas.clock import ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.explanation import ComplaintClocks, ComplaintHistory
from schemas.policy import ComplaintContext, PolicySet
from tests.agents.complaints.sla.support import at, plan

PLAN = plan(
    """{first_response: {within: 2h, calendar: office},
        next_response: {within: 1h, calendar: office},
        update: {every: 4h},
        total_resolution: {within: 8h, calendar: office}}""",
    """{office: {hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}}}""",
)
START = at("2026-03-06 11:00")
KINDS = [kind for kind in Kind if kind not in (Kind.OPENED, Kind.CHANGED, Kind.MERGED)]


def kept(events: list[ComplaintEvent]) -> ComplaintHistory:
    """A history as the views keep it."""
    context = ComplaintContext(channel="email")
    return ComplaintHistory(
        complaint_id="k-1",
        customer_id="c-1",
        context=context,
        history=[ComplaintEvent(START, "first", Kind.OPENED, channel="email"), *events],
    )


@given(
    st.lists(
        # From a second on: what is withdrawn in the instant it opens has no clocks to explain.
        st.tuples(st.integers(1, 10 * 24 * 3_600), st.sampled_from(KINDS)),
        min_size=0,
        max_size=12,
    ),
    st.integers(0, 12 * 24 * 3_600),
)
def test_stretches_tile_a_clock_and_sum_to_it(happened: list[tuple[int, Kind]], until: int) -> None:
    """No gap, no overlap; seconds sum to what elapsed, counted seconds to what was used."""
    events = [
        ComplaintEvent(START + dt.timedelta(seconds=after), f"e{number}", kind, reason="x")
        for number, (after, kind) in enumerate(happened)
    ]
    clocks, _ = explain_complaint(kept(events), PLAN, START + dt.timedelta(seconds=until))
    assert clocks.clocks
    ids = {"first"} | {event.id for event in events}
    for clock in clocks.clocks:
        at_now = clock.started_at
        for segment in clock.segments:
            assert segment.start_at == at_now
            assert segment.seconds == (segment.end_at - segment.start_at).total_seconds() > 0
            counted = segment.seconds if segment.state == "running" else 0.0
            assert segment.counted_seconds == counted
            assert segment.cause is None or segment.cause.id in ids
            assert segment.policy_version == PLAN.digest
            at_now = segment.end_at
        total = sum(segment.seconds for segment in clock.segments)
        used = sum(segment.counted_seconds for segment in clock.segments)
        assert round(total, 6) == round(clock.elapsed_seconds, 6)
        assert round(used, 6) == round(clock.used_seconds, 6)
        if clock.ended_at is not None:
            assert at_now == clock.ended_at


def test_causes_are_told_in_words() -> None:
    """Lunch has no cause, an answer has: who wants to know sees the event and its channel."""
    reply = ComplaintEvent(at("2026-03-06 15:00"), "call", Kind.HUMAN_REPLY, channel="phone")
    clocks, _ = explain_complaint(kept([reply]), PLAN, at("2026-03-06 16:00"))
    first = clocks.clocks[0]
    assert (first.target, first.state) == ("first_response", "breached")
    assert first.ended_by is not None
    assert (first.ended_by.what, first.ended_by.channel) == ("human_reply", "phone")
    assert first.started_by is not None
    assert first.started_by.id == "first"
    assert [event.id for event in clocks.history] == ["first", "call"]


def test_answers_and_policies_survive_the_way_through_json() -> None:
    """What a reader decodes is what was computed, and a kept policy gives the same plan."""
    clocks, _ = explain_complaint(kept([]), PLAN, at("2026-03-09 16:00"))
    assert json.decode(json.encode(clocks), type=ComplaintClocks) == clocks
    policy = PLAN.policy_set
    assert json.decode(json.encode(policy), type=PolicySet) == policy
