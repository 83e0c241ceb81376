"""A whole worker on the embedded broker: accounting, a mail's way, restart, alerts."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from schemas.alert import SlaAlert
from schemas.common import Channel
from schemas.complaint import Complaint, Stage
from schemas.satisfaction import Dimension, Window
from streams import topics
from streams.embedded import EmbeddedServices
from tests.integration.world import a_world, an_email, eventually
from tests.messy import MessyEvent, Outcome, messy_events

pytestmark = pytest.mark.integration

MESSY_EVENTS = 2_000


async def test_every_messy_event_is_accounted_for() -> None:
    """Broken JSON, wrong types, 5 MB bodies, odd dates: nothing crashes, nothing is lost."""
    events = list(messy_events(MESSY_EVENTS, seed=7))
    expected = _columns(events)
    async with EmbeddedServices() as services, a_world(services) as world:
        for event in events:
            topic = topics.CHANNEL_TOPICS[event.channel]
            await world.send(topic, event.value, event.key, event.headers)
        await world.settle()
        stats = await world.reader.stats()
        dead = {
            c: await world.read(topics.dead_letters_of(t)) for c, t in topics.CHANNEL_TOPICS.items()
        }

    for channel, counts in expected.items():
        found = stats[channel]
        assert found.received == sum(counts.values())
        assert {
            "accepted": found.accepted,
            "duplicate": found.duplicate,
            "rejected": found.rejected,
            "skipped": found.skipped,
        } == {name: counts[name] for name in ("accepted", "duplicate", "rejected", "skipped")}
        assert len(dead[Channel(channel)]) == found.rejected


def _columns(events: list[MessyEvent]) -> dict[str, Counter[str]]:
    """What must be counted: of equal records the first is accepted, the others are duplicates."""
    expected: dict[str, Counter[str]] = {channel.value: Counter() for channel in Channel}
    seen = set()
    for event in events:
        column = event.expected.outcome.value
        if event.expected.outcome is Outcome.ACCEPTED:
            column = "duplicate" if event.value in seen else "accepted"
            seen.add(event.value)
        expected[event.channel.value][column] += 1
    return expected


async def test_one_mail_from_topic_to_table() -> None:
    """A mail becomes a customer, a complaint, a clock, a row; a call back answers it."""
    async with EmbeddedServices() as services, a_world(services) as world:
        await world.send("interactions.email.v1", an_email("m1", "我要投诉！订单一直没有发货。"))
        await world.settle()
        (complaint,) = (await world.reader.complaints("open")).complaints
        card = await world.reader.customer(complaint.customer_id)

        assert card is not None
        assert (card.name, card.handles) == ("李雷", ["email:li.lei@example.com"])
        assert complaint.stage is Stage.RECEIVED
        assert complaint.matter_refs == ["order:4711"]
        assert {clock.target for clock in complaint.clocks} >= {"first_response"}

        await world.send(
            "interactions.phone.v1",
            {
                "source": "pbx",
                "id": "call-1",
                "kind": "call_answered",
                "occurred_at": an_email("x", "")["occurred_at"],
                "direction": "out",
                "actor": {"type": "human", "id": "rep-7", "team": "care"},
                "customer": [{"kind": "email", "value": "Li.Lei@example.com"}],
                "refs": [{"kind": "order", "value": "4711"}],
            },
        )
        await world.settle()
        answered = await world.reader.complaint(complaint.complaint_id)
        assert answered is not None
        assert answered.stage is Stage.ACKNOWLEDGED
        assert answered.first_response_at is not None
        rows = {e.key: e for e in await world.reader.satisfaction(Dimension.CHANNEL, Window.ALL)}
        assert rows["email"].counts.complaints_opened == 1
        assert rows["email"].counts.met == {"first_response": 1}
        published = [
            msgspec.json.decode(r.value, type=Complaint)
            for r in await world.read(topics.COMPLAINTS)
        ]
        assert [c.change_count for c in published] == [1, 2]


async def test_a_restarted_worker_goes_on_where_the_last_one_stopped() -> None:
    """Rows, clocks and counts come back from the changelog; a retry is still a retry."""
    async with EmbeddedServices() as services:
        async with a_world(services) as world:
            await world.send("interactions.email.v1", an_email("m1", "I want to make a complaint"))
            await world.settle()
            before = (await world.reader.complaints("open")).complaints
        await world.worker.redis.aclose()
        async with a_world(services) as world:
            await world.send("interactions.email.v1", an_email("m1", "I want to make a complaint"))
            await world.send("interactions.email.v1", an_email("m2", "Is anybody there?"))
            await world.settle()
            (after,) = (await world.reader.complaints("open")).complaints
            stats = (await world.reader.stats())["email"]

    assert [c.complaint_id for c in before] == [after.complaint_id]
    assert after.contact_count == 2
    assert (stats.received, stats.accepted, stats.duplicate) == (3, 2, 1)


async def test_a_broken_promise_is_announced_once(tmp_path: Path) -> None:
    """A one-second promise warns and breaks by itself, without another record."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\npolicies: [{name: all, targets: {first_response: {within: 1s}}}]\n"
    )
    async with EmbeddedServices() as services, a_world(services, policy=policy) as world:
        await world.send("interactions.email.v1", an_email("m1", "我要投诉"))
        await world.settle()

        async def breached() -> bool:
            return any(fact.breached for fact in await world.reader.open_facts())

        assert await eventually(breached)
        alerts = [
            msgspec.json.decode(r.value, type=SlaAlert) for r in await world.read(topics.SLA_ALERTS)
        ]
        assert [a.kind.value for a in alerts if a.kind.value == "breached"] == ["breached"]
        assert len({a.alert_id for a in alerts}) == len(alerts)
