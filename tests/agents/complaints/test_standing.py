"""Going on from where a complaint stood gives what a replay of its whole history gives."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook, settle
from agents.complaints.sla.plan import Plan
from agents.complaints.standing import Standings
from agents.effects import Effect
from schemas.clock import ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.complaint import Complaint
from schemas.customer import ComplaintState
from schemas.policy import ComplaintContext
from streams.policy_files import load_policy
from tests.builders import at

START = at("09:00")
PLAN = Plan(load_policy(None))

CHANGES = st.sampled_from(
    [{}, {"tier": "vip"}, {"attributes.owner": "lin"}, {"team": "a"}, {"attributes.team": "b"}]
)
EVENTS = st.builds(
    lambda minutes, number, what, changes, sequence: ComplaintEvent(
        START + timedelta(minutes=minutes), f"e{number}", what, sequence, "chat", "", changes
    ),
    st.integers(0, 60 * 24 * 9),
    st.integers(0, 40),
    st.sampled_from(list(Kind)),
    CHANGES,
    st.integers(0, 2),
)
STEPS = st.lists(
    st.tuples(st.lists(EVENTS, max_size=2), st.integers(0, 600), st.booleans()), max_size=14
)


def a_complaint() -> ComplaintState:
    """One that nothing happened to yet."""
    complaint = Complaint(complaint_id="c", customer_id="k", opened_at=START)
    return ComplaintState(complaint, ComplaintContext())


def folded(
    rulebook: Rulebook, steps: list[tuple[list[ComplaintEvent], int, bool]]
) -> list[tuple[ComplaintState, list[Effect]]]:
    """What every settlement of these steps gave, one after the other."""
    opening = ComplaintEvent(START, "opening", Kind.OPENED)
    results = [settle(a_complaint(), [opening], rulebook, START, fire=False)]
    now = START
    for events, delay_minutes, fire in steps:
        newest = max([now, *(event.at for event in events)])
        now = newest + timedelta(minutes=delay_minutes)
        results.append(settle(results[-1][0], events, rulebook, now, fire=fire))
    return results


def rulebook(**fields: Any) -> Rulebook:
    """The policy that is shipped."""
    return Rulebook(PLAN, ComplaintRules(), **fields)


def in_order(
    steps: list[tuple[list[ComplaintEvent], int, bool]],
) -> list[tuple[list[ComplaintEvent], int, bool]]:
    """The same steps with events as they mostly come: one at a time, newest last, new ids."""
    minutes, made = 0, []
    for number, (events, delay, fire) in enumerate(steps):
        minutes += delay
        when: datetime = START + timedelta(minutes=minutes)
        made.append(
            (
                [ComplaintEvent(when, f"n{number}", e.what, changes=e.changes) for e in events[:1]],
                delay,
                fire,
            )
        )
    return made


@given(STEPS)
def test_going_on_equals_replaying(
    steps: list[tuple[list[ComplaintEvent], int, bool]],
) -> None:
    """Whatever comes, in whatever order: rows and effects do not depend on what is remembered."""
    assert folded(rulebook(), steps) == folded(rulebook(standings=Standings(0)), steps)
    usual = in_order(steps)
    assert folded(rulebook(), usual) == folded(rulebook(standings=Standings(0)), usual)


def test_a_standing_is_used_for_the_history_it_was_made_of_only() -> None:
    """Two futures of one state, as when a batch is folded again: the second is replayed."""
    rules = rulebook()
    state, _ = settle(
        a_complaint(), [ComplaintEvent(START, "o", Kind.OPENED)], rules, START, fire=False
    )
    later = START + timedelta(minutes=5)
    answer = ComplaintEvent(later, "answer", Kind.HUMAN_REPLY)
    closing = ComplaintEvent(later, "closing", Kind.RESOLVED)
    first = settle(state, [answer], rules, later, fire=False)
    second = settle(state, [closing], rules, later, fire=False)
    oracle = rulebook(standings=Standings(0))
    assert first == settle(state, [answer], oracle, later, fire=False)
    assert second == settle(state, [closing], oracle, later, fire=False)


def test_an_event_that_is_the_newest_is_not_replayed() -> None:
    """The short way is taken: the standing that is kept goes on as the same object."""
    rules = rulebook()
    opening, later = ComplaintEvent(START, "o", Kind.OPENED), START + timedelta(minutes=5)
    state, _ = settle(a_complaint(), [opening], rules, START, fire=False)
    answer = ComplaintEvent(later, "answer", Kind.HUMAN_REPLY)
    before = rules.standings.after(state, [], PLAN)
    rules.standings.keep("c", before)
    assert rules.standings.after(state, [answer], PLAN) is before


def test_what_was_settled_longest_ago_is_forgotten_first() -> None:
    """The memory is bounded; what is not in it is replayed."""
    standings = Standings(2)
    opening = [ComplaintEvent(START, "o", Kind.OPENED)]
    state = a_complaint()
    made = {name: standings.after(state, opening, PLAN) for name in "abc"}
    for name, standing in made.items():
        standings.keep(name, standing)
    for name, kept in (("a", False), ("b", True), ("c", True)):
        state.complaint.complaint_id, state.history = name, made[name].history
        assert (standings.after(state, [], PLAN) is made[name]) is kept
