"""The audit: recompute every row from the log with the pure steps, and compare with what is live.

It reads the changelog first (what is live, as of one source offset per partition), then folds
`customer-events.v1` up to that very offset, so it may run beside a working pipeline. Complaints and
alerts on their topics must contain what the log gives; they are read last, because effects are out
before rows are. Every difference is a defect, of manyi or of what was done to its topics.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct, field

from agents.complaints.settle import Rulebook
from agents.customer.oracle import Oracle, differences
from schemas.alert import SlaAlert
from schemas.complaint import Complaint
from schemas.events import CustomerEvent
from streams import topics
from streams.engine import Table
from streams.engine.envelope import applied_of, body_of, is_deleted
from streams.pipeline.tables import (
    CUSTOMERS,
    ONLY,
    PARTITIONS,
    POLICIES,
    POLICY_HISTORY,
    SATISFACTION,
)
from streams.settings import Settings
from streams.topic_plan import partitions_of

READ_TOPICS = (topics.CUSTOMER_EVENTS, topics.COMPLAINTS, topics.SLA_ALERTS)
SHOWN = 10
"""First differences that are named; the rest is counted."""
POLL_MS = 500
FETCH_RECORDS = 5_000
QUIET_POLLS = 2
"""Empty polls that end a read: a broker may tell too low an end, and a loaded one answers late."""
STUCK_POLLS = 20
"""Empty polls before a read that should have more to come gives up (10 s)."""

_decode_event = msgspec.json.Decoder(CustomerEvent).decode
_decode_complaint = msgspec.json.Decoder(Complaint).decode
_decode_alert = msgspec.json.Decoder(SlaAlert).decode

Progress = Callable[[str, int, int], None]
"""Told what is being read, how many records are done, and how many there are."""


class PartitionAudit(Struct):
    """What the comparison of one partition found."""

    partition: int
    applied: int
    events: int = 0
    customers: int = 0
    rows: int = 0
    truncated: bool = False
    """The log no longer reaches back to its beginning, so older rows cannot be recomputed."""
    differences: list[str] = field(default_factory=list)


class Audit(Struct):
    """The whole report."""

    partitions: list[PartitionAudit] = field(default_factory=list)
    complaints: int = 0
    alerts: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything live equals what the log gives."""
        return not self.differences and not any(p.differences for p in self.partitions)


class AuditError(Exception):
    """A log could not be read to its end."""


async def audit(settings: Settings, rulebook: Rulebook, progress: Progress) -> Audit:
    """Audit every partition, one after the other; memory is bounded by one partition's rows.

    The log says which version of the policy judged what; `rulebook` judges what came before it
    told of any.
    """
    report = Audit()
    async with _reader(settings) as reader:
        due = []
        found = await partitions_of(settings.kafka_clients(), *READ_TOPICS)
        if missing := [name for name in READ_TOPICS if name not in found]:
            raise AuditError(f"the broker has no topic {' and no '.join(missing)}")
        counts = {name: len(numbers) for name, numbers in found.items()}
        for partition in range(counts[topics.CUSTOMER_EVENTS]):
            found, expected = await _audit_partition(reader, partition, rulebook, progress)
            report.partitions.append(found)
            due.append(expected)
        published = await _published(reader, counts, progress)
    for found, expected in zip(report.partitions, due, strict=True):
        if not found.truncated:
            found.differences += _unpublished(expected, published)
    report.complaints, report.alerts = len(published.complaints), len(published.alerts)
    for alert_id in sorted(published.twice):
        report.differences.append(f"alert {alert_id} was published with two different bodies")
    return report


class _Published(Struct):
    """What stands on the topics the pipeline writes."""

    complaints: dict[str, Complaint] = field(default_factory=dict)
    """By id, the version with the highest change count."""
    alerts: dict[str, bytes] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)


async def _published(
    reader: AIOKafkaConsumer, counts: Mapping[str, int], progress: Progress
) -> _Published:
    published = _Published()
    async for record in _records(reader, topics.COMPLAINTS, counts, progress):
        complaint = _decode_complaint(record.value)
        known = published.complaints.get(complaint.complaint_id)
        if known is None or complaint.change_count >= known.change_count:
            published.complaints[complaint.complaint_id] = complaint
    async for record in _records(reader, topics.SLA_ALERTS, counts, progress):
        alert_id = _decode_alert(record.value).alert_id
        if published.alerts.setdefault(alert_id, record.value) != record.value:
            published.twice.add(alert_id)
    return published


async def _audit_partition(
    reader: AIOKafkaConsumer,
    partition: int,
    rulebook: Rulebook,
    progress: Progress,
) -> tuple[PartitionAudit, "_Due"]:
    live, applied = await _live_rows(reader, partition, progress)
    found = PartitionAudit(partition=partition, applied=applied, rows=len(live))
    oracle = Oracle(rulebook)
    tp = TopicPartition(topics.CUSTOMER_EVENTS, partition)
    begin = (await reader.beginning_offsets([tp]))[tp]
    found.truncated = begin > 0
    ahead = ""
    try:
        async for record in _read(reader, tp, begin, applied + 1, topics.CUSTOMER_EVENTS, progress):
            found.events += 1
            if record.value is None:
                continue
            try:
                event = _decode_event(record.value)
            except msgspec.MsgspecError:
                continue  # a dead letter in production, too
            oracle.fold(event)
    except AuditError as error:
        ahead = f"the rows are ahead of the log: {error}"
    found.customers = len(oracle.customers)
    if not found.truncated:
        found.differences = [*([ahead] if ahead else []), *_compare(oracle, live)]
    changes = {name: c.change_count for name, c in oracle.complaints.items()}
    return found, _Due(changes, list(oracle.alert_ids))


class _Due(Struct, frozen=True):
    """What must stand on the topics: complaints with their last change, and alerts."""

    change_counts: dict[str, int]
    alert_ids: list[str]


def _compare(oracle: Oracle, live: Mapping[bytes, bytes]) -> list[str]:
    found: list[str] = []

    def table(table: Table[Any]) -> dict[str, object]:
        prefix = table.prefix
        return {
            _name(key[1:]): table.decode(body_of(value))
            for key, value in live.items()
            if key[:1] == prefix
        }

    for name, expected, live_rows in (
        ("customer", oracle.customers, table(CUSTOMERS)),
        (
            "satisfaction row",
            {_name(key): row for key, row in oracle.tables.rows.items()},
            table(SATISFACTION),
        ),
        ("policy", oracle.versions.policies, table(POLICIES)),
        (
            "policy history",
            {_name(ONLY): oracle.versions.history} if oracle.versions.book else {},
            table(POLICY_HISTORY),
        ),
        (
            "accounting",
            {_name(ONLY): oracle.counts} if oracle.counts.counts else {},
            {key: row for key, row in table(PARTITIONS).items() if oracle.counts.counts},
        ),
    ):
        found += [f"{name} {key}" for key in differences(expected, live_rows)]
    return found


def _unpublished(due: _Due, published: _Published) -> list[str]:
    found = []
    for complaint_id, change_count in due.change_counts.items():
        complaint = published.complaints.get(complaint_id)
        if complaint is None or complaint.change_count < change_count:
            found.append(f"complaint {complaint_id}: change {change_count} was never published")
    missing = [alert_id for alert_id in due.alert_ids if alert_id not in published.alerts]
    return found + [f"alert {alert_id} was never published" for alert_id in missing]


def _name(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")


async def _live_rows(
    reader: AIOKafkaConsumer, partition: int, progress: Progress
) -> tuple[dict[bytes, bytes], int]:
    """The rows as a restore would find them: per key the highest applied source offset."""
    tp = TopicPartition(topics.CUSTOMERS_CHANGELOG, partition)
    begin = (await reader.beginning_offsets([tp]))[tp]
    end = (await reader.end_offsets([tp]))[tp]
    rows: dict[bytes, bytes] = {}
    applied = -1
    async for record in _read(reader, tp, begin, end, topics.CUSTOMERS_CHANGELOG, progress):
        if record.value is None or record.key is None:
            continue
        at = applied_of(record.value)
        applied = max(applied, at)
        known = rows.get(record.key)
        if known is None or at >= applied_of(known):
            rows[record.key] = record.value
    return {key: row for key, row in rows.items() if not is_deleted(row)}, applied


# --- reading --------------------------------------------------------------------------------------


@asynccontextmanager
async def _reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(
        **settings.kafka_clients(),
        client_id="manyi-audit",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=16 << 20,
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def _records(
    reader: AIOKafkaConsumer, topic: str, counts: Mapping[str, int], progress: Progress
) -> AsyncIterator[Any]:
    for partition in range(counts[topic]):
        tp = TopicPartition(topic, partition)
        begin = (await reader.beginning_offsets([tp]))[tp]
        end = (await reader.end_offsets([tp]))[tp]
        async for record in _read(reader, tp, begin, end, topic, progress):
            yield record


async def _read(
    reader: AIOKafkaConsumer,
    tp: TopicPartition,
    begin: int,
    end: int,
    what: str,
    progress: Progress,
) -> AsyncIterator[Any]:
    """Every record of a partition in [begin, end); ends on compacted tails as well.

    Some brokers tell the start of their last batch as the end: what a fetch sees counts too.
    """
    reader.assign([tp])
    reader.seek(tp, begin)
    position, empty = begin, 0
    while True:
        got = await reader.getmany(tp, timeout_ms=POLL_MS, max_records=FETCH_RECORDS)
        for record in got.get(tp, ()):
            if what == topics.CUSTOMER_EVENTS and record.offset >= end:
                return
            yield record
        position = await reader.position(tp)
        empty = 0 if got.get(tp) else empty + 1
        progress(f"{what}/{tp.partition}", position - begin, max(end - begin, position - begin))
        if position >= end and empty >= QUIET_POLLS:
            return
        if empty >= STUCK_POLLS:
            raise AuditError(f"{what}/{tp.partition} ends at {position}, {end} was promised")
        await asyncio.sleep(0)


def lines(report: Audit) -> Iterable[str]:
    """The report as text: a line per partition, then the first differences."""
    for part in report.partitions:
        state = "cannot be judged: the log begins later than it did" if part.truncated else "equal"
        if part.differences:
            state = f"{len(part.differences)} differences"
        yield (
            f"partition {part.partition}: {part.events:,} events to offset {part.applied:,}, "
            f"{part.customers:,} customers, {part.rows:,} rows: {state}"
        )
        yield from (f"  - {text}" for text in part.differences[:SHOWN])
    yield f"{report.complaints:,} complaints and {report.alerts:,} alerts on their topics"
    yield from (f"  - {text}" for text in report.differences[:SHOWN])
