"""What a way of delivery has to offer, and how patient delivery is."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from random import Random
from typing import Protocol

from msgspec import Struct

from schemas.alert import SlaAlert
from streams.notifier.settings import NotifierSettings

ERROR_BYTES = 2_048
"""How much of a receiver's answer is read and kept for people."""


class Verdict(StrEnum):
    """How a try ended. A refused delivery would be refused every time."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"


class Outcome(Struct, frozen=True):
    """A verdict with its reason (a short word for metrics) and detail (a line for people)."""

    verdict: Verdict
    reason: str = ""
    detail: str = ""
    retry_after_seconds: float | None = None


DELIVERED = Outcome(Verdict.DELIVERED)


class Sender(Protocol):
    """A queue transport: brings one alert to one receiver."""

    @property
    def name(self) -> str:
        """The transport's name in ledgers, metrics and lists."""
        ...

    async def send(self, alert: SlaAlert, attempt: int, now: datetime) -> Outcome:
        """Try once to deliver; never raises for what a receiver or the network does."""
        ...


def backoff_ms(settings: NotifierSettings, tried_count: int, rng: Random) -> int:
    """How long to wait after the `tried_count`-th failed try (from 1), jitter included."""
    seconds = settings.backoff_seconds * 2.0 ** min(tried_count - 1, 30)
    seconds = min(seconds, settings.backoff_max_seconds)
    return int(seconds * rng.uniform(0.5, 1.0) * 1000)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read `Retry-After`, seconds or a date (RFC 9110, 10.2.3); None where it says nothing."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
