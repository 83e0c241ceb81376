"""A whole worker on an embedded broker and store, for tests that go through the real path."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from streams.demo import free_port, until_ready, until_settled
from streams.policy_files import require_policy
from streams.settings import Servers, Settings, load_settings
from streams.views import ViewReader
from streams.worker import Worker, running
from tests.topic_records import records_of


def settings_for(services: Servers, **changes: Any) -> Settings:
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
        return await records_of(self.worker.settings.kafka_clients(), topic)


@contextlib.asynccontextmanager
async def a_world(
    services: Servers, *, policy: Path | None = None, **changes: Any
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
