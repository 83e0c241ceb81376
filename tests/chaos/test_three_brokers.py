"""Three brokers, three copies, two of which must have a record before it counts as written."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.kafka import LocalKafka
from streams.embedded import EmbeddedServices
from tests.chaos import reading
from tests.chaos.fleet import Fleet
from tests.chaos.storm import RATE, SEED, after_the_storm
from tests.chaos.traffic import traffic

pytestmark = pytest.mark.kafka

DOWN_SECONDS = 8.0
"""Longer than a broker's session (3 s): leaders have changed, or cannot change, by then."""


@pytest.fixture
async def cluster(
    three_brokers: LocalKafka, valkey: EmbeddedServices, tmp_path: Path
) -> AsyncIterator[Fleet]:
    """Workers on three brokers."""
    fleet = Fleet(three_brokers.bootstrap_servers, valkey.redis_url, tmp_path)
    fleet.session_seconds = 20.0
    async with fleet:
        yield fleet


@pytest.mark.slow
async def test_leaders_change_and_nothing_is_lost(
    cluster: Fleet, three_brokers: LocalKafka
) -> None:
    """One broker after the other is killed and comes back; each leads something, one of them the
    group and one the cluster."""
    cluster.start("one", "two")
    await cluster.until_ready()
    feeding = cluster.feed_meanwhile(traffic(SEED, int(RATE * 30)), RATE)
    for number in (1, 2, 3):
        three_brokers.end(number)
        await asyncio.sleep(DOWN_SECONDS)
        three_brokers.begin(number)
        await asyncio.sleep(3)
    await feeding
    verdict = await after_the_storm(cluster, ["one", "two"])
    assert verdict.wrong == {}


async def test_without_enough_copies_nothing_counts_as_done(
    cluster: Fleet, three_brokers: LocalKafka
) -> None:
    """With one broker of three, writes are refused: offsets rest, and all goes on afterwards."""
    cluster.start("one", "two")
    await cluster.until_ready()
    feeding = cluster.feed_meanwhile(traffic(SEED, int(RATE * 12)), RATE)
    await asyncio.sleep(5)
    upto = await reading.ends(cluster.broker, *reading.SOURCES)
    keeper = await reading.coordinator(cluster.broker, cluster.group)
    gone = [number for number in (1, 2, 3) if number != keeper]
    three_brokers.end(*gone)
    await asyncio.sleep(1)  # what was acknowledged before is committed by now
    alone = three_brokers.address(keeper)
    before = await reading.committed(alone, cluster.group, upto, keeper)
    await asyncio.sleep(DOWN_SECONDS)
    assert await reading.committed(alone, cluster.group, upto, keeper) == before
    three_brokers.begin(*gone)
    await feeding
    verdict = await after_the_storm(cluster, ["one", "two"])
    assert verdict.wrong == {}
