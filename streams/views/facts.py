"""What the board counts of an open complaint, and which promise of it leads.

Only the pipeline decides a breach. A reader that sees a running clock past its due time says "past
due", because an answer may have come that has not been read yet.
"""

from datetime import datetime, timedelta

from msgspec import Struct, structs

from schemas.complaint import ClockView, Complaint, Stage
from schemas.view import ComplaintCard, OpenComplaint

ENDED_STAGES = (Stage.RESOLVED, Stage.CLOSED)

QUEUE_STATES = ("breached", "warned", "running", "paused", "none")
"""How a complaint in the queue can stand; `none` has no promise that runs."""

WARNED_RATIO = 0.8
"""From this share of the promised time on a promise is shown as due soon, as policies warn."""

ANSWER_TARGETS = ("first_response", "next_response")
"""Promises that run while a customer waits for an answer."""


class QueueFacts(Struct, frozen=True, array_like=True):
    """One open complaint in about 150 bytes; instants in epoch milliseconds, 0 for none.

    `remaining_seconds` is counted time left when the clock was evaluated; the due time limits it.
    """

    complaint_id: str
    customer_id: str
    channel: str
    team: str
    tier: str
    breached: bool
    paused: bool
    due_ms: int
    limit_seconds: float
    remaining_seconds: float
    waiting_since_ms: int

    def state(self, now_ms: int) -> str:
        """Breached, warned, running, paused or none at `now_ms`."""
        if self.breached:
            return "breached"
        if self.paused:
            return "paused"
        if not self.due_ms:
            return "none"
        return "warned" if self.used_ratio(now_ms) >= WARNED_RATIO else "running"

    def used_ratio(self, now_ms: int) -> float:
        """Share of the promised time that is used; in closed hours a little too low."""
        if self.limit_seconds <= 0:
            return 0.0
        left = min(self.remaining_seconds, (self.due_ms - now_ms) / 1000)
        return max(0.0, 1 - left / self.limit_seconds)


def is_open(complaint: Complaint) -> bool:
    """Whether a complaint waits for anything."""
    return complaint.stage not in ENDED_STAGES


def leading_clock(complaint: Complaint) -> ClockView | None:
    """The promise that leads: a broken one first, then the one due first, then a paused one."""
    clocks = [clock for clock in complaint.clocks if clock.ended_at is None]
    rank = {"breached": 0, "running": 1, "paused": 2}
    clocks = [clock for clock in clocks if clock.state in rank]
    far = timedelta(days=36_500)
    return min(
        clocks,
        key=lambda clock: (rank[clock.state], clock.due_at or clock.started_at + far),
        default=None,
    )


def waiting_since(complaint: Complaint) -> datetime | None:
    """Since when the customer waits for an answer; None if nobody does."""
    starts = [
        clock.started_at
        for clock in complaint.clocks
        if clock.ended_at is None and clock.target in ANSWER_TARGETS
    ]
    return min(starts, default=None)


def card_of(complaint: Complaint, customer_name: str) -> ComplaintCard:
    """The complaint as readers see it."""
    clock = leading_clock(complaint) if is_open(complaint) else None
    due_at = clock.due_at if clock is not None and clock.state != "paused" else None
    return ComplaintCard(
        **structs.asdict(complaint), customer_name=customer_name, next_due_at=due_at
    )


def facts_of(complaint: Complaint) -> QueueFacts:
    """What the board counts of an open complaint."""
    clock = leading_clock(complaint)
    since = waiting_since(complaint)
    paused = clock is not None and clock.state == "paused"
    return QueueFacts(
        complaint.complaint_id,
        complaint.customer_id,
        complaint.channel,
        complaint.team,
        complaint.tier,
        clock is not None and clock.state == "breached",
        paused,
        epoch_ms(clock.due_at) if clock is not None and clock.due_at and not paused else 0,
        clock.limit_seconds if clock is not None else 0.0,
        clock.limit_seconds - clock.used_seconds if clock is not None else 0.0,
        epoch_ms(since) if since is not None else 0,
    )


def queue_row(card: ComplaintCard, now_ms: int) -> OpenComplaint:
    """An open complaint as a row of the queue."""
    facts = facts_of(card)
    clock = leading_clock(card)
    reason = card.reasons[-1] if card.reasons else None
    return OpenComplaint(
        complaint_id=card.complaint_id,
        customer_id=card.customer_id,
        state=facts.state(now_ms),
        opened_at=card.opened_at,
        customer_name=card.customer_name,
        channel=card.channel,
        team=card.team,
        tier=card.tier,
        category=card.category,
        region=card.region,
        language=card.language,
        severity=card.severity.value,
        owner=card.owner,
        summary=card.summary,
        reason=reason.code.value if reason else "",
        reason_detail=reason.detail if reason else "",
        target=clock.target if clock else "",
        limit_seconds=facts.limit_seconds,
        used_ratio=facts.used_ratio(now_ms),
        next_due_at=card.next_due_at,
        waiting_since_at=waiting_since(card),
    )


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)
