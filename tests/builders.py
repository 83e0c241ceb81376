"""Builders: a valid record of each kind, with only the fields a test cares about spelled out."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from schemas.command import Action, Command, CommandGiven
from schemas.common import Actor, ActorType, Channel, Direction
from schemas.interaction import Interaction, Origin

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""The morning most tests begin on."""

CUSTOMER_ID = "11111111-1111-5111-8111-111111111111"


def at(text: str, day: datetime = MONDAY) -> datetime:
    """`09:30` on the test's Monday, or `+1d 09:30` so many days later."""
    days = 0
    if text.startswith("+"):
        days_text, text = text[1:].split("d ")
        days = int(days_text)
    hour, minute, *second = (int(part) for part in text.split(":"))
    moment = day.replace(hour=hour, minute=minute, second=second[0] if second else 0)
    return moment + timedelta(days=days)


def id_of(name: str) -> str:
    """A stable id for a name."""
    return str(uuid5(NAMESPACE_URL, name))


def an_interaction(name: str = "one", occurred_at: datetime = MONDAY, **fields: Any) -> Interaction:
    """A customer's chat message, unless told otherwise."""
    defaults: dict[str, Any] = {
        "interaction_id": id_of(name),
        "customer_id": CUSTOMER_ID,
        "channel": Channel.CHAT,
        "kind": "message",
        "occurred_at": occurred_at,
        "received_at": occurred_at,
        "source": "test",
        "source_id": name,
        "origin": Origin("interactions.chat.v1", 0, 0),
        "body_hash": "0" * 16,
        "direction": Direction.IN,
        "actor": Actor(ActorType.CUSTOMER),
        "contact_at": occurred_at,
    }
    return Interaction(**(defaults | fields))


def an_answer(name: str = "answer", occurred_at: datetime = MONDAY, **fields: Any) -> Interaction:
    """A representative's public chat message."""
    defaults: dict[str, Any] = {
        "direction": Direction.OUT,
        "actor": Actor(ActorType.HUMAN, id="rep-1", team="care"),
        "contact_at": None,
        "response_at": occurred_at,
    }
    return an_interaction(name, occurred_at, **(defaults | fields))


def a_command(
    action: Action, occurred_at: datetime = MONDAY, name: str = "", **fields: Any
) -> CommandGiven:
    """A command with its customer settled."""
    name = name or f"{action}-{occurred_at.isoformat()}"
    return CommandGiven(
        command_id=id_of(name),
        customer_id=CUSTOMER_ID,
        occurred_at=occurred_at,
        received_at=occurred_at,
        origin_topic="commands.v1",
        origin_partition=0,
        origin_offset=0,
        command=Command(source="test", id=name, action=action, **fields),
    )
