"""Chats: which turns ask, which answer, and who is taken for whom."""

from typing import Any

import pytest

from agents.intake.ids import interaction_id
from schemas.common import ActorType, Channel, Direction
from schemas.interaction import Interaction
from tests.agents.intake.making import accepted, at, interaction


def turn(kind: str = "message", **fields: Any) -> Interaction:
    """Return the interaction of a chat record."""
    return interaction(Channel.CHAT, kind=kind, conversation_id="9", **fields)


@pytest.mark.parametrize(
    ("fields", "asks", "answers", "actor"),
    [
        ({"direction": "in"}, True, False, ActorType.CUSTOMER),
        ({"actor": {"type": "customer"}}, True, False, ActorType.CUSTOMER),
        ({}, True, False, ActorType.CUSTOMER),
        ({"direction": "out"}, False, True, ActorType.HUMAN),
        ({"actor": {"type": "human"}}, False, True, ActorType.HUMAN),
        ({"direction": "out", "stage": "bot"}, False, True, ActorType.BOT),
        ({"actor": {"type": "bot"}}, False, True, ActorType.BOT),
        ({"actor": {"type": "system"}}, False, False, ActorType.SYSTEM),
        ({"direction": "out", "visibility": "private"}, False, False, ActorType.HUMAN),
        ({"visibility": "private"}, False, False, ActorType.HUMAN),
        ({"kind": "conversation_started"}, True, False, ActorType.CUSTOMER),
        ({"kind": "conversation_started", "direction": "out"}, False, False, ActorType.CUSTOMER),
        ({"kind": "conversation_reopened"}, False, False, ActorType.SYSTEM),
        ({"kind": "conversation_reopened", "direction": "in"}, True, False, ActorType.CUSTOMER),
        ({"kind": "conversation_assigned"}, False, False, ActorType.SYSTEM),
        ({"kind": "conversation_closed", "closed_by": "human"}, False, False, ActorType.HUMAN),
        ({"kind": "conversation_closed", "closed_by": "bot"}, False, False, ActorType.BOT),
        ({"kind": "conversation_closed"}, False, False, ActorType.SYSTEM),
        ({"kind": "delivery_failed", "direction": "out"}, False, False, ActorType.SYSTEM),
        ({"kind": "message_edited", "direction": "in"}, False, False, ActorType.CUSTOMER),
    ],
)
def test_who_asks_and_who_answers(
    fields: dict[str, Any], asks: bool, answers: bool, actor: ActorType
) -> None:
    """Only a public message asks or answers; the speaker follows from what is known."""
    made = turn(**fields)
    assert (made.contact_at is not None, made.response_at is not None) == (asks, answers)
    assert made.actor.type is actor
    for instant in (made.contact_at, made.response_at):
        assert instant in (None, at("10:00"))


def test_an_unknown_speaker_keeps_their_name() -> None:
    """The type is filled in, id and team stay."""
    made = turn(direction="out", actor={"id": "a7", "team": "north"})
    assert (made.actor.type, made.actor.id, made.team) == (ActorType.HUMAN, "a7", "north")


def test_what_is_edited_or_removed_is_named_by_its_interaction() -> None:
    """The target is the id the earlier message's interaction has."""
    made = turn("message_deleted", target_id="message:7")
    assert made.target_id == interaction_id("s:1", "message:7")
    assert made.deleted


def test_a_rating_brings_its_comment_as_words() -> None:
    """What the customer wrote beside the score is what they said."""
    rating = {"instrument": "csat", "score": 2, "scale_min": 1, "scale_max": 5, "comment": "rude"}
    made = turn("conversation_rated", rating=rating)
    assert (made.text, made.direction, made.contact_at) == ("rude", Direction.IN, None)


def test_a_reply_that_names_nobody_joins_its_conversation() -> None:
    """Without a handle the conversation says whose it is; with one it says so too, as weakest."""
    alone = accepted(Channel.CHAT, kind="message", direction="out", conversation_id="9")
    named = accepted(
        Channel.CHAT, kind="message", conversation_id="9", customer=[{"kind": "chat", "value": "u"}]
    )
    assert alone.handles == ("conversation:s:1|9",)
    assert named.handles == ("chat:s:1:u", "conversation:s:1|9")
