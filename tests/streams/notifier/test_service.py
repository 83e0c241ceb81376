"""The whole notifier on a broker: from the topic to the receiver, over restarts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from schemas.alert import AlertKind, SlaAlert
from schemas.codec import encode_json
from streams import topic_plan
from streams.embedded import EmbeddedServices
from streams.notifier import Notifier, NotifierSettings
from streams.topics import EMBEDDED_PARTITIONS, SLA_ALERTS, topics
from tests.streams.notifier.kit import Receiver, an_alert

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
async def producer(embedded: EmbeddedServices) -> AsyncIterator[AIOKafkaProducer]:
    """A producer, and the topics."""
    servers = {"bootstrap_servers": embedded.bootstrap_servers}
    admin = await topic_plan.open_admin(servers)
    await topic_plan.apply(admin, topics(EMBEDDED_PARTITIONS), 1)
    await admin.close()
    it = AIOKafkaProducer(**servers)
    await it.start()
    yield it
    await it.stop()


@asynccontextmanager
async def running(settings: NotifierSettings, redis: Redis) -> AsyncIterator[Notifier]:
    """A notifier between start and stop."""
    notifier = Notifier(settings, redis, rng=Random(1))
    await notifier.start()
    try:
        yield notifier
    finally:
        await notifier.stop()


async def test_each_alert_arrives_once_over_restarts_and_none_is_lost_with_redis(
    producer: AIOKafkaProducer, receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """A restart repeats nothing; a lost Redis repeats the last day, under the same ids."""
    settings = replace(settings, webhook_url=receiver.url)
    complaint_id = f"{settings.redis_prefix}complaint"

    def own(kind: AlertKind) -> SlaAlert:
        return an_alert(kind, complaint_id=complaint_id)

    async def publish(*alerts: SlaAlert) -> None:
        for alert in alerts:
            key = alert.complaint_id.encode()
            await producer.send_and_wait(SLA_ALERTS, encode_json(alert), key=key)

    def arrived(r: Receiver) -> list[str]:
        # All tests share the topic, and a new group looks a day back.
        ids = [headers["Idempotency-Key"] for headers, _ in r.requests]
        return [id_.split("/")[1] for id_ in ids if id_.startswith(complaint_id)]

    warned, breached, recovered = map(
        own, (AlertKind.WARNED, AlertKind.BREACHED, AlertKind.RECOVERED)
    )
    await publish(warned)
    async with running(settings, redis):
        await receiver.until(lambda r: arrived(r) == ["warned"], seconds=60.0)
        await publish(breached, breached)
        await receiver.until(lambda r: arrived(r) == ["warned", "breached"])
    await publish(recovered, warned)
    async with running(settings, redis):
        expected = ["warned", "breached", "recovered"]
        await receiver.until(lambda r: arrived(r) == expected, seconds=60.0)
        await asyncio.sleep(0.5)
        assert arrived(receiver) == expected
    await redis.delete(*await redis.keys(f"{settings.redis_prefix}*"))
    async with running(settings, redis):
        await receiver.until(lambda r: arrived(r) == expected + expected, seconds=60.0)
        # While it runs, with nothing new to read: it notices, and what waited is not lost.
        await redis.delete(*await redis.keys(f"{settings.redis_prefix}*"))
        await receiver.until(lambda r: arrived(r) == expected * 3, seconds=60.0)
