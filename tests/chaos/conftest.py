"""A real Apache Kafka for the tests marked `kafka`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.kafka import KafkaUnavailable, LocalKafka
from tests.engine.harness import Bench

SESSION_SECONDS = "3"
"""Short enough to wait for deaths, long enough for a busy machine."""


@pytest.fixture(scope="session")
def kafka() -> Iterator[LocalKafka]:
    """One broker for all tests of a run."""
    try:
        broker = LocalKafka().start()
    except KafkaUnavailable as unavailable:
        pytest.skip(str(unavailable))
    yield broker
    broker.stop()


@pytest.fixture
async def bench(
    kafka: LocalKafka, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    """Topics of its own on the real broker, eight partitions; may be told to compact eagerly."""
    environment = {"SESSION": SESSION_SECONDS, "MAX_RECORDS": "500"}
    async with Bench(
        kafka.bootstrap_servers,
        tmp_path,
        environment,
        idempotent=True,
        partitions=8,
        keys=2_000,
        compact_eagerly=getattr(request, "param", "") == "compacting",
    ) as bench:
        yield bench
