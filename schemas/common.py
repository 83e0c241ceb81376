"""What all channel records share: who, where, when, about what, and how the customer rated it.

Times are aware UTC instants (RFC 3339 text on the wire); amounts are decimal text; ids are always
text, because real systems send ids beyond 2^53 and switch between number and text.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas import limits

IDENTIFIER = {"identifier": True}
"""Marks a text that is dropped, never cut, when too long: a cut id names something else."""

INT64_MAX = 2**63 - 1

Instant = Annotated[datetime, Meta(tz=True)]
"""An aware instant. Naive text is refused: a time without a zone is a guess."""

SourceName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=limits.SOURCE,
        pattern=r"^[a-z0-9._:-]+$",
        extra=IDENTIFIER,
    ),
]
"""System and instance that published a record, such as `chatwoot:1` or `amazon-connect`."""

SourceId = Annotated[str, Meta(min_length=1, max_length=limits.SOURCE_ID, extra=IDENTIFIER)]
"""The happening, unique in its source: `csat:4003`, not the object it happened to."""

Name = Annotated[str, Meta(max_length=limits.NAME)]
Text = Annotated[str, Meta(max_length=limits.TEXT)]
Category = Annotated[str, Meta(max_length=limits.CATEGORY)]
Team = Annotated[str, Meta(max_length=limits.TEAM)]
RepresentativeId = Annotated[str, Meta(max_length=limits.REPRESENTATIVE_ID, extra=IDENTIFIER)]
Language = Annotated[str, Meta(max_length=limits.LANGUAGE, extra=IDENTIFIER)]
ConversationId = Annotated[str, Meta(max_length=limits.CONVERSATION_ID, extra=IDENTIFIER)]
RefValue = Annotated[str, Meta(min_length=1, max_length=limits.REF_VALUE, extra=IDENTIFIER)]
Seconds = Annotated[float, Meta(ge=0, le=limits.DURATION_SECONDS)]
Decimal4 = Annotated[
    str,
    Meta(
        max_length=limits.AMOUNT_DIGITS, pattern=r"^-?[0-9]{1,13}(\.[0-9]{1,4})?$", extra=IDENTIFIER
    ),
]
"""Decimal text in major units, at most 4 places, at most 10^12 in size."""

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", extra=IDENTIFIER)]
"""ISO 4217."""


class Channel(StrEnum):
    """The contact channels. A new one needs a file here, one in agents/intake/ and a topic."""

    PHONE = "phone"
    EMAIL = "email"
    CHAT = "chat"
    WEB = "web"


class Direction(StrEnum):
    """Seen from the company: `in` comes from the customer."""

    IN = "in"
    OUT = "out"
    INTERNAL = "internal"


class Visibility(StrEnum):
    """Only public messages reach the customer, so only they can stop a response clock."""

    PUBLIC = "public"
    PRIVATE = "private"


class ActorType(StrEnum):
    """Who spoke. `human` is a representative; a `bot` talks by itself; a `system` only notifies."""

    CUSTOMER = "customer"
    HUMAN = "human"
    BOT = "bot"
    SYSTEM = "system"
    UNKNOWN = "unknown"
    OTHER = "other"


class TimeQuality(StrEnum):
    """How far `occurred_at` can be trusted: half of the real systems send no time or no zone."""

    EXACT = "exact"
    ASSUMED_ZONE = "assumed_zone"
    ARRIVAL = "arrival"


class HandleKind(StrEnum):
    """One way to address a customer, strongest first: a CRM id beats an e-mail address."""

    CRM = "crm"
    EMAIL = "email"
    PHONE = "phone"
    CHAT = "chat"
    WEB = "web"


class RefKind(StrEnum):
    """What a record is about, in other systems' words."""

    ORDER = "order"
    TICKET = "ticket"
    CASE = "case"
    PRODUCT = "product"
    CONTACT = "contact"
    OTHER = "other"


class Instrument(StrEnum):
    """The kind of question behind a score (research: measures, section 3)."""

    CSAT = "csat"
    NPS = "nps"
    CES = "ces"
    SERVQUAL = "servqual"
    CUSTOM = "custom"


class TextFormat(StrEnum):
    """How `text` is written."""

    PLAIN = "plain"
    HTML = "html"


class Tier(StrEnum):
    """Customer value, as the theory of key customers divides it: VIP, major, common, minor."""

    VIP = "vip"
    MAJOR = "major"
    COMMON = "common"
    MINOR = "minor"


TierWord = Annotated[str, Meta(max_length=limits.CATEGORY)]
"""A company's own word for the worth of a customer."""


class Handle(Struct, frozen=True, omit_defaults=True, gc=False):
    """One way to address a customer; `namespace` keeps ids of different systems apart."""

    kind: HandleKind
    value: Annotated[str, Meta(min_length=1, max_length=limits.HANDLE_VALUE, extra=IDENTIFIER)]
    namespace: Annotated[str, Meta(max_length=limits.HANDLE_NAMESPACE, extra=IDENTIFIER)] | None = (
        None
    )


class Actor(Struct, frozen=True, omit_defaults=True, gc=False):
    """Who spoke. `id`, `name` and `team` are the representative's when `type` is `human`."""

    type: ActorType = ActorType.UNKNOWN
    id: RepresentativeId | None = None
    name: Name | None = None
    team: Team | None = None


class Ref(Struct, frozen=True, gc=False):
    """A reference to an order, ticket, case, product or contact of another system."""

    kind: RefKind
    value: RefValue


class Rating(Struct, frozen=True, omit_defaults=True, gc=False):
    """A score with its scale, because a score without its scale is noise.

    `reversed` is true where the low end is the best (Chinese IVR menus: 1 = very satisfied).
    `expected` and `perceived` are on the same scale (SERVQUAL asks both).
    """

    instrument: Instrument
    score: float | None = None
    scale_min: float | None = None
    scale_max: float | None = None
    reversed: bool = False
    label: Annotated[str, Meta(max_length=limits.RATING_LABEL)] | None = None
    question: Annotated[str, Meta(max_length=limits.RATING_QUESTION)] | None = None
    comment: Annotated[str, Meta(max_length=limits.RATING_COMMENT)] | None = None
    dimension: Annotated[str, Meta(max_length=limits.DIMENSION)] | None = None
    expected: float | None = None
    perceived: float | None = None
    asked_at: Instant | None = None


class CustomerProfile(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a publisher knows of the customer; the newest value by event time holds.

    `tier` is the publisher's word; the policy file says which of the four tiers it means.
    """

    tier: TierWord | None = None
    region: Annotated[str, Meta(max_length=32)] | None = None
    timezone: Annotated[str, Meta(max_length=64, extra=IDENTIFIER)] | None = None
    language: Language | None = None


Attributes = dict[
    Annotated[str, Meta(max_length=limits.ATTRIBUTE_KEY, extra=IDENTIFIER)],
    Annotated[str, Meta(max_length=limits.ATTRIBUTE_VALUE)] | bool | int | float,
]
"""Only what a mapping names: at most 64 texts, numbers or booleans."""


class ChannelRecord(Struct, kw_only=True, omit_defaults=True, gc=False):
    """The fields common to all four channel records; each channel adds its own kinds and fields.

    Unknown fields are ignored and counted by name. A wrong type in an optional field drops that
    field; in a required one it makes the record a dead letter.
    """

    source: SourceName
    id: SourceId
    version: int = 1
    revision: Annotated[int, Meta(ge=0, le=INT64_MAX)] | None = None
    sequence: Annotated[int, Meta(ge=-INT64_MAX, le=INT64_MAX)] | None = None
    occurred_at: Instant | None = None
    time_quality: TimeQuality = TimeQuality.EXACT
    sent_at: Instant | None = None
    direction: Direction | None = None
    visibility: Visibility = Visibility.PUBLIC
    actor: Actor = Actor()
    customer: Annotated[list[Handle], Meta(max_length=limits.HANDLES)] = []
    customer_name: Name | None = None
    customer_profile: CustomerProfile | None = None
    conversation_id: ConversationId | None = None
    parent_id: Annotated[str, Meta(max_length=limits.MESSAGE_ID, extra=IDENTIFIER)] | None = None
    refs: Annotated[list[Ref], Meta(max_length=limits.REFS)] = []
    text: Text | None = None
    text_truncated: bool = False
    text_format: TextFormat = TextFormat.PLAIN
    language: Language | None = None
    category: Category | None = None
    priority: Annotated[str, Meta(max_length=limits.CATEGORY)] | None = None
    tags: Annotated[
        list[Annotated[str, Meta(max_length=limits.TAG)]], Meta(max_length=limits.TAGS)
    ] = []
    team: Team | None = None
    complaint: bool | None = None
    rating: Rating | None = None
    attributes: Annotated[Attributes, Meta(max_length=limits.ATTRIBUTES)] = {}
    mapped_by: Annotated[str, Meta(max_length=128)] | None = None
