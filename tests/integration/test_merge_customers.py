"""Two customers of different partitions are merged and parted again, while a worker dies in the
middle of it."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.intake.ids import customer_id
from schemas.alert import SlaAlert
from schemas.command import Action
from schemas.events import CustomerEvent
from schemas.merging import CustomersMerged
from schemas.satisfaction import Dimension, Window
from schemas.view import ComplaintCard
from streams import topics
from streams.audit import audit
from streams.cli.customers import give_command
from streams.embedded import EmbeddedServices
from streams.engine import failpoints
from streams.engine.partitioning import partition_of
from streams.policy_files import require_policy
from tests.integration.world import World, a_world, an_email, eventually

pytestmark = pytest.mark.integration

POLICY = """
version: 1
policies:
- {name: all, targets: {acknowledgement: {within: 2s}, total_resolution: {within: 5h}}}
"""
ANN = "email:ann@example.com"


async def writes(world: World, name: str, text: str, address: str, talk: str) -> None:
    """A mail from an address, in a thread of its own."""
    sender = {"from": {"address": address}, "in_reply_to": f"{talk}@example.com"}
    await world.send("interactions.email.v1", an_email(name, text, **sender))


async def card(world: World, handle: str) -> Any:
    """The card of whoever has a handle."""
    found = await world.worker.identities.index.customer_of(handle)
    return None if found is None else await world.reader.customer(found)


async def complaint(world: World, name: str) -> ComplaintCard:
    """A complaint as it is shown."""
    found = await world.reader.complaint(name)
    assert found is not None
    return found


async def opened(world: World) -> int:
    """How many complaints the tables count, over all partitions."""
    rows = await world.reader.satisfaction(Dimension.ALL, Window.ALL)
    return sum(row.counts.complaints_opened for row in rows)


async def heard(world: World) -> Counter[tuple[str, str]]:
    """(complaint, kind) of every alert but the warnings, each id once."""
    records = await world.read(topics.SLA_ALERTS)
    alerts = {a.alert_id: a for a in (msgspec.json.decode(r.value, type=SlaAlert) for r in records)}
    kinds = ((alert.complaint_id, alert.kind.value) for alert in alerts.values())
    return Counter(pair for pair in kinds if pair[1] != "warned")


def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker die once, after it told another customer and before it knows that it did."""
    deaths = iter([True])

    def maybe(place: str, stage: str = "") -> None:
        if (place, stage) == ("effects_acked", "customers") and next(deaths, False):
            raise RuntimeError("killed by the test")

    monkeypatch.setattr(failpoints, "reached", maybe)


async def test_two_customers_become_one_and_two_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One complaint with the earliest start, told once, counted once, reached by both handles; the
    audit finds nothing; and undone, each has its own again."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    rulebook = Rulebook(Plan(require_policy(policy)), ComplaintRules())
    async with EmbeddedServices() as services:
        async with a_world(services, policy=policy) as world:
            settings = world.worker.settings
            await writes(world, "m1", "我要投诉！太慢了", "ann@example.com", "t1")
            await world.settle()
            ann = await card(world, ANN)
            visitor, handle = await _somebody_elsewhere(world, ann.customer_id, settings.partitions)
            assert await opened(world) == 2
            assert await eventually(lambda: _told(world, 2))
            [first], [later] = ann.open_complaints, visitor.open_complaints

            dying(monkeypatch)
            with contextlib.suppress(Exception):
                await give_command(settings, Action.MERGE, handle, ANN)
                await world.worker.wait(asyncio.Event())
        async with a_world(services, policy=policy) as world:
            await world.settle()
            assert (await card(world, handle)).customer_id == ann.customer_id
            shown = await card(world, ANN)
            assert shown.open_complaints == [first]
            assert shown.interaction_count == 2
            assert handle in shown.handles
            assert await opened(world) == 1
            events = await world.read(topics.CUSTOMER_EVENTS)
            told = [msgspec.json.decode(r.value, type=CustomerEvent) for r in events]
            assert sum(isinstance(event, CustomersMerged) for event in told) == 2

            await writes(world, "m3", "还没有人回复我", handle.partition(":")[2], "t2")
            await writes(world, "m4", "还在等", "ann@example.com", "t1")
            await world.settle()
            joined = await complaint(world, first)
            assert (joined.contact_count, joined.customer_id) == (4, ann.customer_id)
            assert (await complaint(world, later)).merged_into == first
            kinds = await heard(world)
            assert kinds == {
                (first, "breached"): 1,
                (later, "breached"): 1,
                (later, "recovered"): 1,
            }
            await _nothing_differs(world, rulebook)

            await give_command(settings, Action.UNMERGE, visitor.customer_id)
            await world.settle()
            assert (await card(world, handle)).open_complaints == [later]
            assert (await card(world, ANN)).open_complaints == [first]
            counts = [(await complaint(world, name)).contact_count for name in (first, later)]
            assert counts == [2, 2]
            assert await opened(world) == 2
            await _nothing_differs(world, rulebook)


async def _somebody_elsewhere(world: World, customer: str, partitions: int) -> tuple[Any, str]:
    """Let somebody of another partition complain about the same order."""
    home = partition_of(customer.encode(), partitions)
    for number in range(50):
        handle = f"email:visitor{number}@example.com"
        if partition_of(customer_id(handle).encode(), partitions) != home:
            break
    await writes(world, "m2", "我要投诉！没人管", handle.partition(":")[2], "t2")
    await world.settle()
    return await card(world, handle), handle


async def _told(world: World, count: int) -> bool:
    """Whether so many breaches are on their topic."""
    return sum(n for (_, kind), n in (await heard(world)).items() if kind == "breached") >= count


async def _nothing_differs(world: World, rulebook: Rulebook) -> None:
    await world.settle()
    report = await audit(world.worker.settings, rulebook, lambda *_: None)
    assert report.clean, [p.differences[:5] for p in report.partitions] + report.differences
