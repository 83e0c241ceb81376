"""Reading whole partitions beside a live worker: to an end that was fixed before."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams import topics
from streams.engine.envelope import applied_of, is_deleted
from streams.settings import Settings

POLL_MS = 500
FETCH_RECORDS = 5_000
QUIET_POLLS = 2
"""Empty polls that end a read: a broker may tell too low an end, and a loaded one answers late."""
STUCK_POLLS = 20
"""Empty polls before a read that should have more to come gives up (10 s)."""

Progress = Callable[[str, int, int], None]
"""Told what is being read, how many records are done, and how many there are."""


class AuditError(Exception):
    """A log could not be read to its end."""


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer outside of any group."""
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


async def begin_of(reader: AIOKafkaConsumer, tp: TopicPartition) -> int:
    """The first offset that is still there."""
    begin: int = (await reader.beginning_offsets([tp]))[tp]
    return begin


async def end_of(reader: AIOKafkaConsumer, tp: TopicPartition) -> int:
    """The offset the next record will get."""
    end: int = (await reader.end_offsets([tp]))[tp]
    return end


async def offset_at(reader: AIOKafkaConsumer, tp: TopicPartition, at: datetime, end: int) -> int:
    """The first offset appended at `at` or later; `end` where there is none."""
    at_ms = int(at.timestamp() * 1000)
    found = (await reader.offsets_for_times({tp: at_ms}))[tp]
    # Where there is none Kafka says nothing, the embedded broker offset 0 at no time.
    return end if found is None or found.timestamp < at_ms else min(int(found.offset), end)


async def read(
    reader: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int, progress: Progress
) -> AsyncIterator[Any]:
    """Every record of a partition in [begin, end); ends on compacted tails as well.

    Some brokers tell the start of their last batch as the end: of topics other than the log of
    events, whose end is known otherwise, what a fetch sees counts too.
    """
    reader.assign([tp])
    reader.seek(tp, begin)
    position, empty = begin, 0
    while True:
        got = await reader.getmany(tp, timeout_ms=POLL_MS, max_records=FETCH_RECORDS)
        for record in got.get(tp, ()):
            if tp.topic == topics.CUSTOMER_EVENTS and record.offset >= end:
                return
            yield record
        position = await reader.position(tp)
        empty = 0 if got.get(tp) else empty + 1
        done = position - begin
        progress(f"{tp.topic}/{tp.partition}", done, max(end - begin, done))
        if position >= end and (empty >= QUIET_POLLS or tp.topic == topics.CUSTOMER_EVENTS):
            return
        if empty >= STUCK_POLLS:
            raise AuditError(f"{tp.topic}/{tp.partition} ends at {position}, {end} was promised")
        await asyncio.sleep(0)


async def live_rows(
    reader: AIOKafkaConsumer, partition: int, progress: Progress
) -> tuple[dict[bytes, bytes], int]:
    """The rows as a restore would find them, and the source offset they have applied.

    Per key the row with the highest applied offset counts; deleted ones are left out.
    """
    tp = TopicPartition(topics.CUSTOMERS_CHANGELOG, partition)
    begin, end = await begin_of(reader, tp), await end_of(reader, tp)
    rows: dict[bytes, bytes] = {}
    applied = -1
    async for record in read(reader, tp, begin, end, progress):
        if record.value is None or record.key is None:
            continue
        at = applied_of(record.value)
        applied = max(applied, at)
        known = rows.get(record.key)
        if known is None or at >= applied_of(known):
            rows[record.key] = record.value
    return {key: row for key, row in rows.items() if not is_deleted(row)}, applied
