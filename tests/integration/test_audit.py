"""The audit finds nothing where nothing is wrong, and finds what is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.simulation import simulate
from schemas.customer import CustomerState
from streams import topics
from streams.audit import audit
from streams.demo import topic_of
from streams.embedded import EmbeddedServices
from streams.engine.envelope import seal
from streams.pipeline.tables import CUSTOMERS
from streams.policy_files import require_policy
from tests.integration.world import World, a_world

pytestmark = pytest.mark.integration

EVENTS = 1_500
POLICY = """
version: 1
policies: [{name: all, targets: {first_response: {within: 30m}, total_resolution: {within: 5h}}}]
"""


async def simulated(world: World) -> None:
    """Half a day of a contact centre, with its duplicates, corrections and broken records."""
    start = datetime.now(UTC) - timedelta(hours=12)
    for event in simulate(5, EVENTS, start, messy_share=0.01, contacts_per_day=1_000):
        await world.send(topic_of(event.channel), event.record, event.key.encode())
    await world.settle()


async def test_what_is_live_equals_a_fold_of_the_log(tmp_path: Path) -> None:
    """Rows, tables, accounting, complaints and alerts; and a forged row is found by name."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    rulebook = Rulebook(Plan(require_policy(policy)), ComplaintRules())
    async with EmbeddedServices() as services, a_world(services, policy=policy) as world:
        await simulated(world)
        report = await audit(world.worker.settings, rulebook, lambda *_: None)
        assert report.clean, [p.differences[:5] for p in report.partitions] + report.differences
        assert sum(p.events for p in report.partitions) > EVENTS / 2
        assert report.complaints > 0
        assert report.alerts > 0

        forged = CustomerState("nobody")
        row = seal(report.partitions[0].applied, -1, msgspec.msgpack.encode(forged))
        key = CUSTOMERS.prefix + b"nobody"
        await world.producer.send_and_wait(topics.CUSTOMERS_CHANGELOG, row, key, partition=0)
        report = await audit(world.worker.settings, rulebook, lambda *_: None)
        assert not report.clean
        assert "customer nobody" in report.partitions[0].differences
