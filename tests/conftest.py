"""What all tests share: servers, each started once, and the place of the real data."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.kafka import KafkaUnavailable, LocalKafka, remove_topics
from streams.embedded import EmbeddedServices

# A law holds however busy the machine is: no example has a deadline or is drawn too slowly.
settings.register_profile("manyi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("manyi")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedServices]:
    """One broker and one Valkey for all tests of a run: use topics and key prefixes of your own."""
    with EmbeddedServices() as services:
        yield services


@pytest.fixture(scope="session")
def kafka() -> Iterator[LocalKafka]:
    """One Apache Kafka for all tests marked `kafka`: use topics of your own, or `empty_kafka`."""
    broker = LocalKafka()
    try:
        broker.start()
    except KafkaUnavailable as unavailable:
        pytest.skip(str(unavailable))
    yield broker
    broker.stop()


@pytest.fixture
async def empty_kafka(kafka: LocalKafka) -> LocalKafka:
    """The same without any topic, for tests of the names that are manyi's."""
    await remove_topics(kafka.bootstrap_servers)
    return kafka


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout, `../shared/data`; it is not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data is not here: no directory ../shared/data beside the checkout")
    return SHARED_DATA
