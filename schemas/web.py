"""The web record: forms, page problems, purchases and refunds, reviews and survey answers."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas import limits
from schemas.common import (
    IDENTIFIER,
    ChannelRecord,
    ConversationId,
    Currency,
    Decimal4,
    RefValue,
    SourceId,
)


class WebKind(StrEnum):
    """What happened on the web."""

    FORM_SUBMITTED = "form_submitted"
    PAGE_PROBLEM = "page_problem"
    PURCHASE = "purchase"
    REFUND = "refund"
    REVIEW = "review"
    SURVEY_ANSWER = "survey_answer"


class ProblemSeverity(StrEnum):
    """How bad a page problem is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    OTHER = "other"


class About(Struct, frozen=True, omit_defaults=True, gc=False):
    """What an answer is about."""

    conversation_id: ConversationId | None = None
    interaction_id: SourceId | None = None
    order_id: RefValue | None = None


class WebRecord(ChannelRecord, kw_only=True, omit_defaults=True):
    """A channel record of `interactions.web.v1`. One record per scored question of a survey."""

    kind: WebKind
    order_id: RefValue | None = None
    amount: Decimal4 | None = None
    currency: Currency | None = None
    item_count: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    status: Annotated[str, Meta(max_length=64)] | None = None
    page_url: Annotated[str, Meta(max_length=limits.PAGE_URL)] | None = None
    referrer: Annotated[str, Meta(max_length=limits.PAGE_URL)] | None = None
    problem: Annotated[str, Meta(max_length=limits.PROBLEM)] | None = None
    severity: ProblemSeverity | None = None
    form_id: RefValue | None = None
    fields: Annotated[
        dict[
            Annotated[str, Meta(max_length=limits.REF_VALUE, extra=IDENTIFIER)],
            Annotated[str, Meta(max_length=limits.ATTRIBUTE_VALUE)],
        ],
        Meta(max_length=limits.FORM_FIELDS),
    ] = {}
    survey_id: RefValue | None = None
    response_id: RefValue | None = None
    question_id: RefValue | None = None
    about: About | None = None
    product: Annotated[str, Meta(max_length=limits.PRODUCT)] | None = None
    title: Annotated[str, Meta(max_length=limits.TITLE)] | None = None
    verified: bool | None = None
    deleted: bool = False
