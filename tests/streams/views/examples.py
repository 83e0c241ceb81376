"""Examples of what is shown: complaints with clocks, cards, rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.complaint import ClockView, Complaint, Severity, Stage
from schemas.view import CustomerCard

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""Where the clock of the tests stands."""


def minutes(count: float) -> timedelta:
    """A short span."""
    return timedelta(minutes=count)


def clock_view(
    due: float | None,
    state: str = "running",
    *,
    target: str = "first_response",
    limit: float = 60,
    ended: bool = False,
) -> ClockView:
    """A clock due `due` minutes from now, with a limit in minutes of which the rest is used."""
    due_at = None if due is None else NOW + minutes(due)
    used = limit if due is None else max(0.0, limit - due)
    return ClockView(
        target=target,
        state=state,
        started_at=NOW - minutes(used),
        due_at=due_at,
        limit_seconds=limit * 60,
        used_seconds=used * 60,
        ended_at=NOW if ended else None,
    )


def complaint(name: str, *clocks: ClockView, **fields: Any) -> Complaint:
    """A complaint of customer `c-1` unless told otherwise."""
    defaults: dict[str, Any] = {
        "customer_id": "c-1",
        "channel": "email",
        "opened_at": NOW - minutes(30),
        "severity": Severity.HIGH,
        "tier": "vip",
        "team": "billing",
        "stage": Stage.RECEIVED,
        "summary": "Charged twice",
    }
    return Complaint(complaint_id=name, clocks=list(clocks), **{**defaults, **fields})


def card(customer_id: str, **fields: Any) -> CustomerCard:
    """A customer's card."""
    return CustomerCard(customer_id=customer_id, **{"name": "Ann", "last_at": NOW, **fields})
