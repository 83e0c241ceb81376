"""What the audit reads, and how it tells of its progress."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams import reading, topics
from streams.engine.envelope import applied_of, is_deleted
from streams.reading import begin_of, end_of

Progress = Callable[[str, int, int], None]
"""Told what is being read, how many records are done, and how many there are."""


class AuditError(Exception):
    """A log could not be read to its end."""


async def offset_at(reader: AIOKafkaConsumer, tp: TopicPartition, at: datetime, end: int) -> int:
    """The first offset appended at `at` or later; `end` where there is none."""
    at_ms = int(at.timestamp() * 1000)
    found = (await reader.offsets_for_times({tp: at_ms}))[tp]
    # Where there is none Kafka says nothing, the embedded broker offset 0 at no time.
    return end if found is None or found.timestamp < at_ms else min(int(found.offset), end)


async def read(
    reader: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int, progress: Progress
) -> AsyncIterator[Any]:
    """Every record of a partition in [begin, end), one at a time."""
    async for records in reading.read(reader, tp, begin, end):
        for record in records:
            yield record
        progress(f"{tp.topic}/{tp.partition}", records[-1].offset + 1 - begin, end - begin)


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
