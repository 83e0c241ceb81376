"""A real Apache Kafka for the tests marked `kafka`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.kafka import KafkaUnavailable, LocalKafka
from streams.embedded import EmbeddedServices
from tests.chaos.fleet import Fleet
from tests.engine.harness import Bench

SESSION_SECONDS = "3"
"""Short enough to wait for deaths, long enough for a busy machine."""


@pytest.fixture(scope="module")
def three_brokers() -> Iterator[LocalKafka]:
    """A cluster of three for the tests of a module."""
    cluster = LocalKafka(brokers=3)
    try:
        cluster.start()
    except KafkaUnavailable as unavailable:
        pytest.skip(str(unavailable))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedServices]:
    """A Valkey beside the real Kafka."""
    with EmbeddedServices(broker=False) as services:
        yield services


@pytest.fixture
async def fleet(
    kafka: LocalKafka, valkey: EmbeddedServices, tmp_path: Path
) -> AsyncIterator[Fleet]:
    """Whole workers on the one broker, none started yet."""
    async with Fleet(kafka.bootstrap_servers, valkey.redis_url, tmp_path) as fleet:
        yield fleet


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
