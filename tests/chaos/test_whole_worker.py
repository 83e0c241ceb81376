"""Whole workers under faults: rows, tables, complaints, alerts, views equal the judge's, to the
last one.

Three `manyi worker` processes on a real Kafka and Valkey; half of the traffic is one customer's,
one record in a hundred is broken, retries and disorder are in it. `CHAOS_SEED` repeats a run,
`CHAOS_FAULTS` (default 4, one of each kind) makes it longer.
"""

import asyncio
import os
from itertools import cycle, islice
from random import Random

import pytest

from deploy.kafka import LocalKafka
from tests.chaos import faults
from tests.chaos.fleet import Fleet
from tests.chaos.storm import GAP_SECONDS, RATE, SEED, after_the_storm, storm
from tests.chaos.traffic import traffic

pytestmark = pytest.mark.kafka

CALM_SECONDS = 20.0
"""A session where nobody dies: long, so that a busy machine does not end it."""
NOTICE_SECONDS = 3.0
"""A lost Redis is noticed within a second, without traffic as well."""
FAULTS = int(os.environ.get("CHAOS_FAULTS", "4"))
RECORDS = int((FAULTS + 2) * GAP_SECONDS * RATE)


async def test_abrupt_ends_lose_and_double_nothing(fleet: Fleet) -> None:
    """Kill -9, failpoints, clocks that jump, an emptied Redis: all is as if nothing had been."""
    storms = cycle((faults.kill, faults.die_inside, faults.jump_clock, faults.flush_redis))
    verdict = await storm(fleet, list(islice(storms, FAULTS)), traffic(SEED, RECORDS))
    assert verdict.wrong == {}
    assert fleet.exits[-9] >= 2


async def test_an_emptied_redis_is_filled_by_all_workers(fleet: Fleet) -> None:
    """Nobody comes, goes or writes afterwards: what was lost comes back from the rows alone."""
    fleet.session_seconds = CALM_SECONDS
    fleet.start("one", "two")
    await fleet.until_ready()
    await fleet.feed(traffic(SEED, 600), RATE)
    await fleet.settle()
    await faults.flush_redis(fleet, Random(SEED))
    await asyncio.sleep(NOTICE_SECONDS)
    verdict = await after_the_storm(fleet, ["one", "two"])
    assert verdict.wrong == {}


@pytest.mark.slow
async def test_coming_and_going_publishes_nothing_twice(fleet: Fleet) -> None:
    """Orderly stops and starts: exactly once, on the topics as well as in the rows."""
    fleet.session_seconds = CALM_SECONDS
    verdict = await storm(fleet, [faults.join_or_leave] * FAULTS, traffic(SEED, RECORDS))
    assert verdict.wrong == {}
    assert verdict.figures["events published twice"] == 0
    assert verdict.figures["dead letters twice"] == 0
    assert set(fleet.exits) == {0}


@pytest.mark.slow
async def test_a_worker_that_was_away_does_no_harm(fleet: Fleet) -> None:
    """SIGSTOP for longer than the session: the others take over, it wakes and writes, or stops."""
    pauses = [faults.pause] * max(1, FAULTS // 2)
    verdict = await storm(fleet, pauses, traffic(SEED, RECORDS))
    assert verdict.wrong == {}


@pytest.mark.slow
async def test_a_broker_that_is_killed_and_comes_back_costs_nothing(
    fleet: Fleet, kafka: LocalKafka
) -> None:
    """Workers wait for it, or end with an error and are started again."""
    fleet.session_seconds = CALM_SECONDS
    fleet.start("one", "two")
    await fleet.until_ready()
    feeding = fleet.feed_meanwhile(traffic(SEED, RECORDS // 2), RATE)
    await asyncio.sleep(3)
    kafka.bounce(hard=True, pause_seconds=2)  # in this thread: the broker dies with its starter
    await feeding
    verdict = await after_the_storm(fleet, ["one", "two"])
    assert verdict.wrong == {}
