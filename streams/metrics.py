"""Every Prometheus metric of manyi, in one table, each with what it counts.

Labels come from enums or from bounded sets, never from customers. Counters count what happened on
this worker and only grow: a correction that takes a score back is counted as a correction. The
exact figures are in the live tables; these are for trends, dashboards and alerts. What feeds them
is in `observers.py`.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OTHER = "other"
LABEL_VALUES = 50
"""Values a free-text label may take before the rest is `other`: every one is a time series."""

RESPONSE_BUCKETS = (30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 259_200)
"""Half a minute to three days, seconds: around the promises that are usually made."""

LATENESS_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600)
"""Seconds between a breach and its announcement: a second is good, a minute wakes people late."""

BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REBUILD_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Some 20 s per million links."""


class Bounded:
    """Label values, the first `LABEL_VALUES` of them; what comes later is `other`."""

    def __init__(self, limit: int = LABEL_VALUES) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value itself, or `other`."""
        if value not in self._known:
            if len(self._known) >= self._limit:
                return OTHER
            self._known.add(value)
        return value


class Metrics:
    """All metrics, on one registry."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"manyi_{name}", about, labels, registry=self.registry)

        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"manyi_{name}", about, labels, registry=self.registry)

        def histogram(name: str, about: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(
                f"manyi_{name}", about, labels, registry=self.registry, buckets=buckets
            )

        # --- what comes in -----------------------------------------------------------------------
        self.received = counter("records_received", "Records intake has read.", "channel")
        self.interactions = counter(
            "interactions",
            "What became of records: accepted, corrected, duplicate, conflict, stale, replayed, "
            "rejected or skipped.",
            "channel",
            "outcome",
        )
        self.dead_letters = counter(
            "dead_letters", "Records put on a dead-letter topic.", "stage", "reason"
        )
        self.field_problems = counter(
            "field_problems", "Optional fields that were dropped or cut.", "channel", "field"
        )
        self.identity_conflicts = counter(
            "identity_conflicts", "Records whose handles belong to different customers."
        )
        self.identity_rebuilds = counter(
            "identity_rebuilds", "Rebuilds of the identity index that began on this worker."
        )
        self.identity_rebuild_failures = counter(
            "identity_rebuild_failures", "Rebuilds that came to nothing and began anew.", "reason"
        )
        self.identity_rebuild_seconds = histogram(
            "identity_rebuild_seconds",
            "From losing sight of the index to a complete one: intake waits.",
            REBUILD_BUCKETS,
        )
        self.identity_restored_links = gauge(
            "identity_restored_links", "Links restored by the rebuild that runs, or ran last."
        )

        # --- customers and complaints ------------------------------------------------------------
        self.contacts = counter("contacts", "Contacts of customers.", "channel")
        self.repeat_contacts = counter(
            "repeat_contacts", "Contacts about a matter that had been dealt with.", "channel"
        )
        self.complaints_opened = counter(
            "complaints_opened", "Complaints opened.", "channel", "tier"
        )
        self.complaints_resolved = counter(
            "complaints_resolved", "Complaints resolved.", "channel", "tier"
        )
        self.complaints_reopened = counter(
            "complaints_reopened", "Complaints opened again.", "channel", "tier"
        )
        self.hand_overs = counter(
            "hand_overs", "Complaints that one team gave to another.", "channel", "tier"
        )
        self.hand_backs = counter(
            "hand_backs", "Of those, given to a team that had had it before.", "channel", "tier"
        )
        self.complaints_open = gauge(
            "complaints_open",
            "Open complaints of the whole installation, the same on every worker: take the max. "
            "States: breached, warned, running, paused, none.",
            "state",
        )
        self.unknown_words = counter(
            "unknown_words",
            "Words for a severity or tier that the policy file does not know.",
            "field",
            "word",
        )
        self.corrections = counter(
            "corrections", "What was counted and taken back by newer evidence.", "measure"
        )

        # --- promises ----------------------------------------------------------------------------
        self.clocks_met = counter("clocks_met", "Promises kept.", "target", "channel", "tier")
        self.clock_breaches = counter(
            "clock_breaches", "Promises broken.", "target", "channel", "tier"
        )
        self.alerts = counter("alerts", "Announcements about promises.", "kind", "target")
        self.alert_lateness = histogram(
            "alert_lateness_seconds",
            "From the instant a warning, breach or escalation became true to its announcement.",
            LATENESS_BUCKETS,
            "kind",
        )
        self.first_response = histogram(
            "first_response_seconds",
            "From a customer's contact to the first response.",
            RESPONSE_BUCKETS,
            "channel",
        )
        self.resolution = histogram(
            "resolution_seconds",
            "From the opening of a complaint to its resolution.",
            RESPONSE_BUCKETS,
            "channel",
        )

        # --- the policy --------------------------------------------------------------------------
        self.policy_reloads = counter(
            "policy_reloads",
            "Policy files read: published, in_force, superseded (a newer one is in force) or "
            "refused (a mistake; what was in force stays).",
            "outcome",
        )
        self.policy_file_ok = gauge(
            "policy_file_ok",
            "1 where the policy file last read can be used, 0 where it is refused.",
        )
        self.policy_published = gauge(
            "policy_published_timestamp_seconds", "When the version in force was published."
        )
        self.policy_behind = gauge(
            "policy_partitions_behind", "Own partitions that do not know the version in force yet."
        )
        self.policy_reached = counter(
            "policy_customers_reached", "Customers whose open complaints were judged anew."
        )

        # --- satisfaction ------------------------------------------------------------------------
        self.csat = counter("csat_responses", "CSAT answers, 1 to 5.", "channel", "score")
        self.nps = counter("nps_responses", "NPS answers, 0 to 10.", "channel", "score")
        self.ces = counter("ces_responses", "CES answers, 1 to 7.", "channel", "score")

        # --- the engine --------------------------------------------------------------------------
        self.lanes = gauge("engine_lanes", "Partitions this worker owns.")
        self.lag = gauge(
            "engine_lag_records", "Records appended and not read yet.", "topic", "partition"
        )
        self.read_through = gauge(
            "engine_read_through_timestamp_seconds",
            "Every event before this instant was read.",
            "partition",
        )
        self.records = counter("engine_records", "Records folded.", "topic")
        self.replays = counter(
            "engine_replayed_records", "Records that were in the rows already.", "topic"
        )
        self.gaps = counter(
            "engine_missing_offsets", "Offsets without a record: expired or markers.", "topic"
        )
        self.effects = counter("engine_effects", "Records published by batches.", "topic")
        self.row_bytes = counter("engine_row_bytes", "Bytes of rows logged.", "topic")
        self.fold_seconds = histogram(
            "engine_fold_seconds", "Folding one batch.", BATCH_BUCKETS, "topic"
        )
        self.barrier_seconds = histogram(
            "engine_barrier_seconds",
            "From a folded batch to its rows being acknowledged.",
            BATCH_BUCKETS,
            "topic",
        )
        self.last_commit = gauge(
            "engine_last_commit_timestamp_seconds", "When offsets were last committed."
        )
        self.refused_commits = counter(
            "engine_refused_commits", "Commits refused: the partition has another owner.", "reason"
        )
        self.restored_records = counter(
            "engine_restored_records", "Changelog records read to restore rows.", "topic"
        )
        self.restore_seconds = histogram(
            "engine_restore_seconds", "Restoring one partition.", BATCH_BUCKETS, "topic"
        )
        self.foreign_writes = counter(
            "engine_foreign_writes", "Changelog records somebody else wrote to our partitions."
        )
        self.crashes = counter("engine_crashes", "Stops of the worker by the engine.", "reason")

        # --- live views and delivery -------------------------------------------------------------
        self.view_writes = counter("view_writes", "Live views written.")
        self.view_failures = counter("view_failures", "Failed writes of live views.", "reason")
        self.view_pending = gauge("view_pending", "Live views that wait to be written.")
        self.view_dropped = counter("view_dropped", "Live views dropped, to be rebuilt later.")
        self.view_rebuilds = counter("view_rebuilds", "Partitions whose views were rebuilt.")
        self.deliveries = counter(
            "alert_deliveries", "Alerts delivered, or given up.", "transport", "outcome"
        )
        self.delivery_retries = counter(
            "alert_delivery_retries", "Deliveries to be tried again.", "transport", "reason"
        )
        self.deliveries_skipped = counter(
            "alert_deliveries_skipped", "Alerts not delivered on purpose.", "reason"
        )
        self.delivery_lag = histogram(
            "alert_delivery_lag_seconds",
            "From an announcement to the notifier taking it in.",
            LATENESS_BUCKETS,
        )
