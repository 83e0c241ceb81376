"""Scores and the live satisfaction tables: rows are mergeable counts, never ratios.

A row is the sum of what happened in one window for one key of one dimension. Ratios, means and
intervals are derived where a row is read, so rows of different partitions can simply be added.
"""

from enum import StrEnum

from msgspec import Struct, field

from schemas.common import Instant, Instrument


class Window(StrEnum):
    """Tumbling windows by event time, UTC: the hour, the day, and everything so far."""

    HOUR = "1h"
    DAY = "1d"
    ALL = "all"


class Dimension(StrEnum):
    """What a table can be broken down by."""

    ALL = "all"
    CHANNEL = "channel"
    TEAM = "team"
    CATEGORY = "category"
    REGION = "region"
    TIER = "tier"


class SatisfactionScore(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One score a customer gave, on its own scale, oriented so that more is better.

    `unit_score` is (score - low) / (high - low) in 0..1 after orientation; it serves smoothing
    inside one instrument only and is never averaged across instruments.
    """

    interaction_id: str
    instrument: Instrument
    score: float
    scale_min: float
    scale_max: float
    unit_score: float
    rated_at: Instant
    dimension: str | None = None
    expected: float | None = None
    perceived: float | None = None


class SurveyAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One answer that was counted. Topic `satisfaction-scores.v1`, key `customer_id`.

    Which survey and item it answers, what it is about, and the score, None once it is withdrawn.
    The same `interaction_id` with a higher `revision` replaces what was published before.
    `channel`, `team`, `category`, `region` and `tier` are the cells it is counted in.
    """

    interaction_id: str
    customer_id: str
    answered_at: Instant
    revision: int | None = None
    survey_id: str | None = None
    response_id: str | None = None
    item: str | None = None
    about_conversation: str | None = None
    about_interaction: str | None = None
    about_order: str | None = None
    score: SatisfactionScore | None = None
    comment: str | None = None
    channel: str = ""
    team: str = ""
    category: str = ""
    region: str = ""
    tier: str = ""
    quiet: bool = False
    version: int = 1


class DurationSketch(Struct, array_like=True, gc=False):
    """A mergeable summary of durations: count, sum in seconds, and counts per logarithmic bucket.

    Bucket `i` holds durations of 2^(i/4) up to 2^((i+1)/4) seconds (relative error of a quantile at
    most 9 %); bucket -1 holds what took less than a second.
    """

    count: int = 0
    sum_seconds: float = 0.0
    buckets: dict[int, int] = field(default_factory=dict)


class SatisfactionRow(Struct, omit_defaults=True, gc=False):
    """Counts of one (window, start, dimension, key); partitions are added field by field.

    `breached` counts clocks per target; `met` likewise. `complaints_open` is opened minus resolved
    plus reopened within the window, so summed over all windows it is what is open now. `hand_overs`
    counts under the team that gave a complaint to another, `hand_backs` those of them to a team
    that had had it before.
    """

    contacts: int = 0
    repeat_contacts: int = 0
    interactions: int = 0
    complaints_opened: int = 0
    complaints_resolved: int = 0
    complaints_reopened: int = 0
    hand_overs: int = 0
    hand_backs: int = 0
    csat: dict[int, int] = field(default_factory=dict)
    nps: dict[int, int] = field(default_factory=dict)
    ces: dict[int, int] = field(default_factory=dict)
    servqual_count: int = 0
    servqual_gap_sum: float = 0.0
    first_response: DurationSketch = field(default_factory=DurationSketch)
    resolution: DurationSketch = field(default_factory=DurationSketch)
    met: dict[str, int] = field(default_factory=dict)
    breached: dict[str, int] = field(default_factory=dict)
