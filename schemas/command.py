"""Commands: what staff tell manyi to do with a complaint, by HTTP, CLI or topic."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas import limits
from schemas.common import (
    IDENTIFIER,
    Actor,
    Category,
    ConversationId,
    Handle,
    Instant,
    Ref,
    RepresentativeId,
    SourceId,
    SourceName,
    Team,
    TierWord,
)

GivenId = Annotated[str, Meta(min_length=1, max_length=limits.GIVEN_ID, extra=IDENTIFIER)]
"""An id that manyi gave: of a customer or a complaint."""


class Action(StrEnum):
    """What shall be done. Each is idempotent: doing it twice changes nothing."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    PAUSE = "pause"
    RESUME = "resume"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    SET_PRIORITY = "set_priority"
    SET_CAUSE = "set_cause"
    CHANGE = "change"
    COMMENT = "comment"
    MERGE = "merge"
    UNMERGE = "unmerge"


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="command"):
    """A command about one complaint, or about a customer. Topic `commands.v1`, then, with its
    customer, the one log.

    The customer is named by `customer_id` or by `customer` handles. The complaint is named by
    `complaint_id`, by one of `refs`, by `conversation_id`, or, where none is given, it is the
    customer's newest open one. Which further field an action reads: assign `team` and `owner`;
    pause `reason`; set_priority `priority`; set_cause `cause`; change `severity`, `category`,
    `tier` (severity and tier in words that the policy file knows); comment and resolve `comment`.
    Merge and unmerge are about the customer: `into` is who it turned out to be.
    """

    source: SourceName
    id: SourceId
    action: Action
    version: int = 1
    occurred_at: Instant | None = None
    by: Actor = Actor()
    customer_id: GivenId | None = None
    customer: Annotated[list[Handle], Meta(max_length=limits.HANDLES)] = []
    complaint_id: GivenId | None = None
    conversation_id: ConversationId | None = None
    refs: Annotated[list[Ref], Meta(max_length=limits.REFS)] = []
    team: Team | None = None
    owner: RepresentativeId | None = None
    reason: Annotated[str, Meta(max_length=limits.COMMAND_REASON)] | None = None
    priority: Annotated[str, Meta(max_length=limits.CATEGORY)] | None = None
    cause: Category | None = None
    severity: Annotated[str, Meta(max_length=limits.CATEGORY)] | None = None
    category: Category | None = None
    tier: TierWord | None = None
    comment: Annotated[str, Meta(max_length=limits.COMMAND_COMMENT)] | None = None
    into: GivenId | None = None
    quiet: bool = False


class CommandGiven(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="command_given"):
    """A command with its customer and its times settled by intake. Topic `customer-events.v1`."""

    command_id: str
    customer_id: str
    occurred_at: Instant
    received_at: Instant
    origin_topic: str
    origin_partition: int
    origin_offset: int
    command: Command
