"""Laws of merging customers: nothing is lost, counted or told twice, whatever comes when."""

import random
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.command import Action
from tests.agents.customer.merging_world import Logs, bare

PEOPLE = ("ann", "caller", "visitor")
Deed = tuple[str, str, str]
"""What is done, by or to whom, and the matter, or into whom it is merged."""

_WORDS = st.sampled_from(["opens", "writes", "writes", "answers", "resolves", "waits"])
_people = st.sampled_from(PEOPLE)


def deeds(matters: st.SearchStrategy[str]) -> st.SearchStrategy[Deed]:
    """Something that happens to a customer about a matter."""
    return st.tuples(_WORDS, _people, matters)


MERGES = st.one_of(
    st.tuples(st.just("merges"), _people, _people),
    st.tuples(st.just("unmerges"), _people, st.just("")),
)
CIRCLE = [
    ("merges", "ann", "visitor"),
    ("merges", "visitor", "caller"),
    ("merges", "caller", "ann"),
]
HASTY = [
    *(("merges", "ann", "ann"),) * 3,
    ("merges", "caller", "visitor"),
    ("merges", "ann", "caller"),
    ("unmerges", "ann", ""),
    ("merges", "ann", "visitor"),
]
"""An order that was refused is taken back before that is known."""
SHARED = st.sampled_from(["A-1", "B-2"])


def do(logs: Logs, deed: Deed) -> None:
    """Let it happen; the order of a merge that is left out keeps its number."""
    what, who, about = deed
    match what:
        case "opens":
            logs.opens(who, about)
        case "writes":
            logs.writes(who, about)
        case "answers":
            logs.answers(who, about)
        case "resolves":
            logs.orders(who, Action.RESOLVE, conversation_id=f"{who}:{about}")
        case "waits":
            logs.goes_on(hours=3)
        case "merges":
            logs.merges(who, about)
        case "unmerges":
            logs.unmerges(who)
        case _:
            logs.number += 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(deeds(SHARED), MERGES), max_size=25), st.integers(0, 1 << 30))
def test_nothing_is_lost_or_counted_twice(plan: list[Deed], seed: int) -> None:
    """Every complaint stands in one row or is laid aside in one; every partition's tables count
    what its rows say, and no alert has the id of another."""
    logs = Logs(random.Random(seed))
    for deed in plan:
        do(logs, deed)
        logs.read(seed % 3)
    logs.goes_on(hours=1)
    held = Counter(
        state.complaint.complaint_id
        for row in logs.rows.values()
        for state in (
            *row.complaints,
            *(each.state for each in (row.merges.joined if row.merges else ())),
        )
    )
    assert set(held.values()) <= {1}
    assert set(held) == set(logs.published())
    for name in PEOPLE:
        assert logs.table(name) == logs.counted(name)
    ids = [alert.alert_id for alert in logs.alerts()]
    assert len(ids) == len(set(ids))


@settings(max_examples=300, deadline=None)
@example([("merges", "ann", "visitor"), ("merges", "visitor", "ann")], 0)
@example(CIRCLE, 0)
@example([*CIRCLE, *(("unmerges", name, "") for name in PEOPLE)], 0)
@example(HASTY, 215)
@given(st.lists(MERGES, min_size=2, max_size=12), st.integers(0, 1 << 30))
def test_everybody_knows_who_is_whose_guest(plan: list[Deed], seed: int) -> None:
    """However orders cross on their way, no circle stays, and nobody keeps a guest who left."""
    logs = Logs(random.Random(seed))
    for deed in plan:
        do(logs, deed)
        logs.read(seed % 3)
    logs.read()
    came: dict[str, set[str]] = {name: set() for name in PEOPLE}
    for name in PEOPLE:
        into = name
        for _ in PEOPLE:
            row = logs.rows.get(into)
            if row is None or row.merges is None or not row.merges.into:
                break
            into = row.merges.into
            came[into].add(name)
        else:
            raise AssertionError(f"{name} was merged in a circle")
    guests = {
        name: {guest.known.customer_id for guest in row.merges.guests} if row.merges else set()
        for name, row in logs.rows.items()
    }
    assert guests == {name: came[name] for name in logs.rows}
    assert not [name for name, row in logs.rows.items() if row.merges and row.merges.leaving]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(deeds(SHARED), MERGES), max_size=25), st.integers(0, 1 << 30))
def test_an_alert_fires_only_for_complaints_that_stand(plan: list[Deed], seed: int) -> None:
    """What a complaint announced has resolved when it joined another: nobody is paged twice."""
    logs = Logs(random.Random(seed))
    for deed in plan:
        do(logs, deed)
    logs.goes_on(hours=1)
    standing = {
        state.complaint.complaint_id for row in logs.rows.values() for state in row.complaints
    }
    firing: Counter[tuple[str, str, object]] = Counter()
    for alert in logs.alerts():
        clock = (alert.complaint_id, alert.target, alert.clock_started_at)
        firing[clock] += {"breached": 1, "recovered": -1, "retracted": -1}.get(alert.kind, 0)
    assert set(firing.values()) <= {0, 1}
    assert {clock[0] for clock, count in firing.items() if count} <= standing


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(deeds(SHARED), MERGES), max_size=25))
def test_what_comes_again_changes_nothing(plan: list[Deed]) -> None:
    """A worker that was killed tells other customers again what it had told them."""
    once, again = Logs(), Logs(repeats=True)
    for deed in plan:
        do(once, deed)
        do(again, deed)
    once.goes_on(hours=1)
    again.goes_on(hours=1)
    assert again.rows == once.rows
    assert again.effects == once.effects


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_merge_undone_is_a_merge_that_never_was(data: st.DataObject) -> None:
    """Of complaints about different matters nothing tells that they were in another's row: not
    their clocks, not what was announced, not the tables."""
    logs, never = Logs(), Logs()
    plan = data.draw(
        st.lists(st.tuples(_WORDS, st.sampled_from(["ann", "visitor"])), max_size=25), label="plan"
    )
    there = data.draw(st.integers(0, len(plan)), label="merged before")
    back = data.draw(st.integers(there, len(plan)), label="undone before")
    for place, (what, who) in enumerate([*plan, ("waits", "ann")]):
        for at, order in ((there, "merges"), (back, "unmerges")):
            if place == at:
                do(logs, (order, "visitor", "ann"))
                do(never, ("nothing", "visitor", "ann"))
        for world in (logs, never):
            do(world, (what, who, f"of {who}"))
    for name in ("ann", "visitor"):
        assert bare(logs.complaints(name)) == bare(never.complaints(name))
    assert logs.table() == never.table()
    assert sorted(map(repr, _calls(logs))) == sorted(map(repr, _calls(never)))


def _calls(logs: Logs) -> list[tuple[object, ...]]:
    return [(alert.alert_id, alert.at, alert.announced_at, alert.kind) for alert in logs.alerts()]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["writes", "answers"]), _people), max_size=12),
    st.integers(0, 1 << 30),
    st.integers(0, 1 << 30),
)
def test_a_merge_commutes_with_what_comes_after_it(
    plan: list[tuple[str, str]], one: int, other: int
) -> None:
    """Whichever log is read first: one complaint with the earliest start and the same history."""
    ends = []
    for seed in (one, other):
        logs = Logs(random.Random(seed))
        for name in ("caller", "ann", "visitor"):
            logs.opens(name, "A-1")
            logs.goes_on(minutes=10)
        logs.merges("visitor", "ann")
        logs.merges("caller", "ann")
        for what, who in plan:
            do(logs, (what, who, "A-1"))
        logs.goes_on(minutes=1)
        [kept] = logs.complaints("ann")
        assert kept.complaint.opened_at == min(event.at for event in kept.history)
        once = [clock for clock in logs.clocks(kept) if clock.instance == "once"]
        assert {clock.started_at for clock in once} == {kept.complaint.opened_at}
        ends.append((kept.history, logs.clocks(kept), kept.complaint.stage))
    assert ends[0] == ends[1]
