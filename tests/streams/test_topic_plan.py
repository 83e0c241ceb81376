"""Plan and apply against the embedded broker, with topics of the test's own."""

import uuid
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from streams import topic_plan
from streams.embedded import EmbeddedServices
from streams.topic_plan import Fit
from streams.topics import CUSTOMER_EVENTS, SLA_ALERTS, Topic, topic

pytestmark = pytest.mark.integration


@pytest.fixture
async def admin(embedded: EmbeddedServices) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    it = await topic_plan.open_admin({"bootstrap_servers": embedded.bootstrap_servers})
    yield it
    await it.close()


@pytest.fixture
def own() -> list[Topic]:
    """Two topics nobody else uses, one compacted."""
    suffix = uuid.uuid4().hex[:8]
    return [
        msgspec.structs.replace(topic(name, 2), name=f"{name}-{suffix}")
        for name in ("interactions.chat.v1", "complaints.v1")
    ]


def altered(line: Topic, **fields: Any) -> list[Topic]:
    """A table of one topic with other wishes."""
    return [msgspec.structs.replace(line, **fields)]


async def test_missing_topics_are_planned_created_and_then_fit(
    admin: AIOKafkaAdminClient, own: list[Topic]
) -> None:
    """Plan says missing, apply creates, and doing it again changes nothing."""
    assert [line.fit for line in await topic_plan.plan(admin, own)] == [Fit.MISSING, Fit.MISSING]
    assert [line.fit for line in await topic_plan.apply(admin, own, 1)] == [Fit.CREATED] * 2
    assert [line.fit for line in await topic_plan.apply(admin, own, 1)] == [Fit.FITS] * 2


async def test_what_was_created_is_listed_when_apply_returns(
    admin: AIOKafkaAdminClient, own: list[Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy Apache Kafka lists new topics late; a worker that looked too soon would not start."""
    proper, looks, names = admin.describe_topics, count(1), {line.name for line in own}

    async def describe_topics() -> Any:
        unlisted = names if next(looks) in (2, 3) else set()
        return [topic for topic in await proper() if topic["topic"] not in unlisted]

    monkeypatch.setattr(admin, "describe_topics", describe_topics)
    assert {line.fit for line in await topic_plan.apply(admin, own, 1)} == {Fit.CREATED}
    assert {line.fit for line in await topic_plan.plan(admin, own)} == {Fit.FITS}


async def test_planning_creates_nothing(admin: AIOKafkaAdminClient, own: list[Topic]) -> None:
    """A plan only looks."""
    await topic_plan.plan(admin, own)
    assert not set(await admin.list_topics()) & {line.name for line in own}


async def test_another_setting_is_reported_with_its_cure_and_left_alone(
    admin: AIOKafkaAdminClient, own: list[Topic]
) -> None:
    """The broker's value, ours, why, and the command; apply does not touch it."""
    await topic_plan.apply(admin, own, 1)
    wishes = altered(own[0], configs={**own[0].configs, "retention.ms": "1000"})
    for fits in (await topic_plan.plan(admin, wishes), await topic_plan.apply(admin, wishes, 1)):
        (line,) = fits
        (difference,) = line.differences
        assert (difference.setting, difference.wanted) == ("retention.ms", "1000")
        assert difference.found == own[0].configs["retention.ms"]
        assert "--add-config retention.ms=1000" in difference.mend
        assert topic_plan.faults(fits) == []


async def test_another_cleanup_policy_is_a_fault(
    admin: AIOKafkaAdminClient, own: list[Topic]
) -> None:
    """Deleting what should be compacted loses state: that must stop somebody."""
    await topic_plan.apply(admin, own, 1)
    wishes = altered(own[1], configs={**own[1].configs, "cleanup.policy": "delete"})
    assert topic_plan.faults(await topic_plan.plan(admin, wishes))


@pytest.mark.parametrize(("name", "is_fault"), [(CUSTOMER_EVENTS, True), (SLA_ALERTS, False)])
def test_another_number_of_partitions_harms_where_state_is(name: str, is_fault: bool) -> None:
    """Keys find their state by partition; of a topic that is only read, any number will do."""
    line = topic_plan.compare(topic(name, 8), 4, topic(name, 8).configs)
    assert line.fit is Fit.DIFFERS
    assert "MANYI_PARTITIONS=4" in line.differences[0].mend
    assert bool(topic_plan.faults([line])) is is_fault


def test_settings_a_broker_does_not_tell_are_named() -> None:
    """What could not be compared is said, not passed over as fitting."""
    wanted = topic(CUSTOMER_EVENTS, 4)
    line = topic_plan.compare(wanted, 4, {"cleanup.policy": "delete"})
    assert line.fit is Fit.FITS
    assert set(line.untold) == set(wanted.configs) - {"cleanup.policy"}


async def test_a_broker_out_of_reach_is_an_error_of_the_client() -> None:
    """Nothing is left open, and the caller hears what is wrong."""
    with pytest.raises(KafkaConnectionError):
        await topic_plan.open_admin({"bootstrap_servers": "127.0.0.1:1"})
