"""Retries, replays, corrections and stale revisions are told apart by (source, id, revision)."""

from datetime import timedelta
from typing import Any

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy
from agents.customer.admission import Admission, admit, origin_of, remember
from agents.customer.step import step
from schemas.command import Action, Command, CommandGiven
from schemas.compact import ShortId, short_id
from schemas.customer import SEEN_DAYS, SEEN_IDS, Seen
from schemas.interaction import Origin
from tests.builders import MONDAY, an_interaction

RULEBOOK = Rulebook(Plan(default_policy()), ComplaintRules())


def seen_with(**fields: Any) -> dict[ShortId, Seen]:
    """A memory that has seen the interaction `one`."""
    return remember({}, an_interaction(**fields))


def test_something_new_is_accepted() -> None:
    """An id that was never here is news."""
    assert admit({}, an_interaction(), reread=False) is Admission.ACCEPTED


def test_the_same_body_again_is_a_duplicate() -> None:
    """A publisher's retry changes nothing."""
    assert admit(seen_with(), an_interaction(), reread=False) is Admission.DUPLICATE


def test_another_body_under_the_same_id_is_a_conflict() -> None:
    """Without a revision nobody can tell which body is right: the first one holds."""
    changed = an_interaction(body_hash="f" * 16)
    assert admit(seen_with(), changed, reread=False) is Admission.CONFLICT


def test_a_higher_revision_corrects() -> None:
    """A record sent again with newer content replaces the earlier one."""
    newer = an_interaction(revision=8, body_hash="f" * 16)
    assert admit(seen_with(revision=7), newer, reread=False) is Admission.CORRECTED
    assert admit(seen_with(), newer, reread=False) is Admission.CORRECTED


def test_a_lower_revision_is_stale() -> None:
    """A delayed retry of old content never overwrites newer content."""
    older = an_interaction(revision=6, body_hash="f" * 16)
    assert admit(seen_with(revision=7), older, reread=False) is Admission.STALE


def test_intakes_own_second_copy_is_not_counted_as_the_publishers() -> None:
    """After a crash intake may publish a record twice; the accounting must not see that."""
    assert admit(seen_with(), an_interaction(), reread=True) is Admission.REPLAYED


def test_an_unknown_id_is_accepted_even_from_an_offset_read_before() -> None:
    """A topic that was made anew starts at offset 0 again: nothing may be dropped for that."""
    assert admit({}, an_interaction(), reread=True) is Admission.ACCEPTED


def test_memory_lasts_eight_days() -> None:
    """Ids are forgotten after eight days, not before."""
    first = remember({}, an_interaction("first"))
    just_inside = MONDAY + timedelta(days=SEEN_DAYS)
    kept = remember(first, an_interaction("second", just_inside))
    gone = remember(first, an_interaction("second", just_inside + timedelta(seconds=1)))

    assert len(kept) == 2
    assert len(gone) == 1


def test_memory_has_a_limit() -> None:
    """One bot cannot fill a row: the oldest ids leave first."""
    seen: dict[ShortId, Seen] = {}
    for number in range(SEEN_IDS + 5):
        seen = remember(seen, an_interaction(f"n{number}"))

    assert len(seen) == SEEN_IDS
    assert short_id(an_interaction("n0").interaction_id) not in seen


def test_a_command_read_twice_by_intake_is_no_duplicate_of_its_own() -> None:
    """Accounting adds up after a crash: only what publishers sent twice counts as a duplicate."""
    given = CommandGiven(
        command_id="c1",
        customer_id="ann",
        occurred_at=MONDAY,
        received_at=MONDAY,
        origin_topic="commands.v1",
        origin_partition=3,
        origin_offset=7,
        command=Command(source="desk", id="1", action=Action.ACKNOWLEDGE),
    )
    first = step(None, given, RULEBOOK)
    assert first.admission is Admission.ACCEPTED
    assert step(first.state, given, RULEBOOK).admission is Admission.DUPLICATE
    assert step(first.state, given, RULEBOOK, reread=True).admission is Admission.REPLAYED
    assert origin_of(given) == Origin("commands.v1", 3, 7)
