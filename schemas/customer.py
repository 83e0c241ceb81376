"""The customer's row: the one state per customer, kept in the changelog of the customer pipeline.

Every list has a named limit; what falls out of a list stays counted. Positional (array-like)
structs keep an idle customer's row small.
"""

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct, field

from schemas.clock import Announced, ComplaintEvent
from schemas.command import CommandGiven
from schemas.common import CustomerProfile
from schemas.compact import ShortHash, ShortId, ShortWord
from schemas.complaint import Complaint, Reason
from schemas.interaction import Interaction
from schemas.policy import ComplaintContext
from schemas.satisfaction import SatisfactionScore

RowFormat = Literal[2]
ROW_FORMAT: Final = 2
"""Grows by one whenever rows change their shape: rows of another format are refused, not misread.
Format 1 named its fields."""

TIMELINE_ENTRIES = 30
"""Newest interactions shown on the customer's card."""
TIMELINE_TEXT = 140
SEEN_DAYS = 8
"""How long an id is remembered: WhatsApp retries for 7 days, the longest found (research: channels,
section 7)."""
SEEN_IDS = 2_000
"""Most ids remembered per customer within those days: a guard against one bot filling a row."""
HANDLES = 64
THREADS = 64
THREAD_TURNS = 32
OPEN_COMPLAINTS = 1_000
"""Open complaints of one customer: a reseller or a service desk's own account may have hundreds."""
ENDED_COMPLAINTS = 16
"""Resolved and closed complaints kept in the row; older ones leave it, and stay on their topic."""
COMPLAINT_EVENTS = 256
"""History of one complaint. A longer one keeps its first half and its newest half."""
SCORES = 64
SCORE_DAYS = 90
AMOUNTS = 64
CURRENCIES = 8
COMMANDS_SEEN = 256
POLICY_VERSIONS = 200
"""Versions of the policy a partition keeps. A company changes its promises some times a year; of
the 201st the oldest goes, and what it judged is judged by the oldest that is left."""
PENDING_COMMANDS = 1_000
"""Commands that arrived before the complaint they are about: topics are read side by side, so this
happens."""
PENDING_SECONDS = 3_600
"""How long such a command waits before it becomes a dead letter."""
GUESTS = 32
"""Customers merged into one: a person has some addresses and numbers nobody connected, a firm may
have a few dozen accounts. Beyond it a handle is shared, and merging would be a mistake."""
HELD = 1_000
"""Events that wait while a merge is being undone, which takes two hops through Kafka. Of more than
that the oldest goes on without the complaints that are still on their way."""
SENDERS = 256
"""Customers whose last number is remembered: all who are merged into one, and some who were."""


class Seen(Struct, array_like=True, frozen=True, gc=False):
    """An interaction id that has been here: its revision (-1 none), body hash and arrival (epoch
    seconds)."""

    revision: int
    body_hash: ShortHash
    received_s: int


class ChannelUse(Struct, array_like=True, gc=False):
    """How a customer used one channel; counts are interactions."""

    first_at: datetime
    last_at: datetime
    count: int


class TimelineEntry(Struct, array_like=True, frozen=True, omit_defaults=True, gc=False):
    """One line of the customer's history, across all channels."""

    occurred_at: datetime
    sequence: int
    interaction_id: ShortId
    channel: ShortWord
    kind: ShortWord
    direction: ShortWord
    actor_type: ShortWord
    text: str = ""
    actor_name: str = ""
    score: float | None = None


class Turn(Struct, array_like=True, frozen=True, omit_defaults=True, gc=False):
    """What one interaction contributed to a conversation: when the customer asked, when a person
    answered."""

    interaction_id: ShortId
    contact_at: datetime | None = None
    response_at: datetime | None = None


class Labels(Struct, array_like=True, frozen=True, gc=False):
    """The table keys a thing was counted under, kept so that it can be taken back from the same
    cells."""

    channel: str = ""
    team: str = ""
    category: str = ""
    region: str = ""
    tier: str = ""


class CountedResponse(Struct, array_like=True, frozen=True, gc=False):
    """What the tables hold of a conversation: its contact, whether it repeats, and its first
    response."""

    contact_at: datetime
    labels: Labels
    repeat: bool
    response_seconds: float | None


class Thread(Struct, array_like=True, omit_defaults=True, gc=False):
    """One conversation (call, mail thread, chat) of a customer."""

    key: str
    category: str = ""
    matter_refs: list[str] = field(default_factory=list)
    team: str = ""
    channel: str = ""
    turns: list[Turn] = field(default_factory=list)
    last_at: datetime | None = None
    counted: CountedResponse | None = None


class CountedScore(Struct, array_like=True, frozen=True, gc=False):
    """A score and the cells it was counted in; a correction takes it back first.

    `said` are the labels of the answer itself, `about` the conversation it judges: the tables count
    it under that conversation's channel, team and category as soon as that is known.
    """

    score: SatisfactionScore
    labels: Labels
    said: Labels = Labels()
    about: str = ""


class CountedAmount(Struct, array_like=True, frozen=True, gc=False):
    """A purchase (positive) or refund (negative) in minor units (1/10,000), so that sums are
    exact."""

    interaction_id: str
    currency: str
    minor: int
    at: datetime


class CountedFact(Struct, array_like=True, frozen=True, omit_defaults=True, gc=False):
    """One count the tables hold of a complaint; when it is no longer true it is taken back from the
    same cells."""

    measure: str
    at: datetime
    labels: Labels
    value: float | str | None = None


class ComplaintState(Struct, array_like=True, omit_defaults=True, gc=False):
    """A complaint in the row: its public record, the history its clocks are computed from, what was
    announced.

    `judged_at` is the latest instant up to which its clocks were judged; it never goes back.
    `policy` is the version that judges it; empty where none was published yet when it was opened.
    `origin` is whose it is, where that is not the customer of the row but one merged into it.
    """

    complaint: Complaint
    context: ComplaintContext
    history: list[ComplaintEvent] = field(default_factory=list)
    announced: list[Announced] = field(default_factory=list)
    counted: list[CountedFact] = field(default_factory=list)
    judged_at: datetime | None = None
    wake_at: datetime | None = None
    policy: str = ""
    origin: str = ""


class Said(Struct, array_like=True, frozen=True, omit_defaults=True, gc=False):
    """What a complaint that joined has added to the record of the other, to be taken out again."""

    channels: list[str] = []
    matter_refs: list[str] = []
    conversation_keys: list[str] = []
    reasons: list[Reason] = []


class JoinedComplaint(Struct, array_like=True, omit_defaults=True, gc=False):
    """A complaint that joined an earlier one about the same matter, `into`, as it would stand by
    itself: undoing the merge brings it back."""

    state: ComplaintState
    into: str
    said: Said = Said()


class Held(Struct, array_like=True, frozen=True, omit_defaults=True, gc=False):
    """Something that happened to `origin`, for the complaints; see `schemas.merging.Forwarded`."""

    origin: str
    event: Interaction | CommandGiven
    changes: dict[str, str] = {}
    added: dict[str, int] = {}


class Guest(Struct, array_like=True, frozen=True, omit_defaults=True, gc=False):
    """Somebody who was merged into this customer; of the row only what complaints depend on.

    `via` is who told of it: the guest itself, or another guest it was merged into.
    """

    merge_id: str
    via: str
    known: "CustomerState"


class Merges(Struct, array_like=True, omit_defaults=True, gc=False):
    """Which other customers are this one.

    `into` is who has this customer's complaints; while it is `leaving` they are on their way back,
    and what concerns them is `held`. `sent` numbers what was sent to other customers' logs,
    `received` is the last number of each who sent something here.
    """

    into: str = ""
    merge_id: str = ""
    leaving: bool = False
    sent: int = 0
    received: dict[str, int] = field(default_factory=dict)
    guests: list[Guest] = field(default_factory=list)
    joined: list[JoinedComplaint] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


class CustomerState(Struct, array_like=True, omit_defaults=True, gc=False):
    """Everything manyi knows of one customer. Fields are told apart by their place alone.

    `policy_at` is when the newest retroactive version was published that has had its turn here.
    """

    customer_id: str
    row_format: RowFormat = ROW_FORMAT
    name: str = ""
    name_at: datetime | None = None
    profile: CustomerProfile = CustomerProfile()
    profile_at: datetime | None = None
    handles: list[str] = field(default_factory=list)
    channels: dict[str, ChannelUse] = field(default_factory=dict)
    interaction_count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    last_received_at: datetime | None = None
    seen: dict[ShortId, Seen] = field(default_factory=dict)
    timeline: list[TimelineEntry] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    complaints: list[ComplaintState] = field(default_factory=list)
    complaint_count: int = 0
    scores: list[CountedScore] = field(default_factory=list)
    amounts: list[CountedAmount] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    purchase_count: int = 0
    refund_count: int = 0
    commands_seen: list[str] = field(default_factory=list)
    pending: list[CommandGiven] = field(default_factory=list)
    policy_at: datetime | None = None
    merges: Merges | None = None


class PolicyEntry(Struct, array_like=True, frozen=True):
    """A version of the policy as a partition knows it; the policy itself is a row of its own.

    `settled`: every open complaint it reaches back to has had its turn.
    """

    version: str
    published_at: datetime
    retroactive: bool = False
    settled: bool = False


class PolicyHistory(Struct, omit_defaults=True):
    """The versions a partition of `customer-events.v1` has been told of, oldest first."""

    entries: tuple[PolicyEntry, ...] = ()


class PartitionState(Struct, omit_defaults=True):
    """What one partition of `customer-events.v1` counts for the accounting.

    `origin_offsets` is the highest origin offset read per `topic/partition`: an interaction at or
    below it that is already in its customer's row is intake's own replay after a crash, not a
    publisher's retry.
    """

    origin_offsets: dict[str, int] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


class IntakeState(Struct, omit_defaults=True):
    """What intake counted of one source partition: received, rejected and skipped records."""

    received: int = 0
    rejected: int = 0
    skipped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
