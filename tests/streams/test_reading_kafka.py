"""What reads whole topics finds them on a real Apache Kafka, which tells clients less unasked."""

import pytest
from aiokafka import AIOKafkaProducer

from agents.complaints.sla.policy_file import default_policy
from deploy.kafka import LocalKafka
from schemas.rejection import DeadLetterHeader
from streams import dlq, topics
from streams.identity.links import read_links
from streams.policies import publish_policy, read_published
from streams.settings import Settings, load_settings
from streams.topic_plan import partitions_of
from streams.worker import ensure_topics

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(empty_kafka: LocalKafka) -> Settings:
    """Settings of a worker on a broker without topics."""
    return load_settings(
        {
            "KAFKA_BOOTSTRAP_SERVERS": empty_kafka.bootstrap_servers,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "MANYI_PARTITIONS": "3",
        }
    )


async def test_partitions_are_told_of_topics_that_exist(settings: Settings) -> None:
    """All of them, and nothing about a topic nobody made."""
    await ensure_topics(settings)
    found = await partitions_of(settings.kafka_clients(), topics.CUSTOMER_EVENTS, "nobody.v1")
    assert found == {topics.CUSTOMER_EVENTS: [0, 1, 2]}


async def test_dead_letters_are_found(settings: Settings) -> None:
    """A letter that stands there is read."""
    await ensure_topics(settings)
    topic = topics.dead_letters_of(topics.COMMANDS)
    async with AIOKafkaProducer(**settings.kafka_clients()) as producer:
        reason = [(DeadLetterHeader.REASON.value, b"not_json")]
        await producer.send_and_wait(topic, b"{", b"key", headers=reason)
    selection = dlq.Selection(topics=(topic,))
    letters = [letter async for letter in dlq.read(settings.kafka_clients(), selection)]
    assert [letter.value for letter in letters] == [b"{"]


async def test_published_policies_are_found(settings: Settings) -> None:
    """What a worker puts on the topic is read back; before that there is nothing, and no error."""
    await ensure_topics(settings)
    clients = settings.kafka_clients()
    published = await read_published(clients)
    assert published.newest is None
    await publish_policy(clients, default_policy(), "test", published)
    (found,) = await read_published(clients)
    assert found.policy == default_policy()


async def test_links_are_found(settings: Settings) -> None:
    """An empty log of links is read to its end; that there are no topics would be an error."""
    await ensure_topics(settings)
    assert [part async for part in read_links(settings.kafka_clients())] == []
