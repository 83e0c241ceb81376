"""Clocks of a complaint: the events they follow, their state, and what was announced about them."""

from __future__ import annotations

import datetime as dt
import enum

import msgspec

from schemas.alert import AlertKind
from schemas.policy import Target


class ComplaintEventKind(enum.StrEnum):
    """What happened to a complaint, as far as its clocks care."""

    OPENED = "opened"
    CUSTOMER_MESSAGE = "customer_message"
    HUMAN_REPLY = "human_reply"
    """A public message or an answered call of a representative."""
    BOT_REPLY = "bot_reply"
    ACKNOWLEDGED = "acknowledged"
    PAUSED = "paused"
    RESUMED = "resumed"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CHANGED = "changed"
    """Tier, severity, category or another field of the context took a new value."""
    MERGED = "merged"
    """The complaint joined an earlier one about the same matter; its clocks give no verdict."""
    WITHDRAWN = "withdrawn"
    """The complaint was taken back; running clocks give no verdict, breaches stay."""


class ComplaintEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One fact in the history of a complaint. Sorted by (`at`, `sequence`, `id`).

    `at` is when it happened (event time, aware), never when it arrived. The same (`id`, `what`)
    twice is the same fact. `reason` is that of a pause; `changes` maps fields of
    `ComplaintContext` (or `attributes.NAME`) to their new values. `team` is that of who replied,
    empty where nobody said it.
    """

    at: dt.datetime
    id: str
    what: ComplaintEventKind
    sequence: int = 0
    channel: str = ""
    reason: str = ""
    changes: dict[str, str] = {}
    team: str = ""


class ClockState(enum.StrEnum):
    """Where a clock stands. A breached clock stays breached; `ended` is without a verdict."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    ENDED = "ended"


class Clock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One instance of one promise.

    `instance` is `once` for the targets that run once in a complaint, and the id of the event that
    started the wait for `next_response`, `update` and `hand_over`. `due_at` of a paused clock is
    the earliest it can be, were the clock to go on now; it is None only if the calendar never opens
    again. `team` is with whom the complaint rests and `from_team` who handed it over, of
    `hand_over` only.
    `used_seconds` is counted time at its end, or at the instant of evaluation; `limit_seconds` is
    what may be used.
    """

    target: Target
    instance: str
    state: ClockState
    started_at: dt.datetime
    due_at: dt.datetime | None = None
    breached_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    used_seconds: float = 0.0
    limit_seconds: float = 0.0
    policy: str = ""
    policy_digest: str = ""
    calendar: str = ""
    started_by: str = ""
    ended_by: str = ""
    team: str = ""
    from_team: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the clock has not ended: it runs, is paused, or runs on after its breach."""
        return self.ended_at is None


class SegmentState(enum.StrEnum):
    """Why a stretch of a clock did or did not count."""

    RUNNING = "running"
    PAUSED = "paused"
    CLOSED = "closed"
    """Outside the hours of the calendar."""
    RESOLVED = "resolved"
    """Between a resolution and the reopening after it."""
    UNPROMISED = "unpromised"
    """The policy then in force promised nothing for this target."""


class Segment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of a clock. Segments tile the clock; their `counted_seconds` sum to what is used.

    `cause` is the id of the event that began it, empty where the calendar did.
    """

    state: SegmentState
    start_at: dt.datetime
    end_at: dt.datetime
    counted_seconds: float = 0.0
    cause: str = ""
    reason: str = ""
    policy: str = ""
    calendar: str = ""


class Announcement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something the world must hear about a clock, once.

    `at` is the instant it became true, `announced_at` the instant it was said. `step` names the
    warning (`80%`) or the escalation (`manager#2`), `to` whom an escalation calls. `round` counts
    the earlier retractions of the same clock: a breach that was taken back and came true after all
    is news again.
    """

    at: dt.datetime
    announced_at: dt.datetime
    kind: AlertKind
    target: Target
    instance: str
    step: str = ""
    to: str = ""
    round: int = 0
    clock_started_at: dt.datetime
    due_at: dt.datetime | None = None
    breached_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    limit_seconds: float = 0.0
    used_seconds: float = 0.0
    policy: str = ""
    policy_digest: str = ""
    team: str = ""

    @property
    def key(self) -> str:
        """Stable and unique within the complaint: make the alert's id of it."""
        parts = (self.target, self.instance, self.kind, self.step, str(self.round))
        return "/".join(parts)


class Announced(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """What was announced about one clock so far: the memory between two calls, kept in the row.

    `escalated` maps a step to how often it was called. `recovered_by` is the event whose arrival
    resolved the breach; while that event stands, the breach is not announced again. `started_at`
    lets a clock be named that late evidence has made disappear.
    """

    target: Target
    instance: str
    started_at: dt.datetime
    round: int = 0
    warned: tuple[str, ...] = ()
    breached: bool = False
    escalated: dict[str, int] = {}
    recovered_by: str = ""
