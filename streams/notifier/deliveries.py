"""What the ledger keeps: firings, queued deliveries, what waits and what failed."""

from datetime import UTC, datetime
from enum import IntEnum

import msgspec

from schemas.alert import SlaAlert

DETAIL_CHARS = 300


class Taken(IntEnum):
    """What the ledger made of an alert."""

    REPEATED = 0
    YES = 1
    UNHEARD = 2
    """The end of something that was quiet: nobody was told that it began."""


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires, as the ledger keeps it: what Alertmanager needs to be told again."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at_ms: int
    until_ms: int


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A firing a worker may send now. `ended_at_ms` is 0 while it fires; `entry` is it, raw."""

    member: str
    complaint_id: str
    name: str
    lease_ms: int
    firing: Firing
    ended_at_ms: int
    entry: bytes


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The alert at the head of a complaint's queue, and how often it was tried."""

    transport: str
    alert: SlaAlert
    raw: bytes
    tried_count: int
    first_at_ms: int
    lease_ms: int


class FailedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up, for people to look at. Times are aware UTC instants."""

    transport: str
    alert_id: str
    complaint_id: str
    kind: str
    target: str
    reason: str
    detail: str
    tried_count: int
    failed_at: datetime


class WaitingDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that waits for its first or next try, with the error of the last one."""

    transport: str
    alert_id: str
    tried_count: int
    since: datetime
    last_error: str


def failure_of(
    transport: str, alert: SlaAlert, reason: str, detail: str, tried_count: int, now_ms: int
) -> FailedDelivery:
    """The entry of the list of failures for an alert that is given up now."""
    return FailedDelivery(
        transport=transport,
        alert_id=alert.alert_id,
        complaint_id=alert.complaint_id,
        kind=alert.kind.value,
        target=alert.target,
        reason=reason,
        detail=detail[:DETAIL_CHARS],
        tried_count=tried_count,
        failed_at=instant_of(now_ms),
    )


def as_bytes(value: bytes | str | None) -> bytes | None:
    """What a client without `decode_responses` returns; a client with it is a mistake in wiring."""
    if isinstance(value, str):
        raise TypeError("the notifier needs a Redis client that returns bytes")
    return value


def read_waiting(row: bytes | None) -> tuple[int, int, str]:
    """Tries, first time in ms, last error."""
    tried, _, rest = (row or b"0 0 ").decode().partition(" ")
    first_ms, _, error = rest.partition(" ")
    return int(tried), int(first_ms), error


def instant_of(at_ms: int) -> datetime:
    """Epoch milliseconds as an aware UTC instant."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
