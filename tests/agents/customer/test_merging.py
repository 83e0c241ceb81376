"""Two customers who are one person: what becomes of their complaints, clocks, alerts and tables."""

from datetime import timedelta

import pytest

from schemas.command import Action
from schemas.complaint import Stage
from schemas.customer import HELD
from tests.agents.customer.merging_world import Logs, bare
from tests.builders import MONDAY


def two_of_one_matter() -> Logs:
    """Ann complained at nine by mail, and at ten by chat as somebody nobody knows."""
    logs = Logs()
    logs.opens("ann", "A-1")
    logs.goes_on(hours=1)
    logs.opens("visitor", "A-1")
    logs.goes_on(minutes=1)
    return logs


def test_complaints_about_different_matters_stay_apart_and_their_clocks_untouched() -> None:
    """A merge moves them; it changes no clock."""
    logs = Logs()
    logs.opens("ann", "A-1")
    logs.opens("visitor", "B-2")
    logs.goes_on(hours=1)
    before = {c.complaint.complaint_id: logs.clocks(c) for c in logs.complaints("visitor")}
    logs.merges("visitor", "ann")
    assert logs.complaints("visitor") == []
    moved = [c for c in logs.complaints("ann") if c.complaint.complaint_id in before]
    assert [c.complaint.customer_id for c in moved] == ["ann"]
    assert {c.complaint.complaint_id: logs.clocks(c) for c in moved} == before
    assert logs.published()[moved[0].complaint.complaint_id].customer_id == "ann"


def test_of_two_about_the_same_matter_the_later_joins_the_earlier() -> None:
    """The earliest start holds; the later ends without a verdict and says which it joined."""
    logs = two_of_one_matter()
    [later] = logs.complaints("visitor")
    logs.merges("visitor", "ann")
    [kept] = logs.complaints("ann")
    assert kept.complaint.opened_at == MONDAY
    assert kept.complaint.contact_count == 2
    ended = logs.published()[later.complaint.complaint_id]
    assert (ended.stage, ended.merged_into) == (Stage.CLOSED, kept.complaint.complaint_id)
    assert {clock.state for clock in ended.clocks} == {"ended"}


def test_it_makes_no_difference_into_whom_they_are_merged() -> None:
    """Not who goes on, but who complained first, decides which complaint goes on."""
    logs = two_of_one_matter()
    [first] = logs.complaints("ann")
    logs.merges("ann", "visitor")
    [kept] = logs.complaints("visitor")
    assert kept.complaint.complaint_id == first.complaint.complaint_id
    assert kept.complaint.customer_id == "visitor"


def test_nobody_is_paged_twice_about_one_matter() -> None:
    """What the later had announced resolves; only the earlier goes on to page."""
    logs = two_of_one_matter()
    logs.goes_on(hours=4)  # both responses are overdue now
    assert logs.heard().count(("breached", "first_response")) == 2
    logs.merges("visitor", "ann")
    assert logs.heard()[-1] == ("recovered", "first_response")
    heard = len(logs.heard())
    logs.goes_on(hours=1)
    assert logs.heard()[heard:] == []
    logs.goes_on(hours=8)
    assert logs.heard()[heard:].count(("breached", "total_resolution")) == 1


def test_what_is_said_under_either_handle_reaches_the_one_complaint() -> None:
    """Messages and answers to both are the history of one complaint."""
    logs = two_of_one_matter()
    logs.merges("visitor", "ann")
    logs.goes_on(hours=1)
    logs.answers("visitor", "A-1")
    logs.goes_on(hours=1)
    logs.writes("visitor", "A-1")
    logs.writes("ann", "A-1")
    [kept] = logs.complaints("ann")
    assert kept.complaint.first_response_at == MONDAY + timedelta(hours=2, minutes=1)
    assert kept.complaint.contact_count == 4
    logs.goes_on(hours=20)
    assert ("breached", "first_response") not in logs.heard()


def test_an_order_to_a_complaint_that_joined_is_done_to_the_other() -> None:
    """Staff who still have the old number on their screen are understood."""
    logs = two_of_one_matter()
    [later] = logs.complaints("visitor")
    logs.merges("visitor", "ann")
    logs.orders("visitor", Action.RESOLVE, complaint_id=later.complaint.complaint_id)
    [kept] = logs.complaints("ann")
    assert kept.complaint.stage is Stage.RESOLVED
    assert logs.refused() == []


def test_an_order_that_waited_for_its_complaint_goes_along() -> None:
    """It is done when the complaint is opened, in the log of whoever has it by then."""
    logs = Logs()
    logs.orders("visitor", Action.ACKNOWLEDGE)
    logs.merges("visitor", "ann")
    logs.opens("visitor", "A-1")
    [opened] = logs.complaints("ann")
    assert opened.complaint.stage is Stage.ACKNOWLEDGED


def test_tables_count_two_complaints_of_one_matter_once() -> None:
    """Every partition's counts are those of the complaints in its rows, before, while and after."""
    logs = two_of_one_matter()
    logs.goes_on(hours=5)
    for action, into in ((Action.MERGE, "ann"), (Action.UNMERGE, None)):
        logs.orders("visitor", action, into=into)
        logs.goes_on(hours=1)
        for name in ("ann", "visitor"):
            assert logs.table(name) == logs.counted(name)
    opened = [key for key in logs.table() if key[0] == "complaints_opened"]
    assert len(opened) == 2
    logs.merges("visitor", "ann")
    assert len([key for key in logs.table() if key[0] == "complaints_opened"]) == 1


def test_undoing_the_merge_restores_both() -> None:
    """Each has its own complaint again, with what its own customer said since."""
    logs, never = two_of_one_matter(), two_of_one_matter()
    logs.merges("visitor", "ann")
    for world in (logs, never):
        world.number = 10  # orders are numbered, too, and ids are made of numbers
        world.goes_on(hours=1)
        world.answers("visitor", "A-1")
        world.goes_on(hours=1)
        world.writes("visitor", "A-1")
        world.writes("ann", "A-1")
    logs.unmerges("visitor")
    for name in ("ann", "visitor"):
        assert bare(logs.complaints(name)) == bare(never.complaints(name))
        assert logs.rows[name].complaint_count == never.rows[name].complaint_count
    assert logs.table() == never.table()
    assert logs.published()[logs.complaints("visitor")[0].complaint.complaint_id].merged_into == ""


def test_a_complaint_opened_since_goes_with_whoever_opened_it() -> None:
    """What a merged customer began is its own when the merge is undone."""
    logs = Logs()
    logs.opens("ann", "A-1")
    logs.merges("visitor", "ann")
    logs.opens("visitor", "B-2")
    assert len(logs.complaints("ann")) == 2
    logs.unmerges("visitor")
    assert [c.complaint.matter_refs for c in logs.complaints("ann")] == [["order:A-1"]]
    [own] = logs.complaints("visitor")
    assert (own.complaint.matter_refs, own.origin) == (["order:B-2"], "")
    assert own.complaint.customer_id == "visitor"


def test_merges_of_merges_end_at_whoever_was_not_merged() -> None:
    """A chain is passed along, and every link can be taken back by itself."""
    logs = Logs()
    for name in ("ann", "visitor", "caller"):
        logs.opens(name, name)
    logs.merges("caller", "visitor")
    logs.merges("visitor", "ann")
    logs.writes("caller", "caller")
    assert len(logs.complaints("ann")) == 3
    assert {c.complaint.contact_count for c in logs.complaints("ann")} == {1, 2}
    logs.unmerges("caller")
    assert [c.complaint.contact_count for c in logs.complaints("caller")] == [2]
    assert len(logs.complaints("ann")) == 2
    logs.unmerges("visitor")
    logs.merges("caller", "visitor")
    logs.merges("visitor", "ann")
    logs.unmerges("visitor")
    assert len(logs.complaints("visitor")) == 2
    assert {c.origin for c in logs.complaints("visitor")} == {"", "caller"}
    logs.unmerges("caller")
    assert [len(logs.complaints(n)) for n in ("ann", "visitor", "caller")] == [1, 1, 1]


def test_three_about_one_matter_come_apart_as_they_were() -> None:
    """The middle one goes, and the others stay one matter with the earliest start."""
    logs = Logs()
    for name in ("caller", "ann", "visitor"):
        logs.opens(name, "A-1")
        logs.goes_on(minutes=10)
    logs.merges("visitor", "ann")
    logs.merges("caller", "ann")
    [kept] = logs.complaints("ann")
    assert kept.complaint.opened_at == MONDAY
    logs.unmerges("caller")
    [kept] = logs.complaints("ann")
    assert kept.complaint.opened_at == MONDAY + timedelta(minutes=10)
    assert kept.complaint.contact_count == 2
    logs.unmerges("visitor")
    assert [len(logs.complaints(n)) for n in ("ann", "visitor", "caller")] == [1, 1, 1]
    for name in ("ann", "visitor", "caller"):
        assert logs.table(name) == logs.counted(name)


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([("ann", "ann")], "same_customer"),
        ([("ann", "visitor"), ("ann", "caller")], "already_merged"),
        ([("ann", "visitor"), ("visitor", "ann")], "merged_in_a_circle"),
        ([("ann", "visitor"), ("visitor", "caller"), ("caller", "ann")], "merged_in_a_circle"),
        ([("ann", "visitor"), ("caller", "ann")], "into_merged"),
        ([("ann", "")], "missing_field"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    orders: list[tuple[str, str]], reason: str
) -> None:
    """It is a dead letter with its reason; what was merged before stays merged."""
    logs = Logs()
    for gone, into in orders:
        logs.orders(gone, Action.MERGE, into=into or None)
    assert logs.refused() == [reason]
    logs.opens("ann", "A-1")
    assert sum(len(logs.complaints(name)) for name in ("ann", "visitor", "caller")) == 1


def test_what_was_never_merged_cannot_be_undone() -> None:
    """The order is refused, and says why."""
    logs = Logs()
    logs.unmerges("ann")
    assert logs.refused() == ["not_merged"]


def test_more_customers_than_one_person_can_be_are_not_merged() -> None:
    """The one too many keeps its complaints, and what it said meanwhile."""
    logs = Logs()
    for number in range(33):
        logs.opens(f"c{number}", f"m{number}")
        logs.merges(f"c{number}", "ann")
    logs.writes("c32", "m32")
    assert logs.refused() == ["too_many_merges"]
    assert len(logs.complaints("ann")) == 32
    assert [c.complaint.contact_count for c in logs.complaints("c32")] == [2]


def test_the_oldest_of_too_many_held_events_goes_on_by_itself() -> None:
    """While a merge is being undone nothing is lost, however long that takes."""
    logs = Logs()
    logs.merges("visitor", "ann")
    logs.waiting["ann"].clear()
    logs.read()
    logs.rows["visitor"].merges.leaving = True  # type: ignore[union-attr]
    logs.opens("visitor", "A-1")
    for _ in range(HELD):
        logs.writes("visitor", "A-1")
    [opened] = logs.complaints("visitor")
    assert opened.complaint.contact_count == 1
    assert len(logs.rows["visitor"].merges.held) == HELD  # type: ignore[union-attr]
