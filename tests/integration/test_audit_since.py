"""The audit from an offset or a time, and where retention has cut the log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.simulation import simulate
from schemas.customer import CustomerState
from schemas.events import POLICY_KEY
from streams import audit as audit_module
from streams import reading, topics
from streams.audit import Audit, AuditError, audit, lines
from streams.audit.reading import live_rows
from streams.demo import topic_of
from streams.embedded import EmbeddedServices
from streams.engine import Consumer
from streams.engine.envelope import seal
from streams.pipeline.tables import CUSTOMERS
from streams.policy_files import require_policy
from tests.integration.world import World, a_world, an_email

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

EVENTS = 400
RULEBOOK = Rulebook(Plan(require_policy(None)), ComplaintRules())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """A worker that has read half a day of a contact centre; every test leaves it as it was."""
    async with EmbeddedServices() as services, a_world(services) as world:
        start = datetime.now(UTC) - timedelta(hours=12)
        for event in simulate(6, EVENTS, start, contacts_per_day=600, customers=200):
            await world.send(topic_of(event.channel), event.record, event.key.encode())
        await world.settle()
        yield world


async def audited(world: World, **how: object) -> Audit:
    """The report of an audit beside the worker."""
    return await audit(world.worker.settings, RULEBOOK, lambda *_: None, **how)  # type: ignore[arg-type]


@asynccontextmanager
async def forged(world: World, customer: str, partition: int, applied: int) -> AsyncIterator[None]:
    """The row of a customer is what a defect might have made of it, for a while."""
    key = CUSTOMERS.prefix + customer.encode()
    async with reading.open_reader(world.worker.settings.kafka_clients(), "test") as reader:
        rows, _ = await live_rows(reader, partition, lambda *_: None)

    async def write(row: bytes) -> None:
        topic = topics.CUSTOMERS_CHANGELOG
        await world.producer.send_and_wait(topic, row, key, partition=partition)

    await write(seal(applied, -1, msgspec.msgpack.encode(CustomerState(customer))))
    try:
        yield
    finally:
        await write(rows[key])


async def test_only_customers_named_since_then_are_compared(world: World) -> None:
    """A mail that has just come: one customer, recomputed from the beginning, and nobody else."""
    whole = await audited(world)
    assert whole.clean, list(lines(whole))
    before = datetime.now(UTC)
    await world.send("interactions.email.v1", an_email("late", "我要投诉"))
    await world.settle()
    late = await audited(world, since=before)
    assert late.clean, list(lines(late))
    assert late.customers == 1
    assert late.unprovable == 0
    assert (
        sum(part.events for part in late.partitions) < sum(p.events for p in whole.partitions) / 9
    )
    assert not any(part.tables for part in late.partitions)
    (part,) = [part for part in late.partitions if part.customers]
    (only,) = (await audited(world, since=part.since, partitions=[part.partition])).partitions
    assert only.customers == 1


async def test_a_defect_is_found_where_the_window_names_the_customer(world: World) -> None:
    """A forged row of somebody named since then is a difference; of others it is none of it."""
    whole = await audited(world)
    part = max(whole.partitions, key=lambda part: part.events)
    named_last = {
        record.key.decode(): record.offset
        for record in await world.read(topics.CUSTOMER_EVENTS)
        if record.partition == part.partition and record.key != POLICY_KEY
    }
    earlier, *_, last = sorted(named_last, key=named_last.__getitem__)
    since = named_last[earlier] + 1
    async with forged(world, earlier, part.partition, part.applied):
        halfway = await audited(world, since=since)
        assert halfway.clean, list(lines(halfway))
        async with forged(world, last, part.partition, part.applied):
            halfway = await audited(world, since=since)
            everything = (await audited(world)).partitions[part.partition]
    assert f"customer {last}" in halfway.partitions[part.partition].differences
    assert {f"customer {name}" for name in (earlier, last)} <= set(everything.differences)


async def test_older_history_than_the_log_is_not_provable_and_no_difference(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has lost its beginning: who began there is counted, who began later is proved."""
    whole = await audited(world)
    began: dict[int, dict[str, int]] = {part.partition: {} for part in whole.partitions}
    for record in await world.read(topics.CUSTOMER_EVENTS):
        if record.key != POLICY_KEY:
            began[record.partition].setdefault(record.key.decode(), record.offset)
    younger = {partition: max(names, key=names.__getitem__) for partition, names in began.items()}
    cut = {partition: began[partition][name] for partition, name in younger.items()}
    proper = reading.begin_of

    async def begin_of(reader: Consumer, tp: TopicPartition) -> int:
        if tp.topic == topics.CUSTOMER_EVENTS:
            return cut[tp.partition]
        return await proper(reader, tp)

    monkeypatch.setattr(audit_module, "begin_of", begin_of)
    report = await audited(world)
    assert report.clean, list(lines(report))
    assert report.unprovable > 0
    assert report.customers > 0
    assert report.customers + report.unprovable == whole.customers
    assert not any(part.tables for part in report.partitions)
    assert "not provable: the log now begins at offset" in "\n".join(lines(report))

    part = max(report.partitions, key=lambda part: part.events)
    name = younger[part.partition]
    async with forged(world, name, part.partition, part.applied):
        found = (await audited(world)).partitions[part.partition]
    assert f"customer {name}" in found.differences


async def test_nothing_to_read_is_an_error_and_not_equality(world: World) -> None:
    """A partition that is not there is named; an audit of nothing must not look like a proof."""
    with pytest.raises(AuditError, match="no partition 99"):
        await audited(world, partitions=[99])
