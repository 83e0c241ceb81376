"""Reading topics to their ends, for the judge: plain consumers, nothing of the engine."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from streams import topics

FETCH_RECORDS = 10_000
EMPTY_POLLS = 60
"""Half a minute without a record that should be there: then something is wrong with the broker."""
SOURCES = (*topics.INTAKE_TOPICS, topics.CUSTOMER_EVENTS)
"""What the workers read, and must have read to the end."""


async def ends(broker: str, *names: str) -> dict[TopicPartition, int]:
    """Where every partition of these topics ends; KafkaError where one of them is not there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        found = await admin.describe_topics(list(names))
    finally:
        await admin.close()
    tps = []
    for topic in found:
        if topic["error_code"]:
            raise for_code(topic["error_code"])(topic["topic"])
        tps += [TopicPartition(topic["topic"], p["partition"]) for p in topic["partitions"]]
    reader = AIOKafkaConsumer(bootstrap_servers=broker)
    await reader.start()
    await asyncio.sleep(0)  # aiokafka cannot stop tasks that have not begun
    try:
        upto: dict[TopicPartition, int] = await reader.end_offsets(sorted(tps))
        return upto
    finally:
        await reader.stop()


async def records(broker: str, topic: str) -> AsyncIterator[Any]:
    """Every record of a topic, partition by partition, in order."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=16 << 20,
    )
    upto = await ends(broker, topic)
    await reader.start()
    await asyncio.sleep(0)
    try:
        for tp, end in upto.items():
            reader.assign([tp])
            reader.seek(tp, 0)
            empty = 0
            while await reader.position(tp) < end:
                got = await reader.getmany(tp, timeout_ms=500, max_records=FETCH_RECORDS)
                for record in got.get(tp, ()):
                    yield record
                empty = 0 if got.get(tp) else empty + 1
                if empty > EMPTY_POLLS:
                    at = await reader.position(tp)
                    raise AssertionError(f"{topic}/{tp.partition} cannot be read: {at} of {end}")
    finally:
        await reader.stop()


async def coordinator(broker: str, group: str) -> int:
    """The number of the broker that keeps the group's offsets."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        number: int = await admin.find_coordinator(group)
        return number
    finally:
        await admin.close()


async def committed(
    broker: str, group: str, upto: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """What the group has committed for these partitions; 0 where nothing."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=list(upto))
        return {tp: max(0, found[tp].offset) if tp in found else 0 for tp in upto}
    finally:
        await admin.close()
