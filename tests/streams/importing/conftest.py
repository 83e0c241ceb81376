"""A broker with manyi's topics, for tests that publish."""

import asyncio
from collections.abc import Iterator

import pytest

from streams import topic_plan
from streams.embedded import EmbeddedServices
from streams.settings import Settings, load_settings
from streams.topics import topics


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Settings of a broker of this module's own, whose topics exist."""
    with EmbeddedServices() as services:
        found = load_settings({}, servers=services)
        asyncio.run(_create_topics(found))
        yield found


async def _create_topics(settings: Settings) -> None:
    admin = await topic_plan.open_admin(settings.kafka_clients())
    try:
        await topic_plan.apply(admin, topics(settings.partitions), settings.replication)
    finally:
        await admin.close()
