"""Whole workers whose Redis is flushed, killed and emptied in mid-stream: nobody gets a second id.

The input names every person by several handles in one record, and by fewer and weaker ones in the
later records. Whoever forgets a link gives such a later record to a new customer. All records of a
person have one Kafka key, so they are taken in in order and the right answer is known: the id made
of the person's strongest handle.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.intake.ids import customer_id
from deploy.kafka import LocalKafka
from schemas.events import IdentityLink
from streams import topics
from streams.audit import audit
from streams.demo import until_ready, until_settled
from streams.identity import Restoring
from streams.policy_files import require_policy
from streams.worker import Worker, running
from tests.integration.servers import servers
from tests.integration.world import World, a_world, eventually, settings_for

pytestmark = pytest.mark.integration

PERSONS = 150
ROUNDS = 4
"""Records of each person after the one that links the handles."""

PHONE = "interactions.phone.v1"


def record(person: int, step: int) -> dict[str, Any]:
    """What the switchboard says of a person for the n-th time."""
    crm, phone = ("crm", f"c-{person}"), ("phone", f"+86138{person:08}")
    email, chat = ("email", f"p{person}@b.example"), ("chat", f"wx-{person}")
    known = {
        0: (crm, phone, email),
        1: (phone,),
        2: (email, chat),
        3: (chat,),
        4: (),  # nobody is named: the conversation alone tells
    }[step]
    at = datetime.now(UTC) - timedelta(minutes=5) + timedelta(seconds=step)
    return {
        "source": "pbx",
        "id": f"{person}-{step}",
        "kind": "call_answered",
        "occurred_at": at.isoformat(),
        "direction": "in",
        "conversation_id": f"talk-{person}",
        "actor": {"type": "human", "id": "rep-7", "team": "care"},
        "customer": [{"kind": kind, "value": value} for kind, value in known],
    }


async def feed(world: World, lose: Callable[[], Awaitable[object]], losses: int) -> None:
    """All records, person by person in order, with losses of Redis spread over them."""
    total = PERSONS * (ROUNDS + 1)
    at = {total * (n + 1) // (losses + 1) for n in range(losses)}
    sent = 0
    for step in range(ROUNDS + 1):
        for person in range(PERSONS):
            await world.send(PHONE, record(person, step), b"p%d" % person)
            sent += 1
            if sent % 25 == 0:
                await asyncio.sleep(0.05)
            if sent in at:
                await world.producer.flush()
                await lose()
    await world.producer.flush()


async def ids_by_person(world: World) -> dict[int, set[str]]:
    """Every customer id under which a record of a person was ever published."""
    found: dict[int, set[str]] = defaultdict(set)
    for event in await interactions(world):
        found[int(event["source_id"].partition("-")[0])].add(event["customer_id"])
    return found


async def interactions(world: World) -> list[dict[str, Any]]:
    """Every interaction that was published, in order per partition."""
    events = [msgspec.json.decode(each.value) for each in await world.read(topics.CUSTOMER_EVENTS)]
    return [event for event in events if event["type"] == "interaction"]


def expected() -> dict[int, set[str]]:
    """One id a person, made of the strongest handle."""
    return {person: {customer_id(f"crm:c-{person}")} for person in range(PERSONS)}


async def judge(world: World) -> None:
    """One id a person, every record accounted for, rows and views equal to a fold of the log."""
    assert await ids_by_person(world) == expected()
    rulebook = Rulebook(Plan(require_policy(None)), ComplaintRules())
    report = await audit(world.worker.settings, rulebook, lambda *_: None)
    assert report.clean, [p.differences[:5] for p in report.partitions] + report.differences
    stats = (await world.reader.stats())["phone"]
    total = PERSONS * (ROUNDS + 1)
    assert (stats.received, stats.accepted, stats.duplicate) == (total, total, 0)
    index = world.worker.identities.index
    for person in range(PERSONS):
        (customer,) = expected()[person]
        assert await index.customer_of(f"email:p{person}@b.example") == customer
        card = await world.reader.customer(customer)
        assert card is not None, "the views were not written again"


@pytest.mark.parametrize("fault", ["flush", "restart"])
async def test_a_loss_in_mid_stream_makes_no_second_customer(fault: str) -> None:
    """FLUSHALL three times, or Valkey killed and restarted empty, while records flow."""
    async with servers() as services, a_world(services) as world:
        if fault == "flush":
            await feed(world, world.worker.redis.flushall, 3)
        else:
            await feed(world, services.restart_valkey_empty, 1)
        await world.settle()
        assert world.worker.identities.not_ready() == []
        assert await eventually(lambda: shown(world))
        await judge(world)
        counted = world.worker.metrics.identity_rebuilds._value.get()
        assert counted >= 2  # the first start is one
        links = await links_of(world)
        assert {link.epoch for link in links} > {1}  # links were made before and after a loss


@pytest.mark.kafka
async def test_a_loss_makes_no_second_customer_on_a_real_kafka(empty_kafka: LocalKafka) -> None:
    """The same with an idempotent producer, exact ends and a compacted topic."""
    async with servers(empty_kafka) as services, a_world(services, embedded=False) as world:
        await feed(world, world.worker.redis.flushall, 3)
        await world.settle()
        assert await eventually(lambda: shown(world))
        await judge(world)


async def links_of(world: World) -> list[IdentityLink]:
    """All links that were published."""
    return [
        msgspec.json.decode(each.value, type=IdentityLink)
        for each in await world.read(topics.IDENTITY_LINKS)
        if each.value is not None
    ]


async def shown(world: World) -> bool:
    """Whether every person has a card again."""
    cards = [await world.reader.customer(next(iter(ids))) for ids in expected().values()]
    return all(cards)


async def test_two_workers_lose_redis_and_share_one_rebuild() -> None:
    """Both have batches in flight; one reads the links, the other waits; one id a person."""
    async with servers() as services, a_world(services) as world:
        other: Worker
        settings = settings_for(services)
        async with running(settings, require_policy(None)) as other:
            await until_ready(other)
            await until_ready(world.worker)
            await feed(world, world.worker.redis.flushall, 3)
            assert await until_settled(other)
            await world.settle()
            assert await ids_by_person(world) == expected()
            lanes = [len(w.engine.lanes) for w in (world.worker, other)]
            assert min(lanes) > 0


async def test_without_the_rebuild_people_get_second_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: an index that is declared complete without reading forgets people."""

    async def read_nothing(*_: Any, **__: Any) -> AsyncIterator[list[Any]]:
        yield []

    monkeypatch.setattr("streams.identity.service.read_links", read_nothing)
    async with servers() as services, a_world(services) as world:
        await feed(world, world.worker.redis.flushall, 2)
        await world.settle()
        found = await ids_by_person(world)
        assert sum(len(ids) > 1 for ids in found.values()) > PERSONS // 10


async def test_while_it_is_rebuilt_intake_waits_and_says_so() -> None:
    """Nothing is committed or refused; the worker is not ready, and goes on by itself."""
    async with servers() as services, a_world(services) as world:
        await world.send(PHONE, record(0, 0), b"p0")
        await world.settle()
        redis = world.worker.redis
        await redis.flushall()
        # Another worker, which is slow, has the claim.
        other = Restoring(redis, world.worker.settings.redis_prefix, claim_seconds=8)
        await other.begin()
        await world.send(PHONE, record(0, 1), b"p0")
        await world.producer.flush()

        async def said() -> bool:
            return any("rebuilding identities" in reason for reason in world.worker.not_ready())

        assert await eventually(said)
        assert len(await interactions(world)) == 1
        assert await world.read(topics.dead_letters_of(PHONE)) == []
        await world.settle()  # the claim of the slow one has run out
        events = await interactions(world)
        assert [event["customer_id"] for event in events] == [customer_id("crm:c-0")] * 2
        assert world.worker.not_ready() == []
