"""Whose is it: strong handles beat weak ones, limits hold, and nothing is ever moved."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.identity import IdentityBook, IdentityLimits, Resolution, identity_links
from agents.intake.handles import STRENGTH, strength
from agents.intake.ids import customer_id
from tests.agents.intake.making import RECEIVED_AT

HANDLES = sorted(
    [f"{kind}:{number}" for kind in STRENGTH for number in "123"],
    key=strength,
)
handle_sets = st.lists(
    st.lists(st.sampled_from(HANDLES), min_size=1, max_size=6, unique=True).map(
        lambda handles: sorted(handles, key=strength)
    ),
    max_size=30,
)


def test_a_new_customer_is_named_after_the_strongest_handle() -> None:
    """Two workers that meet the customer first give the same id."""
    found = IdentityBook().resolve(["crm:1", "phone:1"])
    assert found == Resolution(customer_id("crm:1"), ("crm:1", "phone:1"))


def test_the_strongest_linked_handle_decides() -> None:
    """Handles of different customers do not merge them: the strongest wins, the rest is told."""
    book = IdentityBook()
    ann, bob = book.resolve(["email:ann"]), book.resolve(["phone:bob"])
    both = book.resolve(["email:ann", "phone:bob", "web:cookie"])
    assert both == Resolution(ann.customer_id, ("web:cookie",), ("phone:bob",))
    assert book.resolve(["phone:bob"]).customer_id == bob.customer_id


def test_an_unknown_strong_handle_joins_through_a_known_weak_one() -> None:
    """Who was a cookie gives a mailbox: it is the same customer."""
    book = IdentityBook()
    visitor = book.resolve(["web:cookie"])
    assert book.resolve(["email:ann", "web:cookie"]) == Resolution(
        visitor.customer_id, ("email:ann",)
    )
    assert book.resolve(["email:ann"]).customer_id == visitor.customer_id


def test_a_shared_mailbox_does_not_make_a_family_one_customer() -> None:
    """Beyond the limit of a stronger kind a weak handle proves nothing any more."""
    book = IdentityBook(IdentityLimits(crm=2))
    first = book.resolve(["crm:1", "email:family"])
    assert book.resolve(["crm:2", "email:family"]).customer_id == first.customer_id
    third = book.resolve(["crm:3", "email:family"])
    assert third == Resolution(customer_id("crm:3"), ("crm:3",), ("email:family",))


def test_more_handles_than_a_person_has_are_not_linked() -> None:
    """A kind that is full stays as it is, and says so."""
    book = IdentityBook(IdentityLimits(web=1))
    book.resolve(["crm:1", "web:1"])
    assert book.resolve(["crm:1", "web:2"]).over_limit == ("web:2",)
    assert "web:2" not in book.owners


def test_a_conversation_never_conflicts() -> None:
    """It only helps records that name nobody, and is published for them."""
    book = IdentityBook()
    stranger = book.resolve(["conversation:9"])
    assert stranger.links == ("conversation:9",)
    known = book.resolve(["crm:1"])
    assert book.resolve(["crm:1", "conversation:9"]) == Resolution(known.customer_id)


def test_people_who_share_a_conversation_are_not_one_customer() -> None:
    """A colleague who answers in the same mail thread is somebody else."""
    book = IdentityBook()
    ann = book.resolve(["email:ann", "conversation:thread"])
    bob = book.resolve(["email:bob", "conversation:thread"])
    assert bob == Resolution(customer_id("email:bob"), ("email:bob",))
    assert book.resolve(["conversation:thread"]).customer_id == ann.customer_id


def test_links_are_published_with_their_evidence() -> None:
    """Each new handle is a record with the customer and what proved it."""
    handles = ["crm:1", "phone:1"]
    links = identity_links(IdentityBook().resolve(handles), handles, RECEIVED_AT, 7)
    assert [link.handle for link in links] == handles
    assert {link.evidence for link in links} == {"crm:1"}
    assert {link.epoch for link in links} == {7}
    assert {link.customer_id for link in links} == {customer_id("crm:1")}


@settings(max_examples=50)
@given(sets=handle_sets)
def test_the_strongest_handle_alone_finds_the_same_customer_for_ever(
    sets: list[list[str]],
) -> None:
    """So a record read again, at any later time, is given to the same customer."""
    book = IdentityBook(IdentityLimits(crm=1, email=2, phone=2, chat=2, web=2))
    first = [book.resolve(handles).customer_id for handles in sets]
    assert [book.resolve(handles).customer_id for handles in sets] == first
    assert [book.resolve(handles[:1]).customer_id for handles in sets] == first


@settings(max_examples=50)
@given(sets=handle_sets)
def test_limits_are_never_exceeded_and_links_never_moved(sets: list[list[str]]) -> None:
    """Whatever arrives, no customer has more of a kind than allowed, and owners stay."""
    limits = IdentityLimits(crm=1, email=2, phone=2, chat=1, web=2)
    book = IdentityBook(limits)
    for handles in sets:
        before = dict(book.owners)
        book.resolve(handles)
        assert before.items() <= book.owners.items()
    for (_, kind), count in book.counts.items():
        limit = limits.of(kind)
        assert limit is None or count <= limit
