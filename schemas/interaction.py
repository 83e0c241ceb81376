"""The canonical interaction: what intake makes of a channel record of any channel.

From here on the channel makes no difference. Intake has decided who the customer is, which words
are the customer's own, when the customer asked (`contact_at`) and when somebody answered
(`response_at`).
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas import limits
from schemas.common import (
    Actor,
    ActorType,
    Category,
    Channel,
    Currency,
    CustomerProfile,
    Decimal4,
    Direction,
    Instant,
    Language,
    Name,
    Rating,
    SourceId,
    SourceName,
    Team,
    Text,
    TimeQuality,
    Visibility,
)
from schemas.email import AutoKind


class Origin(Struct, frozen=True, array_like=True, gc=False):
    """Where on Kafka the channel record stands; explanations and accounts go back to it."""

    topic: str
    partition: int
    offset: int


class SurveyRef(Struct, frozen=True, omit_defaults=True, gc=False):
    """Which question of which survey a score answers, and what the survey was about."""

    survey_id: str | None = None
    response_id: str | None = None
    question_id: str | None = None
    about_conversation: str | None = None
    about_interaction: str | None = None
    about_order: str | None = None


class Interaction(
    Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="interaction"
):
    """One thing between a customer and the company. `customer-events.v1`, key `customer_id`.

    `interaction_id` is UUIDv5 of (source, id) and the same for every revision. `contact_at` is set
    when the customer turned to us, `response_at` when a public human or bot response reached the
    customer (see `actor.type`); a call record may hold both. `conversation_key` is
    `<source>|<conversation>`, or `mail|<root message id>`; `parent_keys` are further keys the same
    conversation is known by. `target_id` is the interaction an edit, removal or failed delivery is
    about. `text` is the actor's word unless `text_by` names another speaker, such as the customer
    in the transcript of a call a representative took. `handed_to` is the team the matter rests with
    from here on. `matter_refs` are `kind:value` texts such as `order:4711`. `rating` is turned so
    that more is better. `quiet` marks history: its clocks give verdicts and its alerts page nobody.
    """

    interaction_id: str
    customer_id: str
    channel: Channel
    kind: str
    occurred_at: Instant
    received_at: Instant
    source: SourceName
    source_id: SourceId
    origin: Origin
    body_hash: str
    direction: Direction | None = None
    actor: Actor = Actor()
    visibility: Visibility = Visibility.PUBLIC
    time_quality: TimeQuality = TimeQuality.EXACT
    revision: int | None = None
    sequence: int | None = None
    contact_at: Instant | None = None
    response_at: Instant | None = None
    wait_seconds: float | None = None
    abandoned: bool = False
    conversation_key: str | None = None
    target_id: str | None = None
    parent_keys: list[str] = []
    matter_refs: list[str] = []
    handles: list[str] = []
    customer_name: Name | None = None
    customer_profile: CustomerProfile | None = None
    text: Text | None = None
    text_by: ActorType | None = None
    subject: Annotated[str, Meta(max_length=limits.SUBJECT)] | None = None
    language: Language | None = None
    rating: Rating | None = None
    survey: SurveyRef | None = None
    deleted: bool = False
    amount: Decimal4 | None = None
    currency: Currency | None = None
    category: Category | None = None
    priority: Annotated[str, Meta(max_length=limits.CATEGORY)] | None = None
    tags: list[str] = []
    complaint: bool | None = None
    team: Team | None = None
    handed_to: Team | None = None
    auto_kind: AutoKind = AutoKind.NONE
    mapped_by: str | None = None
    quiet: bool = False
