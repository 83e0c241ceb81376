"""What detection finds, as closed vocabularies: language, cause, demand, and the finding itself."""

from enum import StrEnum

from msgspec import Struct

from schemas.complaint import Severity


class RuleLanguage(StrEnum):
    """The languages rules exist for; `zh` is read in simplified and traditional characters."""

    EN = "en"
    ZH = "zh"


class Cause(StrEnum):
    """What a complaint is about. A hint: policies and people may decide otherwise."""

    SERVICE = "service"
    PRODUCT = "product"
    DELIVERY = "delivery"
    BILLING = "billing"
    PROMISE = "promise"
    MANAGEMENT = "management"
    OTHER = "other"


class Demand(StrEnum):
    """What the customer asks for: the "demand" that ISO 10002 wants recorded with a complaint."""

    REFUND = "refund"
    REPLACEMENT = "replacement"
    REPAIR = "repair"
    COMPENSATION = "compensation"
    APOLOGY = "apology"
    CORRECTION = "correction"
    CANCELLATION = "cancellation"
    EXPLANATION = "explanation"
    ESCALATION = "escalation"


class Span(Struct, frozen=True):
    """Where a rule matched: character positions in the text that was examined."""

    rule: str
    start: int
    end: int


class Detection(Struct, frozen=True, kw_only=True):
    """A complaint found in words. `reason` quotes what matched, at most 200 characters.

    `score` is the sum of the weights of the rules that matched, less praise; 1.0 makes a complaint.
    """

    rules: tuple[str, ...]
    spans: tuple[Span, ...]
    reason: str
    language: RuleLanguage
    severity: Severity
    cause: Cause
    demands: tuple[Demand, ...]
    score: float
