"""What-if from the log of a real worker: the replay must find production's own verdicts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from rich.progress import Progress

from agents.complaints.sla.judging import Verdict, verdicts_of
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.selfcheck import Checker, SelfCheck
from agents.simulation import simulate
from schemas.clock import ClockState
from schemas.policy import PolicySet
from streams import topics
from streams.embedded import EmbeddedServices
from streams.policy_files import load_policy
from streams.whatif.running import Asked, answer
from streams.whatif.sources import History, read_history
from streams.whatif.topic import read_topic
from tests.integration.world import World, a_world, settings_for

POLICY = """
version: 1
timezone: Asia/Shanghai
calendars: {office: {hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}, holidays: CN}}
policies:
  - name: all
    targets:
      first_response: {within: 10m}
      next_response: {within: 30m, calendar: office}
      update: {every: 12h}
      total_resolution: {within: 8h, calendar: office}
"""
RECORDS = 600
QUIET = (("manyi-alerts", b"off"),)


def records() -> Iterator[tuple[str, dict[str, Any], str]]:
    """A quiet day of yesterday: topic, record, key."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    for event in simulate(11, RECORDS, start, customers=60, contacts_per_day=300.0):
        if isinstance(event.record, dict):
            topic = (
                topics.COMMANDS
                if event.channel == "commands"
                else topics.CHANNEL_TOPICS[event.channel]  # type: ignore[index]
            )
            yield topic, event.record, event.key


async def publish(world: World) -> None:
    """Send the day as an import would."""
    for topic, record, key in records():
        await world.send(topic, json.loads(json.dumps(record)), key.encode(), QUIET)
    await world.settle()


@pytest.mark.integration
async def test_the_replay_of_the_log_finds_productions_verdicts(tmp_path: Path) -> None:
    """Equal, verdict by verdict; a shifted verdict is found; another policy is not compared."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    policy = load_policy(path)
    with EmbeddedServices() as services:
        async with a_world(services, policy=path) as world:
            await publish(world)
        history = await read_topic(settings_for(services), policy, lambda what, count: None)
    found = self_check(history, policy)
    assert found.differences == []
    assert found.compared > 50
    assert found.other_policy == 0

    judged = list(verdicts_of(history.cases, Plan(policy), history.until))
    assert compared(history, policy.digest, judged).compared == found.compared
    assert compared(history, policy.digest, judged[1:]).differ <= 1
    ended = [replace(verdict, state=ClockState.ENDED) for verdict in judged]
    assert compared(history, policy.digest, ended).differ > 0

    history.versions.clear()
    other = self_check(history, load_policy(None))
    assert (other.compared, other.differ, other.not_in_history) == (0, 0, 0)
    assert "could not be compared" in other.says


def self_check(history: History, policy: PolicySet) -> SelfCheck:
    """What `manyi whatif` says of its own replay."""
    bars = Progress(disable=True)
    zone = ZoneInfo(policy.timezone)
    asked = Asked(history=history, policies=[policy], names=["now"], zone=zone, bars=bars)
    found = answer(asked).self_check
    assert found is not None
    return found


def compared(history: History, digest: str, verdicts: list[Verdict]) -> SelfCheck:
    """Verdicts beside those production published."""
    checker = Checker(history.published, [digest])
    for complaint_id in history.published:
        checker.add(digest, complaint_id, [v for v in verdicts if v.complaint_id == complaint_id])
    return checker.result()


def test_events_of_the_log_can_be_read_from_a_file(tmp_path: Path) -> None:
    """Lines as they stand on customer-events.v1 are a history, too."""
    event = {
        "type": "interaction",
        "interaction_id": "i-1",
        "customer_id": "c-1",
        "channel": "email",
        "kind": "email_received",
        "occurred_at": "2026-03-02T09:00:00Z",
        "received_at": "2026-03-02T09:00:05Z",
        "source": "s",
        "source_id": "1",
        "origin": ["interactions.email.v1", 0, 0],
        "body_hash": "x",
        "contact_at": "2026-03-02T09:00:00Z",
        "complaint": True,
    }
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(event) + "\n")
    history = read_history([str(path)], load_policy(None), None, lambda what, count: None)
    assert [case.history[0].id for case in history.cases] == ["i-1"]
