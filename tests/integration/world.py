"""A whole worker on an embedded broker and store, for tests that go through the real path."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.demo import free_port, until_ready, until_settled
from streams.embedded import EmbeddedServices
from streams.policy_files import require_policy
from streams.settings import Settings, load_settings
from streams.topic_plan import partitions_of
from streams.views import ViewReader
from streams.worker import Worker, running


def settings_for(services: EmbeddedServices, **changes: Any) -> Settings:
    """Settings of a worker on these services, on a port of its own."""
    settings = load_settings({}, servers=services)
    return replace(settings, port=free_port(settings.host, 0), **changes)


class World:
    """A running worker, what tests send it, and what they read from it."""

    def __init__(self, worker: Worker, producer: AIOKafkaProducer) -> None:
        self.worker = worker
        self.producer = producer
        self.reader = ViewReader(worker.redis, worker.settings.redis_prefix)

    async def send(
        self,
        topic: str,
        record: dict[str, Any] | bytes | None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Publish one record, as a channel system would."""
        value = msgspec.json.encode(record) if isinstance(record, dict) else record
        if value is None and key is None:
            key = b"gone"  # a tombstone without a key is nothing at all
        await self.producer.send(topic, value, key, headers=list(headers))

    async def settle(self) -> None:
        """Wait until everything sent is read, applied and shown."""
        await self.producer.flush()
        assert await until_settled(self.worker)

    async def read(self, topic: str) -> list[Any]:
        """Every record on a topic now."""
        settings = self.worker.settings
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=16 << 20,
        )
        await consumer.start()
        try:
            found = await partitions_of(settings.kafka_clients(), topic)
            tps = [TopicPartition(topic, number) for number in found.get(topic, ())]
            consumer.assign(tps)
            for tp in tps:
                consumer.seek(tp, 0)
            records: list[Any] = []
            ends = await consumer.end_offsets(tps)
            idle = 0
            while idle < 2:
                got = await consumer.getmany(timeout_ms=300)
                # A loaded broker is slow with 5 MB records: quiet is not yet the end.
                behind = [tp for tp in tps if await consumer.position(tp) < ends[tp]]
                idle = 0 if got or behind else idle + 1
                records += [record for batch in got.values() for record in batch]
            return records
        finally:
            await consumer.stop()


@contextlib.asynccontextmanager
async def a_world(
    services: EmbeddedServices, *, policy: Path | None = None, **changes: Any
) -> AsyncIterator[World]:
    """A ready worker on these services, and a producer."""
    settings = settings_for(services, policy=policy, **changes)
    async with running(settings, require_policy(policy)) as worker:
        await until_ready(worker)
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap_servers, acks="all", max_request_size=10 << 20
        )
        await producer.start()
        try:
            yield World(worker, producer)
        finally:
            await producer.stop()


def an_email(name: str, text: str, **fields: Any) -> dict[str, Any]:
    """A mail as a publisher would send it, a minute old."""
    now = datetime.now(UTC).isoformat()
    return {
        "source": "imap:test",
        "id": name,
        "kind": "email_received",
        "occurred_at": now,
        "message_id": f"{name}@example.com",
        "from": {"address": "li.lei@example.com", "name": "李雷"},
        "subject": "订单 4711",
        "text": text,
        "refs": [{"kind": "order", "value": "4711"}],
    } | fields


async def eventually(check: Any, seconds: float = 20.0) -> Any:
    """Ask again and again until the answer is true; the last answer if it never is."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not (answer := await check()):  # noqa: ASYNC110  # another process answers
                await asyncio.sleep(0.1)
    return answer
