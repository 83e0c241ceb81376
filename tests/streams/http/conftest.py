"""The API on a real Valkey, with a client of aiohttp's own and a clock that stands still."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from redis.asyncio import Redis

from schemas.command import Command
from streams.embedded import EmbeddedServices
from streams.http import Services, build_app
from streams.metrics import Metrics
from streams.views import ViewReader, ViewWriter
from tests.streams.views.conftest import Clock, clock, prefix, redis

__all__ = ["clock", "prefix", "redis"]  # fixtures of the views, used here as well


@dataclass
class World:
    """What stands behind the API in a test."""

    writer: ViewWriter
    clock: Clock
    services: Services
    published: list[Command] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    handles: dict[str, str] = field(default_factory=dict)
    broken: Exception | None = None

    async def publish(self, command: Command) -> None:
        """Keep a command, or fail as told."""
        if self.broken is not None:
            raise self.broken
        self.published.append(command)

    async def customer_of(self, handle: str) -> str | None:
        """The customer of a handle, as put there."""
        return self.handles.get(handle)

    async def show(self) -> None:
        """Write the views and confirm them."""
        await self.writer.flush()


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """One Valkey for all tests of the API."""
    with EmbeddedServices(broker=False) as services:
        yield services.redis_url


@pytest.fixture
async def world(redis: Redis, prefix: str, clock: Clock) -> World:
    """Views of one partition that is complete, and everything that is not Redis in memory."""
    writer = ViewWriter(redis, prefix, partitions=1, source=lambda _: (), clock=clock)
    writer.own(0, applied=1)
    await writer.rebuild(0, ())
    metrics = Metrics()
    services: Any = Services(
        reader=ViewReader(redis, prefix, clock=clock),
        publish=None,  # type: ignore[arg-type]  # set below: it needs the world
        not_ready=list,
        registry=metrics.registry,
        metrics=metrics,
        clock=clock,
    )
    made = World(writer, clock, services)
    services.publish = made.publish
    services.customer_of = made.customer_of
    services.not_ready = lambda: made.reasons
    return made


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the API."""
    async with TestClient(TestServer(build_app(world.services))) as made:
        yield made
