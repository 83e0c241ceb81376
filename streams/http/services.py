"""What the handlers need: where to read, how to publish, whether the worker is ready."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from prometheus_client import CollectorRegistry

from agents.intake.settings import IntakeSettings
from schemas.command import Command
from streams.metrics import Metrics
from streams.views import ViewReader


async def _nobody(handle: str) -> str | None:
    return None


@dataclass(kw_only=True)
class Services:
    """The outside world of the HTTP API; tests bring their own.

    `publish` puts a command on `commands.v1` and returns once the broker has it. `not_ready` names
    the reasons why the worker is not ready; none means that it is. `notes` names what a person
    should look at although the worker is ready. `customer_of` finds the customer
    of a normalised handle text. `/metrics` exposes `registry`; with `metrics` on it, the open
    complaints of the installation are counted for each scrape.
    """

    reader: ViewReader
    publish: Callable[[Command], Awaitable[None]]
    not_ready: Callable[[], Sequence[str]]
    notes: Callable[[], Sequence[str]] = tuple
    customer_of: Callable[[str], Awaitable[str | None]] = _nobody
    registry: CollectorRegistry
    metrics: Metrics | None = None
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    timezone: tzinfo = UTC
    clock: Callable[[], float] = time.time
