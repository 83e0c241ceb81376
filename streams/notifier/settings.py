"""What can be set about delivery, with the reasons for the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSettings:
    """Where alerts go and how patiently. Durations in seconds."""

    kafka: Mapping[str, Any]
    """Connection arguments of aiokafka clients: brokers and security."""
    group: str = "manyi-notifier"
    """Consumer group; all workers of an installation share it."""
    redis_prefix: str = "manyi:"

    alertmanager_urls: tuple[str, ...] = ()
    """Every instance of a cluster, never a load balancer: they tell each other apart by gossip."""
    webhook_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    terminal: bool = False
    link: str | None = None
    """Address of the wallboard; alerts then link to their complaint: `{link}/complaints/{id}`."""
    zone: tzinfo = UTC
    """Zone of the times of day in alert texts."""

    resend_seconds: float = 60.0
    """Alertmanager keeps alerts in memory only, so firing ones are sent again and again."""
    firing_seconds: float = 240.0
    """A firing alert ends so long after each post: four posts may fail before it seems resolved."""
    resolved_seconds: float = 300.0
    """A resolved alert is posted again for so long, in case an instance missed it."""
    alertmanager_batch: int = 200
    """Alerts per post: some hundred kilobytes."""

    timeout_seconds: float = 10.0
    """One request, in all. A receiver that needs longer should accept first and work later."""
    backoff_seconds: float = 2.0
    backoff_max_seconds: float = 300.0
    """Failed deliveries wait 2 s, 4 s, 8 s … 5 min, each less up to a half at random."""
    give_up_seconds: float = 86_400.0
    """A delivery that fails for a day is listed as failed: nobody acts on an alert that old."""
    retry_after_max_seconds: float = 3_600.0
    """No receiver can ask for more patience than this."""
    concurrency: int = 4
    """Deliveries at a time per transport and worker, each for another complaint."""
    waiting_max: int = 10_000
    """Undelivered alerts per transport; when it is full, new ones are listed as failed."""
    failed_max: int = 1_000
    """Failed deliveries that are remembered per transport, the newest."""
    lease_seconds: float = 60.0
    """A worker that dies during a delivery leaves it to the others after so long."""

    stop_seconds: float = 5.0
    """A stopping worker waits so long for deliveries under way; what is cut off may be repeated."""

    memory_seconds: int = 8 * 86_400
    """How long an alert's id is remembered: longer than any replay of the topic goes back."""
    catch_up_seconds: float = 86_400.0
    """Alerts older than this page nobody: where the ledger is new or lost, reading begins here."""
    poll_seconds: float = 0.5
    """How often a worker looks for deliveries that others left or postponed."""

    @property
    def sends(self) -> bool:
        """Whether there is anywhere to send alerts to."""
        return bool(self.alertmanager_urls or self.webhook_url or self.terminal)


def transport_name(alertmanager_url: str) -> str:
    """The name of an Alertmanager instance in ledgers, metrics and lists: no path, no password."""
    parts = urlsplit(alertmanager_url)
    return f"alertmanager:{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
