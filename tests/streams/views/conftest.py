"""A Valkey, key prefixes of one's own, and a clock that stands where it is put."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from streams.embedded import EmbeddedServices


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self, now: float = 1_772_442_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time it is."""
        return self.now


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """One Valkey for all tests of the views."""
    with EmbeddedServices(broker=False) as services:
        yield services.redis_url


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """A client that returns bytes."""
    client = Redis.from_url(valkey_url)
    yield client
    await client.aclose()


@pytest.fixture
def prefix() -> str:
    """A prefix no other test uses."""
    return f"test-{uuid4().hex[:12]}:"


@pytest.fixture
def clock() -> Clock:
    """Monday 2 March 2026, 09:00 UTC."""
    return Clock()
