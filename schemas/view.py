"""What people read: customer cards, satisfaction figures, the board.

They are kept in Redis as JSON and answered over HTTP. A live view can always be written anew from
the state; nothing reads a view to decide anything. Counts come with every ratio, and an interval
with every share; what has no answers is `None`, never zero.
"""

from datetime import datetime

from msgspec import Struct, field

from schemas.common import Instant
from schemas.complaint import Complaint
from schemas.satisfaction import Dimension, SatisfactionRow, Window

CARD_TIMELINE_ENTRIES = 30
"""Newest interactions on a card: what a representative can take in before the next word."""
CARD_SCORES = 20
"""Newest scores on a customer's card."""
CARD_HANDLES = 64
CARD_COMPLAINTS = 16


class ChannelCard(Struct, frozen=True, gc=False):
    """How a customer used one channel."""

    first_at: Instant
    last_at: Instant
    count: int


class TimelineCard(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One line of a customer's history; `text` is cut."""

    interaction_id: str
    occurred_at: Instant
    channel: str
    kind: str
    direction: str = ""
    actor_type: str = ""
    actor_name: str = ""
    text: str = ""
    score: float | None = None


class ScoreCard(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One score a customer gave, oriented so that more is better."""

    instrument: str
    score: float
    scale_min: float
    scale_max: float
    unit_score: float
    rated_at: Instant
    channel: str = ""
    dimension: str | None = None
    expected: float | None = None
    perceived: float | None = None


class CustomerCard(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One customer across all channels, for the person who is about to answer.

    `purchases` is what was bought less what was refunded, as decimal text per currency.
    `merged_into` is set on the card of a customer who turned out to be another one: read that card.
    It shows everything of those in `merged`, too.
    """

    customer_id: str
    name: str = ""
    tier: str = ""
    region: str = ""
    timezone: str = ""
    language: str = ""
    handles: list[str] = field(default_factory=list)
    channels: dict[str, ChannelCard] = field(default_factory=dict)
    interaction_count: int = 0
    first_at: Instant | None = None
    last_at: Instant | None = None
    timeline: list[TimelineCard] = field(default_factory=list)
    open_complaints: list[str] = field(default_factory=list)
    complaint_count: int = 0
    scores: list[ScoreCard] = field(default_factory=list)
    purchases: dict[str, str] = field(default_factory=dict)
    purchase_count: int = 0
    refund_count: int = 0
    merged_into: str = ""
    merged: list[str] = field(default_factory=list)
    version: int = 1


class Proportion(Struct, frozen=True, kw_only=True):
    """`count` of `of`, with the 95 % Wilson interval; not `judged` while `of` is too small."""

    count: int
    of: int
    ratio: float | None = None
    low_ratio: float | None = None
    high_ratio: float | None = None
    judged: bool = False


class MeanFigure(Struct, frozen=True, kw_only=True):
    """A mean with its 95 % t interval (from five values on)."""

    count: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    judged: bool = False


class CsatFigure(Struct, frozen=True, kw_only=True):
    """CSAT: `satisfied` is the share of 4 and 5 of 5."""

    response_count: int
    satisfied: Proportion
    mean: float | None = None


class NpsFigure(Struct, frozen=True, kw_only=True):
    """NPS in points, -100..100.

    The interval is the adjusted one, which stays honest where nobody disagrees.
    """

    response_count: int
    promoter_count: int = 0
    passive_count: int = 0
    detractor_count: int = 0
    nps: float | None = None
    low: float | None = None
    high: float | None = None
    plain_margin: float | None = None
    judged: bool = False


class CesFigure(Struct, frozen=True, kw_only=True):
    """CES 2.0 on 1..7, high is easy; `easy` is the share of 5 to 7."""

    response_count: int
    mean: MeanFigure
    easy: Proportion


class DurationFigure(Struct, frozen=True, kw_only=True):
    """Durations in seconds; quantiles are right within 9 %."""

    count: int
    mean_seconds: float | None = None
    p50_seconds: float | None = None
    p90_seconds: float | None = None
    judged: bool = False


class SatisfactionFigures(Struct, frozen=True, kw_only=True):
    """Everything derived from one row; `kept` is met / (met + breached) of all promises."""

    csat: CsatFigure
    nps: NpsFigure
    ces: CesFigure
    servqual_gap: MeanFigure
    first_response: DurationFigure
    resolution: DurationFigure
    repeat_contacts: Proportion
    kept: Proportion
    kept_by_target: dict[str, Proportion]
    complaints_open: int


class SatisfactionEntry(Struct, frozen=True, kw_only=True):
    """One row of a satisfaction table: what it covers, what was counted, what follows from it."""

    window: Window
    start_at: Instant | None
    end_at: Instant | None
    dimension: Dimension
    key: str
    counts: SatisfactionRow
    figures: SatisfactionFigures


class Freshness(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the views can be trusted.

    `state` is live, stale, catching_up or empty. `as_of_at`: every partition's views are complete
    up to this instant of the wall clock. `read_through_at`: every event that happened before it has
    been read. `lag_count`: records appended but not read yet.
    """

    state: str
    as_of_at: Instant | None = None
    read_through_at: Instant | None = None
    lag_count: int = 0
    stale_partitions: list[int] = field(default_factory=list)


class ChannelCounts(Struct):
    """What became of the records of one channel.

    Once all is read, received = accepted + duplicate + rejected + skipped.
    """

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    skipped: int = 0


class OpenComplaint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An open complaint as the queue shows it.

    `state` is breached, warned (80 % used), running, paused or none (no promise). `next_due_at` is
    the due time of the promise that leads, `used_ratio` how much of it is used. The customer has
    been waiting for an answer since `waiting_since_at`.
    """

    complaint_id: str
    customer_id: str
    state: str
    opened_at: Instant
    customer_name: str = ""
    channel: str = ""
    team: str = ""
    tier: str = ""
    category: str = ""
    region: str = ""
    language: str = ""
    severity: str = ""
    owner: str = ""
    summary: str = ""
    reason: str = ""
    reason_detail: str = ""
    target: str = ""
    limit_seconds: float = 0.0
    used_ratio: float = 0.0
    next_due_at: Instant | None = None
    waiting_since_at: Instant | None = None


class BoardGroup(Struct, frozen=True, kw_only=True):
    """One line of the board's table: a channel, team or tier."""

    key: str
    open_count: int = 0
    due_count: int = 0
    breached_count: int = 0
    satisfied: Proportion


class BoardMeasure(Struct, frozen=True, kw_only=True):
    """Figures now and in the same span a week before; a change is fall, rise, none or unknown."""

    now: SatisfactionFigures
    before: SatisfactionFigures
    csat_change: str = "unknown"
    nps_change: str = "unknown"


class Board(Struct, frozen=True, kw_only=True):
    """The wallboard: promises broken or about to be, who waits longest, are customers satisfied.

    `last_day` covers the current hour and the 23 before it, from `figures_from_at` on, and the same
    hours a week earlier. `due_count`: due within the hour and not broken yet.
    """

    version: str
    freshness: Freshness
    now_at: datetime
    figures_from_at: datetime
    open_count: int = 0
    breached_count: int = 0
    due_count: int = 0
    running_count: int = 0
    paused_count: int = 0
    next_due_at: Instant | None = None
    oldest_unanswered: OpenComplaint | None = None
    queue: list[OpenComplaint] = field(default_factory=list)
    last_day: BoardMeasure
    channels: list[BoardGroup] = field(default_factory=list)
    teams: list[BoardGroup] = field(default_factory=list)
    tiers: list[BoardGroup] = field(default_factory=list)
    received_count: int = 0


class ComplaintCard(Complaint, kw_only=True, omit_defaults=True):
    """A complaint as readers see it: the record, its customer's name, and what falls due next.

    `next_due_at` is the earliest due time of its running promises, broken ones included; None where
    nothing runs.
    """

    customer_name: str = ""
    next_due_at: Instant | None = None


class PartitionProgress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How fresh the views of one partition are; written with every flush, at least every second.

    `as_of_ms`: complete up to this instant of the wall clock. `applied`: the highest source offset
    the views contain. `read_through_ms`: every event before it was read. All epoch milliseconds.
    """

    as_of_ms: int
    applied: int = -1
    read_through_ms: int = 0
    lag_count: int = 0
