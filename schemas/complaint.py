"""The complaint: a promise to a customer, open until resolved, in the stages of ISO 10002."""

from enum import StrEnum

from msgspec import Struct, field

from schemas.common import Instant


class Stage(StrEnum):
    """The stages of ISO 10002:2018 clause 8 that a contact centre can observe."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Severity(StrEnum):
    """How much harm is done or threatened; policies promise by it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class OpenReason(StrEnum):
    """Why a complaint was opened or joined: every decision carries its reason."""

    EXPLICIT = "explicit"
    CATEGORY = "category"
    LOW_RATING = "low_rating"
    WORDS = "words"
    REPEATED_CONTACT = "repeated_contact"
    ABANDONED_CALL = "abandoned_call"
    SPAM_COMPLAINT = "spam_complaint"
    REFUND = "refund"


class Reason(Struct, frozen=True, omit_defaults=True, gc=False):
    """A reason with the evidence that made it: the matched words, the score, the seconds waited."""

    code: OpenReason
    detail: str = ""
    interaction_id: str = ""


class ClockView(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A clock as readers see it. `state` is running, paused, met, breached or ended.

    `instance` tells the clocks of one target apart: `once`, or the id of the event that started the
    wait. `team` is with whom the complaint rests, of `hand_over` only.
    """

    target: str
    state: str
    instance: str = ""
    team: str = ""
    started_at: Instant
    due_at: Instant | None = None
    limit_seconds: float
    used_seconds: float
    breached_at: Instant | None = None
    ended_at: Instant | None = None
    policy: str = ""
    policy_version: str = ""


class Complaint(Struct, kw_only=True, omit_defaults=True, gc=False):
    """A complaint and its clocks, at every change. Topic `complaints.v1`, key `complaint_id`.

    `complaint_id` is UUIDv5 of the interaction that opened it. `matter_refs` and
    `conversation_keys` decide what joins it. `hand_over_count` counts the times one team gave it to
    another, `hand_back_count` those of them to a team that had had it before. `change_count` grows
    by one with every published change. `merged_into` is the earlier complaint about the same matter
    that it joined when its customer turned out to be another one.
    """

    complaint_id: str
    customer_id: str
    stage: Stage = Stage.RECEIVED
    severity: Severity = Severity.MEDIUM
    priority: str = ""
    category: str = ""
    cause: str = ""
    demand: str = ""
    reasons: list[Reason] = field(default_factory=list)
    channel: str = ""
    channels: list[str] = field(default_factory=list)
    matter_refs: list[str] = field(default_factory=list)
    conversation_keys: list[str] = field(default_factory=list)
    summary: str = ""
    team: str = ""
    owner: str = ""
    region: str = ""
    tier: str = ""
    language: str = ""
    opened_at: Instant
    acknowledged_at: Instant | None = None
    first_response_at: Instant | None = None
    resolved_at: Instant | None = None
    closed_at: Instant | None = None
    last_contact_at: Instant | None = None
    reopened_count: int = 0
    hand_over_count: int = 0
    hand_back_count: int = 0
    contact_count: int = 1
    clocks: list[ClockView] = field(default_factory=list)
    quiet: bool = False
    merged_into: str = ""
    change_count: int = 0
    version: int = 1
