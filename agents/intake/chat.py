"""Chats: who spoke to whom, and which turns of a conversation ask or answer something.

Only a public message of the customer asks, only a public one of a human or bot answers. Edits,
removals, assignments and delivery reports do neither. A message of which neither direction nor
speaker is known is taken for the customer's: a false wait is seen, a lost complaint is not.
"""

from agents.intake.ids import interaction_id
from agents.intake.parts import Context, Draft, common_fields, with_actor
from agents.intake.words import own_words
from schemas.chat import ChatKind, ChatRecord, ChatStage, ClosedBy
from schemas.common import ActorType, Channel, Direction, Visibility
from schemas.interaction import Interaction

# A member of an enum is looked up by a name of its class, which costs more than the comparison.
_PUBLIC = Visibility.PUBLIC
_IN, _OUT = Direction.IN, Direction.OUT
_MESSAGE = ChatKind.MESSAGE
_ASSIGNED = ChatKind.CONVERSATION_ASSIGNED
_DELETED = ChatKind.MESSAGE_DELETED
_ANSWERS = frozenset({ActorType.HUMAN, ActorType.BOT})
_ASKS = frozenset({ActorType.CUSTOMER, ActorType.OTHER})
_ASKING_KINDS = frozenset(
    {ChatKind.MESSAGE, ChatKind.CONVERSATION_STARTED, ChatKind.CONVERSATION_REOPENED}
)
_MESSAGES = frozenset({ChatKind.MESSAGE, ChatKind.MESSAGE_EDITED, ChatKind.MESSAGE_DELETED})
_CUSTOMERS_TURN = frozenset({ChatKind.CONVERSATION_STARTED, ChatKind.CONVERSATION_RATED})
_CLOSERS = {
    ClosedBy.CUSTOMER: ActorType.CUSTOMER,
    ClosedBy.HUMAN: ActorType.HUMAN,
    ClosedBy.BOT: ActorType.BOT,
}


def to_interaction(record: ChatRecord, context: Context) -> Draft:
    """Make the interaction of a chat record."""
    fields = common_fields(record, context)
    kind = record.kind
    direction = _direction(record)
    actor = with_actor(record.actor, _default_actor(record, direction))
    public = record.visibility is _PUBLIC
    occurred_at = fields["occurred_at"]
    asks = public and kind in _ASKING_KINDS and direction is _IN and actor.type in _ASKS
    answers = public and kind is _MESSAGE and direction is _OUT and actor.type in _ANSWERS
    comment = record.rating.comment if record.rating is not None else None
    text = record.text or comment
    return Draft(
        Interaction(
            **fields,
            kind=kind,
            direction=direction,
            actor=actor,
            contact_at=occurred_at if asks else None,
            response_at=occurred_at if answers else None,
            target_id=(
                interaction_id(record.source, record.target_id) if record.target_id else None
            ),
            text=own_words(Channel.CHAT, text, record.text_format) if text else None,
            handed_to=record.team if kind is _ASSIGNED else None,
            deleted=kind is _DELETED,
        )
    )


def _direction(record: ChatRecord) -> Direction:
    if record.direction is not None:
        return record.direction
    if record.visibility is Visibility.PRIVATE:
        return Direction.INTERNAL
    if record.actor.type is ActorType.CUSTOMER or record.kind in _CUSTOMERS_TURN:
        return Direction.IN
    if record.kind in _MESSAGES:
        spoken = record.actor.type in (ActorType.HUMAN, ActorType.BOT, ActorType.SYSTEM)
        return Direction.OUT if spoken else Direction.IN
    return Direction.INTERNAL


def _default_actor(record: ChatRecord, direction: Direction) -> ActorType:
    if record.kind is ChatKind.CONVERSATION_CLOSED and record.closed_by is not None:
        return _CLOSERS.get(record.closed_by, ActorType.SYSTEM)
    if record.kind in _CUSTOMERS_TURN or direction is Direction.IN:
        return ActorType.CUSTOMER
    if record.kind not in _MESSAGES:
        return ActorType.SYSTEM
    return ActorType.BOT if record.stage is ChatStage.BOT else ActorType.HUMAN
