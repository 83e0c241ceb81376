"""The policy file changes while workers run: who was promised what stays told, and the log alone
says it again."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from msgspec import convert
from rich.progress import Progress

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy
from deploy.kafka import LocalKafka
from schemas.complaint import Complaint
from streams.audit import audit
from streams.cli.main import run
from streams.embedded import EmbeddedServices
from streams.errors import ExitCode
from streams.policies import read_published
from streams.policy_files import require_policy
from streams.settings import Servers
from streams.views.explaining import explain_kept
from streams.whatif.running import Asked, answer
from streams.whatif.topic import read_topic
from streams.worker import Worker
from tests.integration.servers import servers
from tests.integration.world import World, a_world, an_email, eventually

pytestmark = pytest.mark.integration

POLL = 0.2
UTC_ZONE = ZoneInfo("UTC")


def a_policy(minutes: int, *, retroactive: bool = False) -> str:
    """A file that promises a response within so many minutes."""
    return (
        f"version: 1\nretroactive: {str(retroactive).lower()}\npolicies:\n"
        f"- name: all\n  targets: {{first_response: {{within: {minutes}m, warn: []}}}}\n"
    )


async def complains(world: World, name: str, minutes_ago: float = 0.0) -> str:
    """Somebody complains by mail; the id of the complaint."""
    before = await open_complaints(world)
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    mail = an_email(
        name, "我要投诉！三天了还没有发货。", occurred_at=at.isoformat(), refs=[],
        **{"from": {"address": f"{name}@example.com"}},
    )  # fmt: skip
    await world.send("interactions.email.v1", mail)
    await world.producer.flush()

    async def opened() -> set[str]:
        return await open_complaints(world) - before

    (found,) = await eventually(opened)  # it may belong to another worker
    complaint_id: str = found
    return complaint_id


async def open_complaints(world: World) -> set[str]:
    """The ids of all open complaints."""
    return {card.complaint_id for card in (await world.reader.complaints("open")).complaints}


async def is_in_force(worker: Worker, version: str) -> bool:
    """Whether the version is published, and every partition of this worker knows it."""
    newest = worker.policies.published.newest
    known = newest is not None and newest.policy.digest == version
    return known and await worker.policies.tell() == 0


async def changes(world: World, file: Path, text: str) -> str:
    """The file is changed, and what it says takes hold; the version."""
    file.write_text(text)
    version = require_policy(file).digest
    assert await eventually(lambda: is_in_force(world.worker, version))
    await world.settle()
    return version


async def judged_by(world: World, complaint_id: str) -> tuple[str, float]:
    """The version that judges a complaint now, and its limit in minutes."""
    (clock,) = (await published(world))[complaint_id].clocks
    return clock.policy_version, clock.limit_seconds / 60


async def published(world: World) -> dict[str, Complaint]:
    """The last word on every complaint, from its topic."""
    complaints: dict[str, Complaint] = {}
    for record in await world.read("complaints.v1"):
        complaint = json.loads(record.value)
        known = complaints.get(complaint["complaint_id"])
        if known is None or complaint["change_count"] > known.change_count:
            complaints[complaint["complaint_id"]] = convert(complaint, Complaint)
    return complaints


async def alerts(world: World, complaint_id: str) -> list[str]:
    """What was announced about a complaint, in order, quiet or not."""
    said = [json.loads(record.value) for record in await world.read("sla-alerts.v1")]
    mine = [alert for alert in said if alert["complaint_id"] == complaint_id]
    assert len({alert["alert_id"] for alert in mine}) == len(mine)
    return [alert["kind"] for alert in sorted(mine, key=lambda alert: alert["announced_at"])]


async def assert_equal_to_its_log(world: World) -> None:
    """The audit knows no file: every version it needs stands in the log."""
    nothing_to_do_with_it = Rulebook(Plan(default_policy()), ComplaintRules())
    report = await audit(world.worker.settings, nothing_to_do_with_it, lambda *_: None)
    assert report.clean, [p.differences[:5] for p in report.partitions] + report.differences


async def health(world: World) -> dict[str, list[str]]:
    """What the worker says of itself."""
    url = f"http://{world.worker.settings.host}:{world.worker.settings.port}/health/ready"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        found: dict[str, list[str]] = await response.json()
        return found


def metric(world: World, name: str, **labels: str) -> float:
    """The value of a metric."""
    return world.worker.metrics.registry.get_sample_value(f"manyi_{name}", labels) or 0.0


async def test_a_changed_file_takes_hold_while_the_worker_runs(tmp_path: Path) -> None:
    """On the embedded broker."""
    with EmbeddedServices() as services:
        await changes_take_hold(services, tmp_path / "policy.yaml")


@pytest.mark.kafka
async def test_a_changed_file_takes_hold_on_apache_kafka(
    empty_kafka: LocalKafka, tmp_path: Path
) -> None:
    """On Apache Kafka, which tells a client less unasked."""
    async with servers(empty_kafka) as services:
        group = f"policy-{uuid4().hex[:8]}"
        await changes_take_hold(services, tmp_path / "policy.yaml", embedded=False, group=group)


async def changes_take_hold(services: Servers, file: Path, **settings: Any) -> None:
    """Running clocks keep their promise, new complaints have the new one, a broken file changes
    nothing, a retroactive one moves what is open; and the audit agrees with all of it."""
    file.write_text(a_policy(30))
    async with a_world(services, policy=file, policy_poll_seconds=POLL, **settings) as world:
        first = require_policy(file).digest
        late = await complains(world, "late", minutes_ago=60)
        assert await eventually(lambda: breached(world, late))

        second = await changes(world, file, a_policy(120))
        assert await judged_by(world, late) == (first, 30)
        new = await complains(world, "new")
        assert await judged_by(world, new) == (second, 120)

        file.write_text(a_policy(5).replace("within", "wihtin"))
        assert await eventually(lambda: refused(world))
        (note,) = (await health(world))["notes"]
        assert "did you mean 'within'?" in note
        assert metric(world, "policy_file_ok") == 0
        other = await complains(world, "other")
        assert await judged_by(world, other) == (second, 120)

        third = await changes(world, file, a_policy(90, retroactive=True))
        assert "notes" not in await health(world)
        assert await eventually(lambda: all_judged_by(world, third, late, new, other))
        assert await alerts(world, late) == ["breached", "retracted"]

        fourth = await changes(world, file, a_policy(10, retroactive=True))
        assert await eventually(lambda: all_judged_by(world, fourth, late, new, other))
        assert await eventually(lambda: breached(world, late))
        assert await alerts(world, late) == ["breached", "retracted", "breached"]
        (clock,) = (await published(world))[late].clocks
        assert clock.breached_at == clock.started_at + timedelta(minutes=10)
        assert await alerts(world, new) == []
        assert metric(world, "policy_customers_reached_total") == 6

        explained = await explain_kept(world.reader, late, datetime.now(UTC))
        assert explained is not None
        assert {s.policy_version for c in explained.clocks.clocks for s in c.segments} == {fourth}
        await assert_equal_to_its_log(world)
        found = await read_published(world.worker.settings.kafka_clients())
        assert [one.policy.digest for one in found] == [first, second, third, fourth]

    history = await read_topic(world.worker.settings, default_policy(), lambda *_: None)
    assert set(history.versions) == {first, second, third, fourth}
    policies = list(history.versions.values())
    names = [policy.digest for policy in policies]
    bars = Progress(disable=True)
    checked = answer(
        Asked(history=history, policies=policies, names=names, zone=UTC_ZONE, bars=bars)
    ).self_check
    assert checked is not None
    assert (checked.differences, checked.other_policy) == ([], 0)
    assert checked.compared == 1


async def test_a_restart_and_a_second_worker_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker with an older file does not go back, is told so, and judges as all do; going back
    takes a person or a change."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(a_policy(600))
    new.write_text(a_policy(300))
    older, newer = require_policy(old).digest, require_policy(new).digest
    with EmbeddedServices() as services:
        async with a_world(services, policy=old) as world:
            kept = await complains(world, "kept")
        async with a_world(services, policy=new) as world:
            assert await eventually(lambda: is_in_force(world.worker, newer))
            assert await judged_by(world, kept) == (older, 600)

            # A second worker joins with the older file.
            async with a_world(services, policy=old) as second:
                assert await eventually(lambda: is_in_force(second.worker, newer))
                (note,) = (await health(second))["notes"]
                assert f"holds version {older}, but {newer}" in note
                mine = [await complains(second, f"shared-{number}") for number in range(2)]
                for complaint_id in mine:
                    assert await judged_by(second, complaint_id) == (newer, 300)
                assert await judged_by(second, kept) == (older, 600)
                await assert_equal_to_its_log(second)

                monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", services.bootstrap_servers)
                monkeypatch.setenv("REDIS_URL", services.redis_url)
                assert await in_a_thread("policy", "publish", str(old)) == ExitCode.OK
                for one in (world, second):
                    assert await eventually(lambda worker=one.worker: is_in_force(worker, older))
                assert await judged_by(second, await complains(second, "back")) == (older, 600)
                assert await in_a_thread("policy", "versions") == ExitCode.OK
                await assert_equal_to_its_log(second)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()][-2:] == [older, newer]


async def in_a_thread(*arguments: str) -> int:
    """Run a command of ours, which has an event loop of its own."""
    return await asyncio.to_thread(run, list(arguments))


async def breached(world: World, complaint_id: str) -> bool:
    """Whether the complaint's promise is broken, and everybody was told."""
    (clock,) = (await published(world))[complaint_id].clocks
    return clock.state == "breached"


async def refused(world: World) -> bool:
    """Whether the file was refused."""
    return metric(world, "policy_reloads_total", outcome="refused") == 1


async def all_judged_by(world: World, version: str, *complaints: str) -> bool:
    """Whether a version judges all of these."""
    return {(await judged_by(world, one))[0] for one in complaints} == {version}
