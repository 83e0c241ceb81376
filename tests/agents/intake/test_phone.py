"""Calls: one contact each, answered when somebody picked up, waited for until then."""

from typing import Any

import pytest

from schemas.common import ActorType, Channel, Direction
from schemas.interaction import Interaction
from tests.agents.intake.making import accepted, at, interaction


def call(kind: str = "call_ended", **fields: Any) -> Interaction:
    """Return the interaction of a call record."""
    return interaction(Channel.PHONE, kind=kind, **fields)


def test_a_call_asks_and_is_answered() -> None:
    """One record of a finished call holds both: when they rang and when somebody picked up."""
    made = call(started_at=at("9:50"), queued_at=at("9:51"), answered_at=at("9:53"))
    assert (made.contact_at, made.response_at) == (at("9:50"), at("9:53"))
    assert (made.wait_seconds, made.abandoned, made.actor.type) == (120.0, False, ActorType.HUMAN)


def test_live_and_final_records_of_a_call_are_one_contact() -> None:
    """Every record of a call gives the same contact and the same conversation."""
    started = call("call_started", call_id="c1", occurred_at=at("9:50"))
    ended = call("call_ended", call_id="c1", started_at=at("9:50"), answered_at=at("9:53"))
    assert started.contact_at == ended.contact_at == at("9:50")
    assert started.conversation_key == ended.conversation_key == "s:1|c1"
    assert started.response_at is None


def test_times_are_derived_from_durations() -> None:
    """Where a system sends durations only, the times follow backwards from the end."""
    made = call(talk_seconds=300, hold_seconds=60, queue_wait_seconds=30, ring_seconds=10)
    assert made.response_at == at("9:54")
    assert made.contact_at == at("9:53:20")
    assert made.wait_seconds == 40.0


def test_times_win_over_durations() -> None:
    """When both times exist they win over the duration."""
    made = call(queued_at=at("9:50"), answered_at=at("9:52"), queue_wait_seconds=7, talk_seconds=1)
    assert (made.response_at, made.wait_seconds) == (at("9:52"), 120.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "call_abandoned"},
        {"kind": "call_ended", "abandoned_in": "queue"},
    ],
)
def test_an_abandoned_call_was_a_contact_nobody_answered(fields: dict[str, Any]) -> None:
    """The customer waited from the queue to the end, and nobody spoke to them."""
    made = call(**fields, queued_at=at("9:55:40"))
    assert (made.abandoned, made.response_at, made.wait_seconds) == (True, None, 260.0)
    assert (made.contact_at, made.actor.type) == (at("9:55:40"), ActorType.CUSTOMER)


def test_an_answered_call_out_is_a_response_and_no_contact() -> None:
    """We rang them: it answers, it does not ask, and nobody waited for us."""
    made = call(direction="out", started_at=at("9:50"), answered_at=at("9:51"))
    assert (made.contact_at, made.response_at) == (None, at("9:51"))
    assert (made.wait_seconds, made.actor.type) == (None, ActorType.HUMAN)


@pytest.mark.parametrize(
    "fields",
    [
        {"direction": "out", "end_reason": "no_answer"},
        {"direction": "out", "talk_seconds": 0},
        {"direction": "out", "kind": "voicemail"},
        {"direction": "in", "kind": "voicemail"},
        {"direction": "in", "talk_seconds": 0},
        {"direction": "in", "kind": "call_transferred", "answered_at": None},
        {"direction": "in", "answered_at": at("9:51"), "actor": {"type": "system"}},
        {"direction": "internal", "answered_at": at("9:51")},
        {"direction": "in", "answered_at": at("9:51"), "visibility": "private"},
    ],
)
def test_what_reached_nobody_is_no_response(fields: dict[str, Any]) -> None:
    """No answer, no talk, a recorded message, a machine or a colleague: no clock stops."""
    assert call(**fields).response_at is None


def test_a_transfer_hands_over_to_its_team_and_is_no_word_of_the_customer() -> None:
    """Many systems know the team by its queue only; nothing else hands a call over."""
    made = call(direction="in", kind="call_transferred", queue="Billing")
    assert (made.handed_to, made.contact_at) == ("Billing", None)
    assert call(kind="call_transferred", queue="q1", team="Depot").handed_to == "Depot"
    assert call(queue="Billing", team="Depot").handed_to is None


def test_a_call_a_person_ended_was_answered_at_the_latest_at_its_end() -> None:
    """A record that names the representative but no times cannot claim an earlier answer."""
    made = call(actor={"type": "human", "id": "a1"})
    assert made.response_at == at("10:00")
    assert call(actor={"type": "human"}, end_reason="no_answer").response_at is None


def test_unset_times_are_no_times() -> None:
    """0 written as 1970, and clocks that are days ahead, are left out."""
    made = call(started_at="1970-01-01T00:00:00Z", answered_at="2027-01-01T00:00:00Z")
    assert (made.contact_at, made.response_at) == (at("10:00"), None)


def test_disagreeing_clocks_do_not_answer_before_asking() -> None:
    """An answer a second before the call started is an answer at once."""
    made = call(started_at=at("9:50:01"), answered_at=at("9:50"))
    assert made.contact_at == made.response_at == at("9:50")


def test_a_rating_of_a_call_is_neither_contact_nor_answer() -> None:
    """1 is the best on this menu: the score is turned round on its own scale."""
    rating = {"instrument": "csat", "score": 1, "scale_min": 1, "scale_max": 5, "reversed": True}
    made = call("call_rated", rating=rating, answered_at=at("9:51"))
    assert (made.contact_at, made.response_at) == (None, None)
    assert made.rating is not None
    assert (made.rating.score, made.rating.reversed, made.direction) == (5.0, False, Direction.IN)


def test_the_other_end_of_the_line_is_the_customer() -> None:
    """Without a named customer it is the caller of a call in, the called of a call out."""
    numbers = {"from_number": "13800138000", "to_number": "+49 30 1234567"}
    inbound = accepted(Channel.PHONE, kind="call_ended", call_id="c", **numbers)
    outbound = accepted(Channel.PHONE, kind="call_ended", direction="out", **numbers)
    assert inbound.handles == ("phone:+8613800138000", "conversation:s:1|c")
    assert outbound.handles == ("phone:+49301234567",)


def test_a_withheld_number_is_known_by_its_call() -> None:
    """An anonymous caller is a customer for the length of the call."""
    made = accepted(Channel.PHONE, kind="call_started", call_id="c", from_number="anonymous")
    assert made.handles == ("conversation:s:1|c",)


def test_the_chain_of_a_call_is_one_conversation() -> None:
    """Chain, own id and predecessor are all keys of the conversation."""
    made = call(conversation_id="first", call_id="third", parent_id="second")
    assert made.conversation_key == "s:1|first"
    assert made.parent_keys == ["s:1|third", "s:1|second"]


def test_of_a_transcript_the_customer_s_turns_are_kept() -> None:
    """What staff said is not the customer's word."""
    turns = [
        {"speaker": "agent", "text": "How can I help?"},
        {"speaker": "Customer", "text": "My parcel is lost."},
        {"speaker": "customer", "text": "I want my money back."},
    ]
    made = call(transcript=turns, answered_at=at("9:51"))
    assert made.text == "My parcel is lost.\nI want my money back."
    assert (made.actor.type, made.text_by) == (ActorType.HUMAN, ActorType.CUSTOMER)
    assert call(text="Caller was upset.").text_by is None
