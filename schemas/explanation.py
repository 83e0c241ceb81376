"""Why a complaint's clocks stand where they stand: its history as kept for readers, and the answer.

Instants are aware and in UTC. Seconds are exact to the microsecond.
"""

from msgspec import Struct

from schemas.clock import Announced, ComplaintEvent
from schemas.common import Instant
from schemas.policy import ComplaintContext


class ComplaintHistory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a complaint's clocks are computed from, as a live view.

    `context` is the one at opening. `policy_version` is the digest of the policy file that judged
    the complaint last; the file itself is kept beside the histories under that name.
    """

    complaint_id: str
    customer_id: str
    context: ComplaintContext
    history: list[ComplaintEvent]
    announced: list[Announced] = []
    policy_version: str = ""
    version: int = 1


class Cause(Struct, frozen=True, kw_only=True):
    """The event that began a stretch: `what` happened, when, in which channel."""

    id: str
    what: str
    at: Instant
    channel: str = ""
    reason: str = ""


class ExplainedSegment(Struct, frozen=True, kw_only=True):
    """One stretch of a clock, from `start_at` to `end_at`.

    `state` is running, paused, closed (outside the calendar's hours), resolved or unpromised. Only
    running counts: `counted_seconds` is `seconds` there and 0 elsewhere. `cause` is None where the
    calendar began it.
    """

    state: str
    start_at: Instant
    end_at: Instant
    seconds: float
    counted_seconds: float
    cause: Cause | None
    reason: str
    policy: str
    policy_version: str
    calendar: str


class ExplainedClock(Struct, frozen=True, kw_only=True):
    """A clock and the stretches that tile it.

    Their `seconds` sum to `elapsed_seconds`, which runs from start to end (or to now), their
    `counted_seconds` to `used_seconds`. `told` names what was announced, in the order of policy.
    `team` is with whom the complaint rests and `from_team` who handed it over, of `hand_over` only.
    """

    target: str
    instance: str
    state: str
    started_at: Instant
    due_at: Instant | None
    breached_at: Instant | None
    ended_at: Instant | None
    limit_seconds: float
    used_seconds: float
    elapsed_seconds: float
    policy: str
    policy_version: str
    calendar: str
    started_by: Cause | None
    ended_by: Cause | None
    told: list[str]
    segments: list[ExplainedSegment]
    team: str = ""
    from_team: str = ""


class ComplaintClocks(Struct, frozen=True, kw_only=True):
    """All clocks of a complaint as they stand at `as_of_at`, and the history they follow from."""

    complaint_id: str
    customer_id: str
    as_of_at: Instant
    policy_version: str
    timezone: str
    clocks: list[ExplainedClock]
    history: list[Cause]
