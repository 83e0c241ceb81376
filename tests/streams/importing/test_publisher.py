"""What is handed to the publisher is on the topics, marked, keyed and counted."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from schemas import limits
from streams.embedded import EmbeddedServices
from streams.errors import UserError
from streams.importing.outgoing import CHANNELS, Outgoing, check, topic_of
from streams.importing.publisher import Publisher
from streams.settings import Settings, load_settings

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def message(number: int, text: str = "Hello") -> Outgoing:
    """Make a checked chat message."""
    record = {
        "source": "test",
        "id": str(number),
        "kind": "message",
        "occurred_at": NOW,
        "conversation_id": str(number % 7),
        "text": text,
    }
    return check("chat", record, NOW).record


PATIENCE_MS = 60_000
"""A command that sends takes some seconds to start, on a busy machine many."""


async def read_all(settings: Settings, topic: str, count: int) -> list[Any]:
    """Read so many records of a topic from its beginning."""
    consumer = AIOKafkaConsumer(
        topic, **settings.kafka_clients(), auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        found: list[Any] = []
        while len(found) < count:
            batch = await consumer.getmany(timeout_ms=PATIENCE_MS)
            assert batch, f"only {len(found)} of {count} records came"
            found += [record for records in batch.values() for record in records]
        return found
    finally:
        await consumer.stop()


async def test_what_is_sent_is_there_and_counted(settings: Settings) -> None:
    """Every record is on its topic once, with its key and headers; the count is the broker's."""
    async with Publisher(settings, alerts=False) as publisher:
        for number in range(500):
            await publisher.send(message(number))
        await publisher.flush()
        assert publisher.sent == {"chat": 500}
    assert publisher.failed == Counter()
    found = await read_all(settings, topic_of("chat"), 500)
    assert sorted(int(orjson.loads(record.value)["id"]) for record in found) == list(range(500))
    keys = {record.key for record in found}
    assert keys == {f"test|{number}".encode() for number in range(7)}
    assert all(dict(record.headers)["manyi-alerts"] == b"off" for record in found)
    assert all(dict(record.headers)["content-type"] == b"application/json" for record in found)
    by_key: dict[bytes, list[int]] = {}
    for record in found:
        by_key.setdefault(record.key, []).append(int(orjson.loads(record.value)["id"]))
    assert all(ids == sorted(ids) for ids in by_key.values())


async def test_live_records_carry_no_mark(settings: Settings) -> None:
    """With alerts on nothing says that a record is history; leaving the block sends what waits."""
    record = check(
        "web", {"source": "test", "id": "1", "kind": "page_problem", "occurred_at": NOW}, NOW
    )
    async with Publisher(settings) as publisher:
        await publisher.send(record.record)
    assert publisher.sent == {"web": 1}
    (found,) = await read_all(settings, topic_of("web"), 1)
    assert "manyi-alerts" not in dict(found.headers)


async def test_a_record_the_broker_would_refuse_is_a_failed_one(settings: Settings) -> None:
    """One record too large fails alone, with its reason; the next is sent."""
    huge = message(1)._replace(value=b"x" * (limits.TOPIC_MESSAGE_BYTES + 1))
    async with Publisher(settings) as publisher:
        await publisher.send(huge)
        await publisher.send(message(2))
    assert (publisher.failed, publisher.sent) == ({"chat": 1}, {"chat": 1})
    assert "larger than" in publisher.reasons[0] or "size" in publisher.reasons[0]


async def test_missing_topics_are_named(settings: Settings) -> None:
    """Without topics nothing is created by accident: the error says how to create them."""
    with EmbeddedServices() as services:
        empty = load_settings({}, servers=services)
        with pytest.raises(UserError, match=r"interactions\.chat\.v1") as caught:
            async with Publisher(replace(empty)):
                pytest.fail("it must not start")
    assert "manyi topics apply" in str(caught.value.hint)


def test_every_channel_has_its_topic() -> None:
    """The four channels and the commands each have one topic."""
    assert {topic_of(channel) for channel in CHANNELS} == {
        "interactions.phone.v1",
        "interactions.email.v1",
        "interactions.chat.v1",
        "interactions.web.v1",
        "commands.v1",
    }
