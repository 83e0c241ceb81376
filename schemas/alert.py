"""The SLA alert: one announcement about one clock, as on-call staff receive it."""

from enum import StrEnum

from msgspec import Struct

from schemas.common import Instant


class AlertKind(StrEnum):
    """What is announced. `retracted` and `recovered` resolve what the others raised."""

    WARNED = "warned"
    BREACHED = "breached"
    ESCALATED = "escalated"
    RETRACTED = "retracted"
    RECOVERED = "recovered"


class SlaAlert(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One announcement, published once. Topic `sla-alerts.v1`, key `complaint_id`.

    `alert_id` is UUIDv5 of (complaint, target, clock start, kind, step). `at` is the instant it
    became true, `announced_at` when the partition had read far enough to say so. `step` names the
    warning (`50%`, `-5m`) or the escalation (`lead`, `manager#2`). `quiet` alerts are for the
    record only: they page nobody.
    """

    alert_id: str
    kind: AlertKind
    target: str
    step: str | None = None
    clock_started_at: Instant
    complaint_id: str
    customer_id: str
    at: Instant
    announced_at: Instant
    due_at: Instant | None = None
    breached_at: Instant | None = None
    to: str = ""
    limit_seconds: float
    used_seconds: float
    ended_at: Instant | None = None
    policy: str = ""
    policy_version: str = ""
    channel: str = ""
    category: str = ""
    severity: str = ""
    tier: str = ""
    region: str = ""
    team: str = ""
    owner: str = ""
    language: str = ""
    customer_name: str = ""
    matter: str = ""
    quiet: bool = False
    version: int = 1
