"""The chat record: a message, its correction or removal, and the turns of a conversation's life."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas import limits
from schemas.common import IDENTIFIER, ChannelRecord, RepresentativeId, SourceId


class ChatKind(StrEnum):
    """What happened in the conversation."""

    MESSAGE = "message"
    MESSAGE_EDITED = "message_edited"
    MESSAGE_DELETED = "message_deleted"
    CONVERSATION_STARTED = "conversation_started"
    CONVERSATION_ASSIGNED = "conversation_assigned"
    CONVERSATION_CLOSED = "conversation_closed"
    CONVERSATION_REOPENED = "conversation_reopened"
    CONVERSATION_RATED = "conversation_rated"
    DELIVERY_FAILED = "delivery_failed"


class MessageType(StrEnum):
    """The form of a message."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    LOCATION = "location"
    STICKER = "sticker"
    CARD = "card"
    MENU = "menu"
    OTHER = "other"


class ChatStage(StrEnum):
    """Who leads the conversation now."""

    BOT = "bot"
    HUMAN = "human"
    OTHER = "other"


class ClosedBy(StrEnum):
    """Who closed the conversation."""

    CUSTOMER = "customer"
    HUMAN = "human"
    BOT = "bot"
    SYSTEM = "system"
    OTHER = "other"


class ChatAttachment(Struct, frozen=True, omit_defaults=True, gc=False):
    """What was sent along, never the bytes."""

    media_type: Annotated[str, Meta(max_length=limits.MEDIA_TYPE)] | None = None
    size_bytes: Annotated[int, Meta(ge=0)] | None = None


class ChatRecord(ChannelRecord, kw_only=True, omit_defaults=True):
    """A channel record of `interactions.chat.v1`."""

    kind: ChatKind
    message_type: MessageType = MessageType.TEXT
    target_id: SourceId | None = None
    inbox: Annotated[str, Meta(max_length=limits.QUEUE)] | None = None
    assignee: RepresentativeId | None = None
    stage: ChatStage | None = None
    closed_by: ClosedBy | None = None
    menu_id: Annotated[str, Meta(max_length=limits.MENU_ID, extra=IDENTIFIER)] | None = None
    attachments: Annotated[list[ChatAttachment], Meta(max_length=limits.CHAT_ATTACHMENTS)] = []
