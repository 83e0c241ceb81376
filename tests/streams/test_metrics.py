"""Metrics: conventional names, bounded labels, and counters that follow what happened."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agents.effects import Measure, Tally
from schemas.alert import AlertKind, SlaAlert
from schemas.customer import Labels
from streams.metrics import LABEL_VALUES, OTHER, Bounded, Metrics
from streams.observers import EngineMetrics, NotifierMetrics, PipelineMetrics, ViewMetrics

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LABELS = Labels(channel="chat", tier="vip", team="billing")


@pytest.fixture
def metrics() -> Metrics:
    """Metrics on a registry of their own."""
    return Metrics()


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The value of a sample."""
    return metrics.registry.get_sample_value(f"manyi_{name}", labels)


def applied(metrics: Metrics, *tallies: Tally, alerts: Any = ()) -> None:
    """Tell the pipeline's observer of a batch."""
    PipelineMetrics(metrics).applied({}, tallies, alerts, {})


def test_names_and_labels_follow_the_conventions(metrics: Metrics) -> None:
    """Names start with manyi_, times end in _seconds, and no label can name a customer."""
    for family in metrics.registry.collect():
        assert re.fullmatch(r"manyi_[a-z_]+", family.name), family.name
        assert family.documentation.endswith("."), family.name
        if family.type == "histogram":
            assert family.name.endswith("_seconds"), family.name
        if "timestamp" in family.name:
            assert family.name.endswith("_timestamp_seconds"), family.name
    labels = {
        name
        for collector in metrics.registry._collector_to_names
        for name in getattr(collector, "_labelnames", ())
    }
    assert labels == {
        "channel", "field", "kind", "measure", "outcome", "partition", "reason", "score", "stage",
        "state", "target", "tier", "topic", "transport",
        "word",
    }  # fmt: skip


def test_label_values_are_bounded() -> None:
    """Free texts become `other` after the first values, which stay what they are."""
    bounded = Bounded(2)
    assert [bounded(v) for v in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


def test_series_stay_bounded_whatever_arrives(metrics: Metrics) -> None:
    """Unknown channels, tiers, targets and reasons do not make a series each."""
    observer = PipelineMetrics(metrics)
    for number in range(500):
        labels = Labels(channel=f"c{number}", tier=f"t{number}")
        observer.applied(
            {}, [Tally(Measure.BREACHED, AT, labels, f"target{number}")], (), {f"r{number}": 1}
        )
        observer.field_problems("chat", {f"f{number}": 1})
    text = "\n".join(
        f"{s.name}{s.labels}" for family in metrics.registry.collect() for s in family.samples
    )
    assert text.count("manyi_clock_breaches_total") == LABEL_VALUES + 1
    assert text.count("manyi_dead_letters_total") == LABEL_VALUES + 1
    assert text.count("manyi_field_problems_total") == LABEL_VALUES + 1


def test_records_and_their_outcomes(metrics: Metrics) -> None:
    """Received and refused at intake, admitted in the customer's row."""
    observer = PipelineMetrics(metrics)
    observer.taken_in("chat", 10, 1, {"malformed": 2})
    observer.applied(
        {("chat", "accepted"): 6, ("chat", "duplicate"): 1}, (), (), {"step_failed": 1}
    )
    observer.identity_conflicts(3)
    assert sample(metrics, "records_received_total", channel="chat") == 10
    found = {
        outcome: sample(metrics, "interactions_total", channel="chat", outcome=outcome)
        for outcome in ("accepted", "duplicate", "rejected", "skipped")
    }
    assert found == {"accepted": 6, "duplicate": 1, "rejected": 2, "skipped": 1}
    assert sample(metrics, "dead_letters_total", stage="intake", reason="malformed") == 2
    assert sample(metrics, "dead_letters_total", stage="customers", reason="step_failed") == 1
    assert sample(metrics, "identity_conflicts_total") == 3


def test_scores_complaints_and_promises(metrics: Metrics) -> None:
    """Tallies become counters and histograms under the labels people ask for."""
    applied(
        metrics,
        Tally(Measure.CSAT, AT, LABELS, 5),
        Tally(Measure.CSAT, AT, LABELS, 5.0),
        Tally(Measure.NPS, AT, LABELS, 0),
        Tally(Measure.CES, AT, Labels(), 7),
        Tally(Measure.COMPLAINTS_OPENED, AT, LABELS),
        Tally(Measure.BREACHED, AT, LABELS, "first_response"),
        Tally(Measure.MET, AT, LABELS, "update"),
        Tally(Measure.FIRST_RESPONSE, AT, LABELS, 45.0),
        Tally(Measure.CONTACTS, AT, LABELS),
    )
    assert sample(metrics, "csat_responses_total", channel="chat", score="5") == 2
    assert sample(metrics, "nps_responses_total", channel="chat", score="0") == 1
    assert sample(metrics, "ces_responses_total", channel="unknown", score="7") == 1
    assert sample(metrics, "complaints_opened_total", channel="chat", tier="vip") == 1
    labels = {"channel": "chat", "tier": "vip"}
    assert sample(metrics, "clock_breaches_total", target="first_response", **labels) == 1
    assert sample(metrics, "clocks_met_total", target="update", **labels) == 1
    assert sample(metrics, "first_response_seconds_sum", channel="chat") == 45
    assert sample(metrics, "contacts_total", channel="chat") == 1


def test_counters_never_fall(metrics: Metrics) -> None:
    """A score that is taken back is a correction; no counter goes down, nothing raises."""
    applied(
        metrics,
        Tally(Measure.CSAT, AT, LABELS, 5),
        Tally(Measure.CSAT, AT, LABELS, 5, -1),
        Tally(Measure.CSAT, AT, LABELS, 9),
        Tally(Measure.CSAT, AT, LABELS, "five"),
        Tally(Measure.FIRST_RESPONSE, AT, LABELS, -4.0),
    )
    assert sample(metrics, "csat_responses_total", channel="chat", score="5") == 1
    assert sample(metrics, "corrections_total", measure="csat") == 1
    assert sample(metrics, "first_response_seconds_count", channel="chat") is None


def alert(kind: AlertKind, late_seconds: float, quiet: bool = False) -> SlaAlert:
    """An alert that was announced some seconds after it became true."""
    return SlaAlert(
        alert_id="a",
        kind=kind,
        target="first_response",
        clock_started_at=AT,
        complaint_id="k",
        customer_id="c",
        at=AT,
        announced_at=AT + timedelta(seconds=late_seconds),
        due_at=AT,
        limit_seconds=60,
        used_seconds=60,
        quiet=quiet,
    )


def test_lateness_of_alerts(metrics: Metrics) -> None:
    """Lateness is measured where there was an instant to be on time for, and not on history."""
    applied(
        metrics,
        alerts=[
            alert(AlertKind.BREACHED, 0.3),
            alert(AlertKind.BREACHED, 90_000, quiet=True),
            alert(AlertKind.RECOVERED, 600),
        ],
    )
    assert sample(metrics, "alerts_total", kind="breached", target="first_response") == 2
    assert sample(metrics, "alert_lateness_seconds_count", kind="breached") == 1
    assert sample(metrics, "alert_lateness_seconds_bucket", kind="breached", le="0.5") == 1
    assert sample(metrics, "alert_lateness_seconds_count", kind="recovered") is None


def test_the_engine(metrics: Metrics) -> None:
    """Batches, lag, commits and restores; lag of partitions that went away is forgotten."""
    observer = EngineMetrics(metrics, clock=lambda: 1_000.0)
    lane: Any = SimpleNamespace(topic="customer-events.v1", partition=3)
    observer.assigned(2)
    observer.folded(lane, 10, 4, 0.01)
    observer.skipped_ahead(lane, 7)
    observer.applied(lane, 6, 9, 12, 4_096, 0.02)
    observer.lag({("customer-events.v1", 3): 11})
    observer.read_through(3, 1_234.5)
    observer.committed({("customer-events.v1", 3): 100}, 0.01)
    observer.restored("customer-events.v1", 3, 500, 300, 0.4)
    observer.commit_refused("IllegalGenerationError")
    observer.foreign_writes("manyi.customers.changelog.v1", 3, 2, 2)
    observer.crashed("KafkaError")
    topic = {"topic": "customer-events.v1"}
    assert sample(metrics, "engine_lanes") == 2
    assert sample(metrics, "engine_records_total", **topic) == 6
    assert sample(metrics, "engine_replayed_records_total", **topic) == 4
    assert sample(metrics, "engine_missing_offsets_total", **topic) == 7
    assert sample(metrics, "engine_row_bytes_total", **topic) == 4_096
    assert sample(metrics, "engine_lag_records", partition="3", **topic) == 11
    assert sample(metrics, "engine_read_through_timestamp_seconds", partition="3") == 1_234.5
    assert sample(metrics, "engine_last_commit_timestamp_seconds") == 1_000
    assert sample(metrics, "engine_restored_records_total", **topic) == 500
    assert sample(metrics, "engine_foreign_writes_total") == 2
    observer.assigned(0)
    assert sample(metrics, "engine_lag_records", partition="3", **topic) is None


def test_views_and_deliveries(metrics: Metrics) -> None:
    """What waits, what failed, what was delivered."""
    views, notifier = ViewMetrics(metrics), NotifierMetrics(metrics)
    views.failed("ConnectionError", 40)
    assert sample(metrics, "view_pending") == 40
    views.written(40, 0.1)
    views.overflowed(3)
    views.rebuilt(0, 100, 0.5)
    assert sample(metrics, "view_pending") == 0
    assert sample(metrics, "view_writes_total") == 40
    assert sample(metrics, "view_dropped_total") == 3
    assert sample(metrics, "view_rebuilds_total") == 1
    notifier.delivered("webhook", 2)
    notifier.failed("webhook", "410")
    notifier.retried("webhook", "503")
    notifier.skipped("quiet")
    notifier.lag(0.2)
    assert sample(metrics, "alert_deliveries_total", transport="webhook", outcome="delivered") == 2
    assert sample(metrics, "alert_deliveries_total", transport="webhook", outcome="failed") == 1
    assert sample(metrics, "alert_delivery_lag_seconds_count") == 1


def test_a_word_the_policy_does_not_know_is_counted_and_said_once(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """The hint names the section of the policy file; endless words become `other`."""
    observer = PipelineMetrics(metrics)
    observer.unknown_words({("severity", "P7"): 2})
    observer.unknown_words({("severity", "P7"): 1, ("tier", "Diamond"): 1})
    assert sample(metrics, "unknown_words_total", field="severity", word="P7") == 3
    assert [record.getMessage() for record in caplog.records] == [
        "nobody said what severity 'P7' means, so it counts as not said; add it to the policy "
        "file, under severity.map",
        "nobody said what tier 'Diamond' means, so it counts as not said; add it to the policy "
        "file, under tiers.map",
    ]
    observer.unknown_words({("tier", f"t{number}"): 1 for number in range(10_000)})
    assert (sample(metrics, "unknown_words_total", field="tier", word="other") or 0) > 9_000
