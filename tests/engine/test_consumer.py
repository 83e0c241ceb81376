"""Stopping a consumer, on the embedded broker."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

from streams.embedded import EmbeddedServices
from streams.engine import TopicPartition
from streams.engine.consumer import Consumer
from streams.engine.lean import LeanConsumer

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("kind", [Consumer, LeanConsumer])
async def test_it_stops_while_a_fetch_waits_for_its_next_attempt(
    embedded: EmbeddedServices, kind: type[Consumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops it goes on: a lane that was cancelled by this never got its rows, silently."""
    topic = f"stops-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=embedded.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    consumer = kind(
        bootstrap_servers=embedded.bootstrap_servers,
        auto_offset_reset="earliest",
        retry_backoff_ms=600_000,
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.end_offsets([TopicPartition(topic, 0)])
    consumer.seek(TopicPartition(topic, 0), 0)
    failed, proper = asyncio.Event(), consumer._client.send

    async def send(node: int, request: Any, **options: Any) -> Any:
        if type(request).__name__.startswith("Fetch"):
            failed.set()
            raise KafkaConnectionError("the broker is gone")
        return await proper(node, request, **options)

    monkeypatch.setattr(consumer._client, "send", send)
    await asyncio.wait_for(failed.wait(), 30)
    await asyncio.sleep(0)
    await consumer.stop()
    assert not any(connection.connected() for connection in consumer._client._conns.values())


@pytest.mark.parametrize("kind", [Consumer, LeanConsumer])
async def test_it_disconnects_where_nobody_waits_for_a_rebalance(
    embedded: EmbeddedServices, kind: type[Consumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that must be gone before the group has met again leaves nothing open behind it."""
    before = asyncio.all_tasks()
    consumer = kind(bootstrap_servers=embedded.bootstrap_servers, group_id=f"g-{uuid4().hex[:8]}")
    await consumer.start()
    joining, proper = asyncio.Event(), consumer._client.send

    async def send(node: int, request: Any, **options: Any) -> Any:
        if type(request).__name__.startswith("JoinGroup"):
            joining.set()
            await asyncio.Event().wait()
        return await proper(node, request, **options)

    monkeypatch.setattr(consumer._client, "send", send)
    consumer.subscribe(["interactions.email.v1"])
    await asyncio.wait_for(joining.wait(), 30)
    connections = list(consumer._client._conns.values())
    assert any(connection.connected() for connection in connections)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(consumer.stop(), 0.1)
    assert not any(connection.connected() for connection in connections)
    assert asyncio.all_tasks() <= before
