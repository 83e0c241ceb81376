"""A notifier on the embedded servers."""

import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from streams.embedded import EmbeddedServices
from streams.notifier import NotifierSettings
from tests.streams.notifier.kit import Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that accepts everything."""
    it = Receiver()
    await it.start()
    yield it
    await it.stop()


@pytest.fixture
async def redis(embedded: EmbeddedServices) -> AsyncIterator[Redis]:
    """A client of the embedded Valkey that returns bytes."""
    client = Redis.from_url(embedded.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def settings(embedded: EmbeddedServices) -> NotifierSettings:
    """Settings with a key prefix and a consumer group of the test's own."""
    name = uuid.uuid4().hex[:8]
    return NotifierSettings(
        kafka={"bootstrap_servers": embedded.bootstrap_servers},
        group=f"notifier-{name}",
        redis_prefix=f"test-{name}:",
        poll_seconds=0.05,
        backoff_seconds=0.05,
    )
