"""Laws of joining and comparing: merges commute, and the same policy twice differs nowhere."""

import datetime as dt
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.complaints.lifecycle import merge_history
from agents.complaints.sla.clocks import evaluate
from agents.complaints.sla.judging import Case, judge
from agents.complaints.sla.whatif import what_if
from schemas.clock import ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from tests.agents.complaints.sla.support import BERLIN, CONTEXT
from tests.agents.complaints.sla.test_clock_laws import PLAN, START, UNTIL, arrivals, histories

LIMIT = 1_000
"""More events than these examples have, so that nothing is cut."""


def of(name: str, history: list[ComplaintEvent], later: dt.timedelta) -> list[ComplaintEvent]:
    """The history as a row of another complaint keeps it: sorted, ids of its own, some time
    later."""
    moved = [
        ComplaintEvent(
            at=event.at + later, id=f"{name}-{event.id}", what=event.what, reason=event.reason,
            changes=event.changes, team=event.team,
        )
        for event in history
    ]  # fmt: skip
    return merge_history([], moved, LIMIT)


@settings(max_examples=30)
@given(histories(), histories(), histories(), st.randoms(use_true_random=False))
def test_merging_complaints_commutes_and_associates(
    one: list[ComplaintEvent],
    two: list[ComplaintEvent],
    three: list[ComplaintEvent],
    chance: random.Random,
) -> None:
    """Whoever joins whom, and in which order the rows are read: the same clocks."""
    a = of("a", one, dt.timedelta())
    b = of("b", two, dt.timedelta(hours=3))
    c = of("c", three, dt.timedelta(hours=7))
    left = merge_history(merge_history(a, b, LIMIT), c, LIMIT)
    right = merge_history(c, merge_history(b, a, LIMIT), LIMIT)
    assert left == right
    clocks = evaluate(left, PLAN, CONTEXT, UNTIL)
    shuffled = [*a, *b, *c]
    chance.shuffle(shuffled)
    assert evaluate(shuffled, PLAN, CONTEXT, UNTIL) == clocks


@settings(max_examples=30)
@given(histories(), histories())
def test_the_earliest_start_holds_after_a_merge(
    one: list[ComplaintEvent], two: list[ComplaintEvent]
) -> None:
    """What was opened later is one more message about the matter; it starts no second promise."""
    merged = merge_history(of("a", one, dt.timedelta()), of("b", two, dt.timedelta(hours=3)), LIMIT)
    clocks = evaluate(merged, PLAN, CONTEXT, UNTIL)
    once = [clock for clock in clocks if clock.instance == "once"]
    assert len({clock.target for clock in once}) == len(once)
    for clock in once:
        assert clock.started_at == START or any(
            event.what is Kind.CHANGED and event.at == clock.started_at for event in merged
        )


@settings(max_examples=30)
@given(st.lists(arrivals(), min_size=1, max_size=3))
def test_the_same_policy_twice_differs_nowhere(
    known: list[list[tuple[dt.datetime, ComplaintEvent]]],
) -> None:
    """A what-if of a policy against itself: no verdict changes, no page is added or taken away."""
    cases = [
        Case(
            complaint_id=f"k-{number}",
            context=CONTEXT,
            history=tuple(event for _, event in events),
            arrivals={event.id: arrives for arrives, event in events if arrives != event.at},
        )
        for number, events in enumerate(known)
    ]
    # Judged one by one: of two equal policies judged together, the second is the first.
    twice = [[judge(case, PLAN, UNTIL), judge(case, PLAN, UNTIL)] for case in cases]
    for first, second in twice:
        assert first.verdicts() == second.verdicts()
        assert first.calls == second.calls
    (one, other), (difference,) = what_if(twice, ["first", "second"], UNTIL, BERLIN)
    assert (difference.newly_breached(), difference.no_longer_breached()) == ([], [])
    assert one.tally("target", "team") == other.tally("target", "team")
    assert (one.lateness(), one.on_call()) == (other.lateness(), other.on_call())
