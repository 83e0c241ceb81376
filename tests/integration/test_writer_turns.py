"""Many lanes publish to one partition at once, and none of them times out for the others' sake."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.embedded import EmbeddedServices
from streams.engine import Effect, EngineSettings
from streams.engine.lease import Lease
from streams.engine.writer import Writer

pytestmark = pytest.mark.integration

LANES = 60
TOPIC = "turns"


async def test_waiting_for_a_turn_does_not_eat_the_timeout(embedded: EmbeddedServices) -> None:
    """aiokafka 0.14 counts the elapsed time again at every turn of the queue (add_batch)."""
    brokers = embedded.bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    # Sixty lanes that wait for sixty batches need far less than this, one after the other.
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", request_timeout_ms=10_000)
    await producer.start()
    try:
        settings = EngineSettings(bootstrap_servers=brokers, group_id="turns", idempotent=False)
        writer = Writer(producer, settings, Lease(0), {TOPIC: 1})
        value = b"x" * 100_000

        async def lane(number: int) -> None:
            await writer.publish([Effect(TOPIC, 0, b"%d" % number, value, ())] * 4)

        await asyncio.gather(*(lane(number) for number in range(LANES)))
    finally:
        await producer.stop()
