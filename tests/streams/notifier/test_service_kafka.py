"""The notifier on a real Apache Kafka: two workers in one group, and one of them leaves."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from deploy.kafka import LocalKafka
from schemas.codec import encode_json
from streams import topic_plan
from streams.notifier import Notifier, NotifierSettings
from streams.topics import SLA_ALERTS, topics
from tests.streams.notifier.kit import Receiver, an_alert

pytestmark = pytest.mark.kafka


async def test_alerts_arrive_once_while_workers_come_and_go(
    empty_kafka: LocalKafka, receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """A second worker joins, the first leaves: every alert arrives, and none of them twice."""
    servers = {"bootstrap_servers": empty_kafka.bootstrap_servers}
    settings = replace(settings, kafka=servers, webhook_url=receiver.url)
    admin = await topic_plan.open_admin(servers)
    await topic_plan.apply(admin, topics(4))
    await admin.close()
    alerts = [an_alert(complaint_id=f"complaint-{number}") for number in range(120)]
    producer = AIOKafkaProducer(**servers)
    await producer.start()

    async def publish(part: slice) -> None:
        for alert in alerts[part]:
            key = alert.complaint_id.encode()
            await producer.send_and_wait(SLA_ALERTS, encode_json(alert), key=key)

    def arrived(r: Receiver) -> set[str]:
        return {headers["Idempotency-Key"] for headers, _ in r.requests}

    async with AsyncExitStack() as stack:
        stack.push_async_callback(producer.stop)
        first, second = (Notifier(settings, redis, rng=Random(n)) for n in (1, 2))
        await first.start()
        await publish(slice(0, 40))
        await receiver.until(lambda r: len(arrived(r)) == 40, seconds=60.0)
        await second.start()
        stack.push_async_callback(second.stop)
        await publish(slice(40, 80))
        await receiver.until(lambda r: len(arrived(r)) == 80, seconds=60.0)
        await first.stop()
        await publish(slice(80, 120))
        await receiver.until(lambda r: len(arrived(r)) == 120, seconds=60.0)
        await asyncio.sleep(0.5)
    assert len(receiver.requests) == 120
