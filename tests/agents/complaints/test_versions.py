"""A complaint is judged by the promise it was opened under, unless a version reaches back."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.complaints.matter import is_open
from agents.complaints.settle import view_of
from agents.complaints.sla.clocks import evaluate
from agents.complaints.sla.plan import Plan
from agents.complaints.versions import Learned, Plans, PolicyBook, learn
from schemas.customer import POLICY_VERSIONS, ComplaintState, PolicyEntry, PolicyHistory
from schemas.events import PolicyChanged, PolicySettled
from schemas.policy import PolicySet
from tests.agents.complaints.policy_world import BEFORE, Change, World, promise
from tests.builders import MONDAY, an_interaction

FIRST = promise(24)
NEXT = [promise(hours) for hours in (2, 3, 5)]
BACK = [promise(hours, retroactive=True) for hours in (1, 4, 6)]
ANY = [FIRST, *NEXT, *BACK]
MINUTE = timedelta(minutes=1)
PEOPLE = ("ann", "bob")


def hour(count: float) -> datetime:
    """So many hours after the story began."""
    return MONDAY + timedelta(hours=count)


def seen(state: ComplaintState) -> list[dict[str, Any]]:
    """The clocks as readers see them, without the seconds used so far."""
    return [
        {"target": c.target, "state": c.state, "started": c.started_at, "due": c.due_at,
         "breached": c.breached_at, "ended": c.ended_at, "version": c.policy_version}
        for c in state.complaint.clocks
    ]  # fmt: skip


# --- a story -------------------------------------------------------------------------------------


def test_a_running_clock_keeps_its_promise_and_a_new_complaint_has_the_new_one() -> None:
    """A file that is changed at noon changes nothing for who complained in the morning."""
    world = World(FIRST)
    world.opens("ann", "morning")
    world.goes_on(hour(3))
    world.change(Change(world.now, NEXT[0]))
    world.goes_on(hour(4))
    world.opens("ann", "afternoon")
    world.goes_on(hour(12))

    morning, afternoon = world.complaint("morning"), world.complaint("afternoon")
    assert morning.policy == FIRST.digest
    assert afternoon.policy == NEXT[0].digest
    assert {clock["state"] for clock in seen(morning)} == {"running"}
    assert {clock["state"] for clock in seen(afternoon)} == {"breached"}


def test_who_complained_before_the_change_and_is_read_after_it_keeps_the_old_promise() -> None:
    """A backlog does not turn into other promises: the time of opening decides."""
    world = World(FIRST)
    world.goes_on(hour(3))
    world.change(Change(world.now, NEXT[0]))
    late = an_interaction(
        "late", hour(1), customer_id="ann", received_at=hour(4), complaint=True,
        conversation_key="late",
    )  # fmt: skip
    world.fold(late)
    assert world.complaint("late").policy == FIRST.digest


def test_a_retroactive_version_takes_back_and_adds_what_it_must() -> None:
    """A breach that is none under the longer promise is retracted, one that is new is announced at
    its true time."""
    world = World(NEXT[0])  # 2 h to respond, 4 h to resolve
    world.opens("ann", "old")
    world.goes_on(hour(3))
    assert world.alerts()[-2:] == [
        ("breached", "first_response", ""),
        ("escalated", "first_response", "lead"),
    ]
    said = len(world.alerts())

    world.change(Change(world.now, BACK[1]))  # 4 h to respond
    world.reach()
    assert world.alerts()[said:] == [("retracted", "first_response", "")]
    world.goes_on(hour(5))
    assert ("breached", "first_response", "") in world.alerts()[said:]
    clock = world.complaint("old").complaint.clocks[0]
    assert (clock.breached_at, clock.policy_version) == (hour(4), BACK[1].digest)

    world.change(Change(world.now, BACK[0]))  # 1 h to respond, 2 h to resolve
    world.reach()
    world.goes_on(hour(5.1))
    clocks = world.complaint("old").complaint.clocks
    assert [clock.breached_at for clock in clocks] == [hour(1), hour(2)]
    assert len(world.alert_ids()) == len(set(world.alert_ids()))


def test_what_is_resolved_keeps_its_verdicts_and_its_version_when_it_is_opened_again() -> None:
    """A promise that was settled is not unsettled by a new file."""
    world = World(FIRST)
    world.opens("ann", "done")
    world.goes_on(hour(2))
    world.resolves("ann", "done")
    before = seen(world.complaint("done"))
    world.goes_on(hour(3))
    world.change(Change(world.now, BACK[0]))
    world.reach()
    world.goes_on(hour(4))
    assert seen(world.complaint("done")) == before

    world.writes("ann", "done")
    world.goes_on(hour(5))
    assert is_open(world.complaint("done"))
    assert world.complaint("done").policy == FIRST.digest
    world.goes_on(hour(48))
    assert world.complaint("done").policy == FIRST.digest


def test_a_target_that_the_new_version_drops_resolves_its_alert() -> None:
    """An alert about a promise that is no longer made would never end."""
    world = World(promise(1))
    world.opens("ann", "old")
    world.goes_on(hour(3))
    assert ("breached", "total_resolution", "") in world.alerts()
    world.change(Change(world.now, promise(1, retroactive=True, target="first_resolution")))
    world.reach()
    assert ("retracted", "total_resolution", "") in world.alerts()


# --- laws ----------------------------------------------------------------------------------------

DOINGS = ("open", "open", "answer", "resolve", "write", "change", "reach")


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[int, str, str, PolicySet]]:
    """Things that happen, each so many minutes after the one before."""
    return draw(
        st.lists(
            st.tuples(
                st.integers(1, 400),
                st.sampled_from(DOINGS),
                st.sampled_from(PEOPLE),
                st.sampled_from(ANY),
            ),
            max_size=16,
        )
    )


@settings(max_examples=25)
@given(stories())
def test_every_complaint_follows_its_version(
    story: list[tuple[int, str, str, PolicySet]],
) -> None:
    """Whatever happens in between: the version in force at its opening, or the newest that reached
    back while it was open, judges it; and its clocks are those of its history under that version.
    """
    world, expected, by_digest = World(FIRST), {}, {one.digest: one for one in ANY}
    current = FIRST
    for number, (minutes, what, who, policy) in enumerate(story):
        world.goes_on(world.now + minutes * MINUTE)
        mine = [name for name in world.complaints() if name.startswith(who)]
        if what == "open":
            world.opens(who, f"{who}-{number}")
            expected[f"{who}-{number}"] = current.digest
        elif what == "change" and policy.digest != current.digest:
            current = policy
            world.change(Change(world.now, policy))
            if policy.retroactive:
                expected |= {
                    name: policy.digest for name, one in world.complaints().items() if is_open(one)
                }
        elif what == "reach":
            world.reach()
        elif mine and what in ("answer", "resolve", "write"):
            getattr(world, f"{what}s")(who, mine[-1])
    world.goes_on(world.now + MINUTE)
    world.reach()
    world.goes_on(world.now + MINUTE)

    assert {name: one.policy for name, one in world.complaints().items()} == expected
    for name, state in world.complaints().items():
        plan = Plan(by_digest[expected[name]])
        clocks = evaluate(state.history, plan, state.context, world.now)
        told = replace(state.complaint, clocks=[view_of(clock) for clock in clocks])
        assert seen(replace(state, complaint=told)) == seen(state)
    assert len(world.alert_ids()) == len(set(world.alert_ids()))


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.sampled_from(("open", "answer", "write"))),
             min_size=1, max_size=12),
    st.integers(0, 12),
    st.booleans(),
)  # fmt: skip
def test_reaching_back_is_as_if_it_had_been_promised_from_the_start(
    story: list[tuple[int, str]], change_after: int, at_once: bool
) -> None:
    """For complaints that are open: the same clocks, the same figures, the same standing alerts."""
    new = BACK[1]

    def live(world: World, *, changes: bool) -> World:
        for number, (minutes, what) in enumerate(story):
            world.goes_on(world.now + minutes * MINUTE)
            if changes and number == change_after:
                world.change(Change(world.now, new))
                if at_once:
                    world.reach()
            names = sorted(world.complaints())
            if what == "open" or not names:
                world.opens("ann", f"c{number:02}")
            else:
                getattr(world, f"{what}s")("ann", names[-1])
        if changes and change_after >= len(story):
            world.change(Change(world.now, new))
        world.reach()
        world.goes_on(world.now + 10 * MINUTE)
        return world

    changed, from_the_start = live(World(NEXT[0]), changes=True), live(World(new), changes=False)
    for name, state in from_the_start.complaints().items():
        assert seen(changed.complaint(name)) == seen(state)
        assert standing_alerts(changed.complaint(name)) == standing_alerts(state)
    assert changed.counted() == from_the_start.counted()


def standing_alerts(state: ComplaintState) -> set[tuple[str, str]]:
    """The breaches that were told and have not recovered."""
    return {
        (one.target.value, one.instance)
        for one in state.announced
        if one.breached and not one.recovered_by
    }


# --- what a partition knows ----------------------------------------------------------------------


def changed(policy: PolicySet, hours: float) -> PolicyChanged:
    """A version is announced."""
    return PolicyChanged(policy=policy, published_at=hour(hours))


@given(st.lists(st.tuples(st.sampled_from(ANY), st.integers(0, 9)), max_size=20))
def test_versions_only_ever_go_forward(said: list[tuple[PolicySet, int]]) -> None:
    """What comes twice, late or out of turn changes nothing; so any worker may announce."""
    known = PolicyHistory()
    for policy, hours in said:
        event = changed(policy, hours)
        before = known
        known, gone = learn(known, event)
        assert gone == []
        assert known.entries[: len(before.entries)] == before.entries
        assert learn(known, event)[0] is known
    times = [entry.published_at for entry in known.entries]
    assert times == sorted(set(times))


def test_the_oldest_version_goes_when_there_are_too_many() -> None:
    """What it judged is judged by the oldest that is left: rows stay bounded."""
    entries = tuple(
        PolicyEntry(f"v{number}", BEFORE + number * MINUTE) for number in range(POLICY_VERSIONS)
    )
    known, gone = learn(PolicyHistory(entries), changed(FIRST, 1))
    assert gone == ["v0"]
    assert len(known.entries) == POLICY_VERSIONS

    policies = {"v1": NEXT[0], FIRST.digest: FIRST}
    book = PolicyBook(known.entries, policies.get, Plans())
    assert book.plan_of("v0").digest == NEXT[0].digest
    assert book.plan_of("").digest == NEXT[0].digest


def test_a_version_that_returns_is_kept_while_any_of_its_turns_is() -> None:
    """Going back to an older promise is a turn of its own, with the same content."""
    learned = Learned()
    for hours, policy in enumerate((FIRST, NEXT[0], FIRST)):
        learned.learn(changed(policy, hours))
    assert [entry.version for entry in learned.history.entries] == [
        FIRST.digest, NEXT[0].digest, FIRST.digest,
    ]  # fmt: skip
    assert learned.book is not None
    assert learned.book.version_for(hour(0.5)) == FIRST.digest
    assert learned.book.version_for(hour(1.5)) == NEXT[0].digest
    assert learned.book.version_for(hour(2.5)) == FIRST.digest


def test_who_complained_before_any_version_is_judged_by_the_newest() -> None:
    """History is imported under the promise that holds now: nobody knows an older one."""
    learned = Learned()
    learned.learn(changed(FIRST, 1))
    learned.learn(changed(NEXT[0], 2))
    assert learned.book is not None
    assert learned.book.version_for(BEFORE) == NEXT[0].digest


def test_a_version_that_cannot_be_used_here_is_refused_and_the_others_stay() -> None:
    """A newer release may know more; what it says must not stop this one."""
    learned = Learned()
    learned.learn(changed(FIRST, 1))
    broken = replace(NEXT[0], timezone="Nowhere/At_All")
    with pytest.raises(ValueError, match="cannot be used"):
        learned.learn(changed(broken, 2))
    assert [entry.version for entry in learned.history.entries] == [FIRST.digest]


def test_a_settled_version_is_marked_and_only_that() -> None:
    """The mark stops the search for customers; it is about one turn of one version."""
    known, _ = learn(PolicyHistory(), changed(BACK[0], 1))
    known, _ = learn(known, changed(BACK[1], 2))
    known, _ = learn(known, PolicySettled(version=BACK[1].digest, published_at=hour(2)))
    assert [entry.settled for entry in known.entries] == [False, True]
    other = PolicySettled(version=BACK[0].digest, published_at=hour(2))
    assert learn(known, other)[0] is known
