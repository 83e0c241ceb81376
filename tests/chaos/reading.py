"""Reading topics to their ends, for the judge: plain consumers, nothing of the engine."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupLoadInProgressError, KafkaError, for_code

from streams import topics
from streams.engine.consumer import Consumer

FETCH_RECORDS = 10_000
EMPTY_POLLS = 60
"""Half a minute without a record that should be there: then something is wrong with the broker."""
ASKS = 20
ASK_SECONDS = 0.5
"""A coordinator that moves to another broker, or starts, needs a few seconds."""
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
    reader = Consumer(bootstrap_servers=broker)
    await reader.start()
    await asyncio.sleep(0)  # aiokafka cannot stop tasks that have not begun
    try:
        upto: dict[TopicPartition, int] = await reader.end_offsets(sorted(tps))
        return upto
    finally:
        await reader.stop()


async def records(broker: str, topic: str) -> AsyncIterator[Any]:
    """Every record of a topic, those of each partition in order."""
    left = {tp: end for tp, end in (await ends(broker, topic)).items() if end}
    if not left:
        return
    reader = Consumer(
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=16 << 20,
    )
    await reader.start()
    await asyncio.sleep(0)
    try:
        reader.assign(list(left))
        for tp in left:
            reader.seek(tp, 0)
        empty = 0
        while left:
            got = await reader.getmany(timeout_ms=500, max_records=FETCH_RECORDS)
            for found in got.values():
                for record in found:
                    yield record
            empty = 0 if got else empty + 1
            left = {tp: end for tp, end in left.items() if await reader.position(tp) < end}
            if empty > EMPTY_POLLS:
                raise AssertionError(f"{topic} cannot be read: {sorted(left)} are left")
    finally:
        await reader.stop()


async def coordinator(broker: str, group: str) -> int:
    """The number of the broker that keeps the group's offsets; KafkaError while nobody does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        number: int = await admin.find_coordinator(group)
        return number
    finally:
        await admin.close()


async def committed(
    broker: str, group: str, upto: Mapping[TopicPartition, int], keeper: int | None = None
) -> dict[TopicPartition, int]:
    """What the group has committed for these partitions; 0 where nothing.

    Who keeps them is asked of any broker that is known, dead or not: where some are dead, say who.
    Asks again while the coordinator is moving or loading; raises its KafkaError after `ASKS` times.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    asked = 0
    try:
        while True:
            try:
                return await _offsets(admin, group, upto, keeper)
            except KafkaError:
                asked += 1
                if asked == ASKS:
                    raise
            await asyncio.sleep(ASK_SECONDS)
    finally:
        await admin.close()


async def _offsets(
    admin: Any, group: str, upto: Mapping[TopicPartition, int], keeper: int | None
) -> dict[TopicPartition, int]:
    found = await admin.list_consumer_group_offsets(
        group, group_coordinator_id=keeper, partitions=list(upto)
    )
    if missing := upto.keys() - found.keys():  # aiokafka drops an error that concerns all of them
        raise GroupLoadInProgressError(f"no answer about {min(missing)}")
    return {tp: max(0, found[tp].offset) for tp in upto}
