"""Checks of Kafka: the broker, its topics, how far the workers lag, what publishers send."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.codec import MalformedRecord, decode_channel_record, unknown_fields
from streams.doctor.findings import Finding, broken, doubtful, fine, unknown
from streams.settings import Settings
from streams.topic_plan import Fit, faults, plan
from streams.topics import (
    CHANNEL_TOPICS,
    CUSTOMER_EVENTS,
    DEAD_LETTER_TOPICS,
    INTAKE_TOPICS,
    topics,
)

LAG_RECORDS = 50_000
"""More than a worker reads in some seconds: somebody is behind, or nobody runs."""

SAMPLE_RECORDS = 25
"""Newest records looked at per partition of the channel topics."""

SKEW_SECONDS = 60.0
"""A record stamped so far ahead of our clock means that one of the two is wrong."""

Present = Mapping[str, Sequence[TopicPartition]]
"""The partitions of each topic that exists."""

DAY_MS = 86_400_000
NAMES_SHOWN = 8


async def check_broker(admin: AIOKafkaAdminClient, settings: Settings) -> Finding:
    """Who answers, and whether anybody on the way can read along."""
    cluster = await admin.describe_cluster()
    brokers = [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]]
    says = (
        f"{len(brokers)} broker{'s' if len(brokers) != 1 else ''} "
        f"({', '.join(brokers[:3])}), cluster {cluster.get('cluster_id') or 'without id'}, "
        f"{settings.security_protocol}"
    )
    hosts = {broker["host"] for broker in cluster["brokers"]}
    is_open = settings.security_protocol in ("PLAINTEXT", "SASL_PLAINTEXT")
    if is_open and not hosts <= {"localhost", "127.0.0.1", "::1"}:
        return doubtful(
            "broker",
            f"{says}: records travel unencrypted",
            "Use SSL or SASL_SSL: KAFKA_SECURITY_PROTOCOL",
        )
    return fine("broker", says)


async def check_topics(admin: AIOKafkaAdminClient, settings: Settings) -> list[Finding]:
    """Whether every topic is there and as the table wants it."""
    fits = await plan(admin, topics(settings.partitions))
    missing = [line.topic.name for line in fits if line.fit is Fit.MISSING]
    if missing:
        return [
            broken(
                "topics",
                f"{len(missing)} of {len(fits)} are missing: {_some(missing)}",
                "manyi topics apply (a starting worker does it too)",
            )
        ]
    bad = faults(fits)
    findings = [
        broken(
            "topics",
            f"{line.topic.name}: {difference.setting} is {difference.found}, "
            f"not {difference.wanted}",
            difference.mend,
        )
        for line in bad
        for difference in line.differences
    ]
    others = [line.topic.name for line in fits if line.fit is Fit.DIFFERS and line not in bad]
    if others:
        says = f"{len(others)} are kept otherwise than the table says: {_some(others)}"
        findings.append(doubtful("topics", says, "manyi topics plan names what and why"))
    return findings or [fine("topics", f"all {len(fits)} are there and fit")]


async def check_lag(consumer: AIOKafkaConsumer, present: Present, settings: Settings) -> Finding:
    """How many records wait for the workers of this installation."""
    names = (*INTAKE_TOPICS, CUSTOMER_EVENTS)
    partitions = _of(present, names)
    if not partitions:
        return unknown("lag", "there are no topics yet")
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions)
    committed = {tp: await consumer.committed(tp) for tp in partitions}
    behind = {tp: ends[tp] - max(begins[tp], committed[tp] or 0) for tp in partitions}
    total = sum(max(0, count) for count in behind.values())
    if total and all(offset is None for offset in committed.values()):
        return doubtful(
            "lag",
            f"{total:,} records wait, and no worker of group {settings.group} has read any",
            "Start one: manyi worker",
        )
    if total > LAG_RECORDS:
        worst = max(behind, key=lambda tp: behind[tp])
        return doubtful(
            "lag",
            f"{total:,} records wait, most on {worst.topic}/{worst.partition}",
            "Start more workers, up to one per partition; see manyi_lag on /metrics",
        )
    return fine("lag", f"{total:,} records wait for group {settings.group}")


async def check_dead_letters(consumer: AIOKafkaConsumer, present: Present, now_ms: int) -> Finding:
    """Whether records were refused lately."""
    partitions = _of(present, DEAD_LETTER_TOPICS)
    if not partitions:
        return unknown("dead letters", "there are no topics yet")
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions)
    since = await consumer.offsets_for_times(dict.fromkeys(partitions, now_ms - DAY_MS))
    fresh: Counter[str] = Counter()
    for tp, found in since.items():
        if found is not None:
            fresh[tp.topic.removesuffix(".dlq")] += ends[tp] - found.offset
    total = sum(ends[tp] - begins[tp] for tp in partitions)
    if any(fresh.values()):
        named = ", ".join(f"{count:,} of {topic}" for topic, count in fresh.most_common() if count)
        return doubtful(
            "dead letters",
            f"refused in the last day: {named}",
            "manyi dlq list shows the reasons; mend the publisher, then manyi dlq replay",
        )
    return fine("dead letters", f"none in the last day, {total:,} kept")


async def check_publishers(
    consumer: AIOKafkaConsumer, present: Present, now_ms: int
) -> list[Finding]:
    """What a sample of the newest records says about who publishes them."""
    refused: Counter[str] = Counter()
    strange: Counter[str] = Counter()
    ahead_ms = 0
    count = 0
    for channel, topic in CHANNEL_TOPICS.items():
        for record in await _newest(consumer, present.get(topic, ())):
            count += 1
            ahead_ms = max(ahead_ms, record.timestamp - now_ms)
            raw = record.value or b""
            strange.update(f"{channel.value}.{name}" for name in unknown_fields(channel, raw))
            try:
                decode_channel_record(channel, raw)
            except MalformedRecord as error:
                refused[f"{channel.value}: {error.reason}"] += 1
    if not count:
        return [fine("publishers", "no records on the channel topics yet")]
    findings = []
    if refused:
        findings.append(
            doubtful(
                "publishers",
                f"of the newest {count:,} records {sum(refused.values()):,} are refused: "
                f"{_some(f'{name} ({n})' for name, n in refused.most_common())}",
                "manyi dlq list --topic … shows them; schemas/ and docs/ say what is expected",
            )
        )
    if strange:
        findings.append(
            doubtful(
                "publishers",
                f"fields nobody knows are ignored: {_some(dict(strange.most_common()))}",
                "Correct their names, or put them into `attributes`",
            )
        )
    if ahead_ms > SKEW_SECONDS * 1000:
        findings.append(
            doubtful(
                "clocks",
                f"a record is stamped {ahead_ms / 1000:,.0f} s ahead of this machine",
                "Let NTP set the clocks of publishers, brokers and this machine",
            )
        )
    return findings or [fine("publishers", f"the newest {count:,} records are in order")]


async def _newest(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> list[Any]:
    if not partitions:
        return []
    ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
    begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(partitions)
    wanted = [tp for tp in partitions if ends[tp] > begins[tp]]
    found: list[Any] = []
    consumer.assign(wanted)
    for tp in wanted:
        consumer.seek(tp, max(begins[tp], ends[tp] - SAMPLE_RECORDS))
    for _ in range(2 * len(wanted) + 2):  # a bound: transaction markers leave gaps at the end
        if all([await consumer.position(tp) >= ends[tp] for tp in wanted]):
            break
        for records in (await consumer.getmany(*wanted, timeout_ms=300)).values():
            found.extend(records)
    return found


async def partitions_of(admin: AIOKafkaAdminClient) -> Present:
    """Every topic the broker has, with its partitions."""
    return {
        entry["topic"]: [
            TopicPartition(entry["topic"], number)
            for number in sorted(part["partition"] for part in entry["partitions"])
        ]
        for entry in await admin.describe_topics()
        if entry["error_code"] == 0
    }


def _of(present: Present, names: Iterable[str]) -> list[TopicPartition]:
    return [partition for name in names for partition in present.get(name, ())]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - NAMES_SHOWN
    return ", ".join(listed[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
