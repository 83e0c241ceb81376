"""Plan and apply on a real Apache Kafka, which tells and refuses more than the embedded broker."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.kafka import LocalKafka
from streams import topic_plan
from streams.topic_plan import Fit
from streams.topics import topics

pytestmark = pytest.mark.kafka


@pytest.fixture
async def admin(empty_kafka: LocalKafka) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    it = await topic_plan.open_admin({"bootstrap_servers": empty_kafka.bootstrap_servers})
    yield it
    await it.close()


async def test_the_whole_table_is_created_and_fits(admin: AIOKafkaAdminClient) -> None:
    """Every setting is accepted, told back and equal; the replication is the broker's own."""
    table = topics(2)
    assert {line.fit for line in await topic_plan.apply(admin, table)} == {Fit.CREATED}
    fits = await topic_plan.plan(admin, table)
    assert {line.fit for line in fits} == {Fit.FITS}
    assert all(line.untold == () for line in fits)


async def test_other_partitions_are_reported_and_left_alone(admin: AIOKafkaAdminClient) -> None:
    """Keys would move away from their state, so nobody adds partitions by the way."""
    await topic_plan.apply(admin, topics(2))
    fits = await topic_plan.apply(admin, topics(3))
    assert len(topic_plan.faults(fits)) == 8
    assert {line.fit for line in await topic_plan.plan(admin, topics(2))} == {Fit.FITS}


async def test_a_topic_the_broker_refuses_is_reported(admin: AIOKafkaAdminClient) -> None:
    """The broker's own words are shown, and the other topics are created."""
    line = topics(1)[0]
    table = [msgspec.structs.replace(line, name=name) for name in ("not a name/", "a-name.v1")]
    bad, good = await topic_plan.apply(admin, table)
    assert good.fit is Fit.CREATED
    assert bad.fit is Fit.FAILED
    assert "InvalidTopic" in bad.error
    assert topic_plan.faults([bad]) == [bad]


async def test_too_few_brokers_for_the_replication_is_reported(admin: AIOKafkaAdminClient) -> None:
    """Three copies on one broker cannot be, and manyi says so instead of making one."""
    line = msgspec.structs.replace(topics(1)[0], name="three-copies.v1")
    (fit,) = await topic_plan.apply(admin, [line], replication=3)
    assert fit.fit is Fit.FAILED
    assert "replication" in fit.error.lower()
