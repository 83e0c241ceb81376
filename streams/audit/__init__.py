"""The audit: recompute every row from the log with the pure steps, and compare with what is live.

It reads the changelog first (what is live, as of one source offset per partition), then folds
`customer-events.v1` up to that very offset, so it may run beside a working pipeline. Complaints and
alerts on their topics must contain what the log gives; they are read last, because effects are out
before rows are. Every difference is a defect, of manyi or of what was done to its topics.

**Since an offset or a time**: a row cannot be recomputed from the middle of its history, and the
changelog keeps no old rows to start from. So the audit asks the log who was named since then, and
recomputes *these customers from the beginning*: rows, wake-ups, complaints, alerts. That proves as
much about them as the whole audit does, and nothing about others; tables and accounting are sums
over everybody and are left out. Records of other customers are read and passed over, not folded.

**Where retention has cut the log**: a customer whose row equals a fold of what is left is proved. A
customer whose row tells of more than that began before the log does, is counted as not provable,
and is no difference. Which policy was in force where the log now begins is taken from the rows.
Tables and accounting are not compared there.
"""

from collections.abc import Collection
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.complaints.settle import Rulebook
from streams import topics
from streams.audit.comparing import (
    Expected,
    compare_customers,
    compare_published,
    compare_tables,
    expected_of,
    policies_in,
    read_published,
)
from streams.audit.reading import AuditError, Progress, live_rows, offset_at
from streams.audit.replay import names_in, replay
from streams.audit.report import Audit, PartitionAudit, lines
from streams.pipeline.tables import CUSTOMERS
from streams.reading import UnreadError, begin_of, open_reader
from streams.settings import Settings
from streams.topic_plan import partitions_of

__all__ = ["Audit", "AuditError", "PartitionAudit", "Progress", "audit", "lines"]

READ_TOPICS = (
    topics.CUSTOMER_EVENTS,
    topics.CUSTOMERS_CHANGELOG,
    topics.COMPLAINTS,
    topics.SLA_ALERTS,
)


async def audit(
    settings: Settings,
    rulebook: Rulebook,
    progress: Progress,
    *,
    since: int | datetime | None = None,
    partitions: Collection[int] = (),
) -> Audit:
    """Audit every partition (or these), one after the other; memory is bounded by one's rows.

    The log says which version of the policy judged what; `rulebook` judges what came before it
    told of any. `since` is an offset, the same in every partition, or a time. Raises `AuditError`
    where topics are missing or cannot be read to their ends.
    """
    report = Audit()
    found = await partitions_of(settings.kafka_clients(), *READ_TOPICS)
    if missing := [name for name in READ_TOPICS if name not in found]:
        raise AuditError(f"the broker has no topic {' and no '.join(missing)}")
    known = found[topics.CUSTOMER_EVENTS]
    if strange := set(partitions) - set(known):
        raise AuditError(
            f"there is no partition {min(strange)}: they are {known[0]} to {known[-1]}"
        )
    counts = {name: len(numbers) for name, numbers in found.items()}
    try:
        async with open_reader(settings.kafka_clients(), "manyi-audit") as reader:
            parts = [
                await _audit_rows(reader, partition, since, rulebook, progress)
                for partition in sorted(partitions or known)
            ]
            published = await read_published(reader, counts, progress)
    except UnreadError as error:
        raise AuditError(str(error)) from error
    for part, expected in parts:
        compare_published(part, expected, published)
        report.partitions.append(part)
    report.complaints, report.alerts = len(published.complaints), len(published.alerts)
    if since is None and not partitions:
        named = {alert_id for _, expected in parts for alert_id in expected.alerts}
        for alert_id in sorted(published.twice - named):
            report.differences.append(f"alert {alert_id} was published with two different bodies")
    return report


async def _audit_rows(
    reader: AIOKafkaConsumer,
    partition: int,
    since: int | datetime | None,
    rulebook: Rulebook,
    progress: Progress,
) -> tuple[PartitionAudit, Expected]:
    rows, applied = await live_rows(reader, partition, progress)
    tp = TopicPartition(topics.CUSTOMER_EVENTS, partition)
    begin, end = await begin_of(reader, tp), applied + 1
    found = PartitionAudit(partition=partition, applied=applied, begin=begin, rows=len(rows))
    start = await offset_at(reader, tp, since, end) if isinstance(since, datetime) else since
    only: set[bytes] | None = None
    if start is not None and start > begin:
        found.since = min(start, end)
        only = await names_in(reader, tp, found.since, end, progress)
        rows = {
            key: row for key, row in rows.items() if key[:1] != CUSTOMERS.prefix or key[1:] in only
        }
    try:
        told = policies_in(rows) if found.truncated else []
        replayed = await replay(reader, partition, begin, end, rulebook, progress, only, told)
    except UnreadError as error:
        raise AuditError(f"the rows are ahead of the log: {error}") from error
    found.events = replayed.events
    unprovable = compare_customers(found, replayed, rows)
    found.tables = only is None and not found.truncated
    if found.tables:
        compare_tables(found, replayed.oracle, rows)
    return found, expected_of(replayed, unprovable)
