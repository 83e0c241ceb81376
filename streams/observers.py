"""What feeds the metrics: one observer for each part that tells what it does.

All are called behind the barrier, so a batch that was undone is not counted.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

from agents.effects import Measure, Tally
from agents.satisfaction.alike import Counted, alike
from schemas.alert import AlertKind, SlaAlert
from schemas.common import Channel, Tier
from streams.engine import EngineObserver
from streams.identity import IdentityObserver
from streams.metrics import OTHER, Bounded, Metrics
from streams.notifier.observer import NotifierObserver
from streams.pipeline.observer import PipelineObserver
from streams.policies.observer import PolicyObserver, Reload
from streams.views.observer import ViewObserver

if TYPE_CHECKING:
    from streams.engine import Lane

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
TIMELY = frozenset({AlertKind.WARNED, AlertKind.BREACHED, AlertKind.ESCALATED})
"""Announcements that have an instant at which they should have been made."""

_CHANNELS = frozenset(channel.value for channel in Channel)
_TIERS = frozenset(tier.value for tier in Tier)


class EngineMetrics(EngineObserver):
    """Counts what the engine does."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock

    def assigned(self, lanes: int) -> None:
        """A rebalance: what is known of lanes that went away is forgotten."""
        self._metrics.lanes.set(lanes)
        self._metrics.lag.clear()
        self._metrics.read_through.clear()

    def restored(self, topic: str, partition: int, records: int, rows: int, seconds: float) -> None:
        """A changelog partition was read."""
        self._metrics.restored_records.labels(topic).inc(records)
        self._metrics.restore_seconds.labels(topic).observe(seconds)

    def folded(self, lane: "Lane", records: int, skipped: int, seconds: float) -> None:
        """An agent folded a batch."""
        self._metrics.replays.labels(lane.topic).inc(skipped)
        self._metrics.fold_seconds.labels(lane.topic).observe(seconds)

    def skipped_ahead(self, lane: "Lane", offsets: int) -> None:
        """Offsets without a record."""
        self._metrics.gaps.labels(lane.topic).inc(offsets)

    def applied(
        self, lane: "Lane", records: int, effects: int, rows: int, row_bytes: int, seconds: float
    ) -> None:
        """A batch went through the barrier."""
        self._metrics.records.labels(lane.topic).inc(records)
        self._metrics.effects.labels(lane.topic).inc(effects)
        self._metrics.row_bytes.labels(lane.topic).inc(row_bytes)
        self._metrics.barrier_seconds.labels(lane.topic).observe(seconds)

    def committed(self, offsets: Mapping[tuple[str, int], int], seconds: float) -> None:
        """Offsets were committed."""
        self._metrics.last_commit.set(self._clock())

    def commit_refused(self, reason: str) -> None:
        """Somebody else owns our partitions."""
        self._metrics.refused_commits.labels(reason).inc()

    def foreign_writes(self, topic: str, partition: int, records: int, mended: int) -> None:
        """Somebody else wrote to a changelog of ours."""
        self._metrics.foreign_writes.inc(records)

    def crashed(self, reason: str) -> None:
        """The engine stops the worker."""
        self._metrics.crashes.labels(reason).inc()

    def lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """How many records wait, by (topic, partition); called now and then by the worker."""
        for (topic, partition), records in lag.items():
            self._metrics.lag.labels(topic, str(partition)).set(records)

    def read_through(self, partition: int, epoch_seconds: float) -> None:
        """Every event of a customer partition before this instant was read."""
        self._metrics.read_through.labels(str(partition)).set(epoch_seconds)


class PipelineMetrics(PipelineObserver):
    """Counts records, complaints, promises and scores."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        # Every batch counts into each of these few; finding one costs more than counting.
        self._interactions = cache(metrics.interactions.labels)
        self._reasons = Bounded()
        self._fields = Bounded()
        self._words = Bounded()
        self._told: set[tuple[str, str]] = set()
        self._targets = Bounded()

    def taken_in(
        self, channel: str, received: int, skipped: int, rejected: Mapping[str, int]
    ) -> None:
        """Intake applied a batch."""
        metrics = self._metrics
        metrics.received.labels(channel).inc(received)
        self._interactions(channel, "skipped").inc(skipped)
        self._interactions(channel, "rejected").inc(sum(rejected.values()))
        for reason, count in rejected.items():
            metrics.dead_letters.labels("intake", self._reasons(reason)).inc(count)

    def field_problems(self, channel: str, problems: Mapping[str, int]) -> None:
        """Optional fields were dropped or cut."""
        for field, count in problems.items():
            self._metrics.field_problems.labels(channel, self._fields(field)).inc(count)

    def unknown_words(self, words: Mapping[tuple[str, str], int]) -> None:
        """The policy file does not know a word: said once in the log, counted each time."""
        for (field, word), count in words.items():
            known = self._words(word)
            self._metrics.unknown_words.labels(field, known).inc(count)
            if known != OTHER and (field, word) not in self._told:
                self._told.add((field, word))
                section = "severity" if field == "severity" else "tiers"
                log.warning(
                    "nobody said what %s %r means, so it counts as not said; add it to the policy "
                    "file, under %s.map",
                    field,
                    word,
                    section,
                )

    def identity_conflicts(self, count: int) -> None:
        """Handles of one record belong to different customers."""
        self._metrics.identity_conflicts.inc(count)

    def applied(
        self,
        outcomes: Mapping[tuple[str, str], int],
        tallies: Sequence[Tally],
        alerts: Sequence[SlaAlert],
        rejected: Mapping[str, int],
    ) -> None:
        """The customer pipeline applied a batch."""
        for (channel, outcome), count in outcomes.items():
            self._interactions(channel, outcome).inc(count)
        for reason, count in rejected.items():
            self._metrics.dead_letters.labels("customers", self._reasons(reason)).inc(count)
        for counted, count in alike(tallies).items():
            self._count(counted, count)
        for alert in alerts:
            self._announce(alert)

    def _count(self, counted: Counted, count: int) -> None:
        metrics = self._metrics
        measure, channel, tier, value, is_correction = counted
        if is_correction:
            metrics.corrections.labels(measure).inc(count)
            return
        channel, tier = _one_of(_CHANNELS, channel), _one_of(_TIERS, tier)
        match measure:
            case Measure.CONTACTS:
                metrics.contacts.labels(channel).inc(count)
            case Measure.REPEAT_CONTACTS:
                metrics.repeat_contacts.labels(channel).inc(count)
            case Measure.COMPLAINTS_OPENED:
                metrics.complaints_opened.labels(channel, tier).inc(count)
            case Measure.COMPLAINTS_RESOLVED:
                metrics.complaints_resolved.labels(channel, tier).inc(count)
            case Measure.COMPLAINTS_REOPENED:
                metrics.complaints_reopened.labels(channel, tier).inc(count)
            case Measure.HAND_OVERS:
                metrics.hand_overs.labels(channel, tier).inc(count)
            case Measure.HAND_BACKS:
                metrics.hand_backs.labels(channel, tier).inc(count)
            case Measure.MET if isinstance(value, str):
                metrics.clocks_met.labels(self._targets(value), channel, tier).inc(count)
            case Measure.BREACHED if isinstance(value, str):
                metrics.clock_breaches.labels(self._targets(value), channel, tier).inc(count)
            case Measure.CSAT:
                _score(metrics.csat, channel, value, 1, 5, count)
            case Measure.NPS:
                _score(metrics.nps, channel, value, 0, 10, count)
            case Measure.CES:
                _score(metrics.ces, channel, value, 1, 7, count)
            case Measure.FIRST_RESPONSE if isinstance(value, float | int) and value >= 0:
                _observe(metrics.first_response.labels(channel), value, count)
            case Measure.RESOLUTION if isinstance(value, float | int) and value >= 0:
                _observe(metrics.resolution.labels(channel), value, count)

    def _announce(self, alert: SlaAlert) -> None:
        self._metrics.alerts.labels(alert.kind.value, self._targets(alert.target)).inc()
        if alert.kind in TIMELY and not alert.quiet:
            late = (alert.announced_at - alert.at).total_seconds()
            self._metrics.alert_lateness.labels(alert.kind.value).observe(max(0.0, late))


class IdentityMetrics(IdentityObserver):
    """Counts rebuilds of the identity index."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._reasons = Bounded()

    def rebuilding(self) -> None:
        """A rebuild began on this worker."""
        self._metrics.identity_rebuilds.inc()

    def progressed(self, links: int) -> None:
        """So many links were restored so far."""
        self._metrics.identity_restored_links.set(links)

    def rebuilt(self, links: int, seconds: float) -> None:
        """This worker has rebuilt the index."""
        self._metrics.identity_rebuild_seconds.observe(seconds)

    def failed(self, reason: str) -> None:
        """A rebuild came to nothing."""
        self._metrics.identity_rebuild_failures.labels(self._reasons(reason)).inc()


class PolicyMetrics(PolicyObserver):
    """Counts what becomes of the policy file, and how far its versions have come."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def reloaded(self, outcome: Reload) -> None:
        """The file was read."""
        self._metrics.policy_reloads.labels(outcome.value).inc()
        self._metrics.policy_file_ok.set(outcome is not Reload.REFUSED)

    def in_force(self, published_at: datetime, partitions_behind: int) -> None:
        """Which version holds, and where it is not known yet."""
        self._metrics.policy_published.set(published_at.timestamp())
        self._metrics.policy_behind.set(partitions_behind)

    def reached(self, customers: int) -> None:
        """A retroactive version reached customers."""
        self._metrics.policy_reached.inc(customers)


class ViewMetrics(ViewObserver):
    """Counts what the view writer does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def written(self, items: int, seconds: float) -> None:
        """A flush wrote so many views."""
        self._metrics.view_writes.inc(items)
        self._metrics.view_pending.set(0)

    def failed(self, reason: str, pending: int) -> None:
        """A flush failed; so many views wait."""
        self._metrics.view_failures.labels(reason).inc()
        self._metrics.view_pending.set(pending)

    def overflowed(self, dropped: int) -> None:
        """Too many views waited."""
        self._metrics.view_dropped.inc(dropped)

    def rebuilt(self, partition: int, items: int, seconds: float) -> None:
        """The views of a partition were written anew."""
        self._metrics.view_rebuilds.inc()


class NotifierMetrics(NotifierObserver):
    """Counts deliveries."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._reasons = Bounded()

    def delivered(self, transport: str, count: int) -> None:
        """Alerts were accepted."""
        self._metrics.deliveries.labels(transport, "delivered").inc(count)

    def retried(self, transport: str, reason: str) -> None:
        """A delivery will be tried again."""
        self._metrics.delivery_retries.labels(transport, self._reasons(reason)).inc()

    def failed(self, transport: str, reason: str) -> None:
        """A delivery was given up."""
        self._metrics.deliveries.labels(transport, "failed").inc()

    def skipped(self, reason: str) -> None:
        """An alert was not delivered on purpose."""
        self._metrics.deliveries_skipped.labels(self._reasons(reason)).inc()

    def lag(self, seconds: float) -> None:
        """An alert was taken in so long after its announcement."""
        self._metrics.delivery_lag.observe(seconds)


def _observe(series: Histogram, value: float, count: int) -> None:
    for _ in range(count):
        series.observe(value)


def _one_of(known: frozenset[str], value: str) -> str:
    return UNKNOWN if not value else value if value in known else OTHER


def _score(
    counter: Counter, channel: str, value: float | str | None, low: int, high: int, count: int
) -> None:
    if isinstance(value, float | int) and low <= value <= high:
        counter.labels(channel, str(int(value))).inc(count)
