"""Partitions are read whole to an end that was fixed before, on a broker that understates ends."""

import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from streams import reading, topic_plan
from streams.embedded import EmbeddedServices
from streams.reading import UnreadError, ends_of, open_reader, read
from streams.topics import Topic

pytestmark = pytest.mark.integration

BATCH = 7


@pytest.fixture
async def tps(embedded: EmbeddedServices) -> list[TopicPartition]:
    """A topic of two partitions: the first has one batch, the second nothing."""
    name = f"reading-{uuid.uuid4().hex[:8]}"
    topic = Topic(name=name, about="", key="", record="", partitions=2, configs={}, reasons={})
    admin = await topic_plan.open_admin(clients(embedded))
    try:
        await topic_plan.apply(admin, [topic])
    finally:
        await admin.close()
    await write(embedded, TopicPartition(name, 0))
    return [TopicPartition(name, 0), TopicPartition(name, 1)]


def clients(embedded: EmbeddedServices) -> dict[str, Any]:
    """Connection arguments."""
    return {"bootstrap_servers": embedded.bootstrap_servers}


async def write(embedded: EmbeddedServices, tp: TopicPartition) -> None:
    """One batch more."""
    async with AIOKafkaProducer(**clients(embedded)) as producer:
        batch = producer.create_batch()
        for number in range(BATCH):
            batch.append(key=None, value=b"%d" % number, timestamp=None)
        batch.close()
        await (await producer.send_batch(batch, tp.topic, partition=tp.partition))


async def test_the_last_batch_counts_whole(
    embedded: EmbeddedServices, tps: list[TopicPartition]
) -> None:
    """The end is behind the last record, and 0 where there is none."""
    async with open_reader(clients(embedded), "test") as reader:
        assert await ends_of(reader, tps) == dict(zip(tps, (BATCH, 0), strict=True))
        assert await ends_of(reader, []) == {}


async def test_what_comes_later_is_left_out(
    embedded: EmbeddedServices, tps: list[TopicPartition]
) -> None:
    """A batch written after the end was fixed does not come, not even in part."""
    async with open_reader(clients(embedded), "test") as reader:
        ends = await ends_of(reader, tps)
        await write(embedded, tps[0])
        found = [
            record.offset
            for tp in tps
            async for records in read(reader, tp, 0, ends[tp])
            for record in records
        ]
        assert found == list(range(BATCH))
        middle = [r.offset async for records in read(reader, tps[0], 2, 5) for r in records]
        assert middle == [2, 3, 4]


async def test_an_end_that_never_comes_is_an_error(
    embedded: EmbeddedServices, tps: list[TopicPartition], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition that has less than was promised is told of, with where it ends."""
    monkeypatch.setattr(reading, "STUCK_SECONDS", 1.0)
    async with open_reader(clients(embedded), "test") as reader:
        with pytest.raises(UnreadError, match=f"at offset {BATCH} although it ends at 99"):
            async for _ in read(reader, tps[0], 0, 99):
                pass
