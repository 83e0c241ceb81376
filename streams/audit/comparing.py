"""Comparing what a replay gives with the rows that live, and with what was published."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct, field

from agents.customer.oracle import Oracle, differences
from schemas.alert import SlaAlert
from schemas.complaint import Complaint
from schemas.customer import CustomerState, PartitionState, PolicyHistory
from schemas.events import PolicyChanged
from streams import topics
from streams.audit.reading import Progress, read
from streams.audit.replay import Due, Replay, knows_more
from streams.audit.report import PartitionAudit
from streams.engine import Table
from streams.engine.envelope import NEVER, body_of, wake_of
from streams.pipeline.tables import (
    CUSTOMERS,
    ONLY,
    PARTITIONS,
    POLICIES,
    POLICY_HISTORY,
    SATISFACTION,
)
from streams.reading import ends_of

_decode_complaint = msgspec.json.Decoder(Complaint).decode
_decode_alert = msgspec.json.Decoder(SlaAlert).decode

Rows = Mapping[bytes, bytes]
"""Live rows as they stand in the changelog: table prefix + key -> sealed row."""


def rows_of(table: Table[Any], rows: Rows) -> dict[str, Any]:
    """The decoded rows of one table by key."""
    return {
        name_of(key[1:]): table.decode(body_of(row))
        for key, row in rows.items()
        if key[:1] == table.prefix
    }


def name_of(key: bytes) -> str:
    """A key as text, whatever it is made of."""
    return key.decode("utf-8", "backslashreplace")


def compare_customers(found: PartitionAudit, replayed: Replay, rows: Rows) -> set[str]:
    """Note differences of customers' rows and wake-ups; returns who cannot be judged."""
    oracle = replayed.oracle
    live: dict[str, CustomerState] = rows_of(CUSTOMERS, rows)
    older_policy = found.truncated and _policy_is_older(oracle, rows)
    unprovable = set()
    for name in differences(oracle.customers, live):
        folded, lives = oracle.customers.get(name), live.get(name)
        if found.truncated and (
            folded is None or (lives is not None and (older_policy or knows_more(lives, folded)))
        ):
            unprovable.add(name)
        else:
            found.differences.append(f"customer {name}")
    for name, at in oracle.wakes.items():
        row = rows.get(CUSTOMERS.prefix + name.encode())
        if row is None or name in unprovable:
            continue
        wanted = NEVER if at is None else -int(-at * 1000 // 1)
        if wake_of(row) != wanted:
            found.differences.append(f"wake-up of customer {name}")
    found.customers = len(oracle.customers.keys() | live.keys())
    found.unprovable = len(unprovable)
    return unprovable


def _policy_is_older(oracle: Oracle, rows: Rows) -> bool:
    """Whether the partition knows a policy that the replay does not: it was told before."""
    known = rows_of(POLICY_HISTORY, rows).get(name_of(ONLY), PolicyHistory())

    def versions(history: PolicyHistory) -> list[tuple[str, datetime]]:
        return [(entry.version, entry.published_at) for entry in history.entries]

    return versions(known) != versions(oracle.versions.history)


def policies_in(rows: Rows) -> list[PolicyChanged]:
    """The versions of the policy a partition's rows know, oldest first, as it was told of them."""
    known = rows_of(POLICY_HISTORY, rows).get(name_of(ONLY), PolicyHistory())
    policies = rows_of(POLICIES, rows)
    return [
        PolicyChanged(policy=policies[entry.version], published_at=entry.published_at)
        for entry in known.entries
        if entry.version in policies
    ]


def compare_tables(found: PartitionAudit, oracle: Oracle, rows: Rows) -> None:
    """Note differences of what is about the whole partition: tables, policies, accounting."""
    only = name_of(ONLY)
    versions = oracle.versions
    for what, expected, live, absent in (
        (
            "satisfaction row",
            {name_of(key): row for key, row in oracle.tables.rows.items()},
            rows_of(SATISFACTION, rows),
            None,
        ),
        ("policy", versions.policies, rows_of(POLICIES, rows), None),
        (
            "policy history",
            {only: versions.history},
            rows_of(POLICY_HISTORY, rows),
            PolicyHistory(),
        ),
        ("accounting", {only: oracle.counts}, rows_of(PARTITIONS, rows), PartitionState()),
    ):
        shown: Mapping[str, object] = live if absent is None else {only: absent, **live}
        found.differences += [f"{what} {key}" for key in differences(expected, shown)]


class Published(Struct):
    """What stands on the topics the pipeline writes."""

    complaints: dict[str, Complaint] = field(default_factory=dict)
    """By id, the version with the highest change count."""
    alerts: dict[str, bytes] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    alerts_since_ms: int = 0
    """Alerts of events before this instant may be gone by retention."""


async def read_published(
    reader: AIOKafkaConsumer, counts: Mapping[str, int], progress: Progress
) -> Published:
    """Read both topics to their ends; last, because effects are out before rows are."""
    published = Published()
    complaints, alerts = _tps(topics.COMPLAINTS, counts), _tps(topics.SLA_ALERTS, counts)
    begins = await reader.beginning_offsets([*complaints, *alerts])
    ends = await ends_of(reader, [*complaints, *alerts])
    for tp in complaints:
        async for record in read(reader, tp, begins[tp], ends[tp], progress):
            if record.value is None:
                continue
            complaint = _decode_complaint(record.value)
            known = published.complaints.get(complaint.complaint_id)
            if known is None or complaint.change_count >= known.change_count:
                published.complaints[complaint.complaint_id] = complaint
    for tp in alerts:
        oldest_ms = None
        async for record in read(reader, tp, begins[tp], ends[tp], progress):
            oldest_ms = record.timestamp if oldest_ms is None else oldest_ms
            alert_id = _decode_alert(record.value).alert_id
            if published.alerts.setdefault(alert_id, record.value) != record.value:
                published.twice.add(alert_id)
        if begins[tp] > 0:
            gone = oldest_ms if oldest_ms is not None else _ALL_GONE_MS
            published.alerts_since_ms = max(published.alerts_since_ms, gone)
    return published


_ALL_GONE_MS = 1 << 62


class Expected(Struct, frozen=True):
    """What the log of one partition says must have been published."""

    complaints: dict[str, Complaint]
    alerts: dict[str, Due]


def expected_of(replayed: Replay, unprovable: set[str]) -> Expected:
    """What must have been published, without what cannot be judged."""
    complaints = replayed.oracle.complaints
    return Expected(
        {name: c for name, c in complaints.items() if c.customer_id not in unprovable},
        {name: due for name, due in replayed.alerts.items() if due.customer_id not in unprovable},
    )


def compare_published(found: PartitionAudit, expected: Expected, published: Published) -> None:
    """Note complaints and alerts that the log gives and nobody was told of, or told otherwise."""
    note = found.differences.append
    for name, complaint in expected.complaints.items():
        stands, change = published.complaints.get(name), complaint.change_count
        if stands is None or stands.change_count < change:
            note(f"complaint {name}: change {change} was never published")
        elif stands.change_count == change and stands != complaint:
            note(f"complaint {name} was published otherwise")
    for name, due in expected.alerts.items():
        if name in published.twice:
            note(f"alert {name} was published with two different bodies")
        elif name not in published.alerts:
            if due.appended_ms < published.alerts_since_ms:
                found.expired_alerts += 1
            else:
                note(f"alert {name} was never published")


def _tps(topic: str, counts: Mapping[str, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(counts[topic])]
