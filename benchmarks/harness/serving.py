"""Runs manyi's real worker as a process beside the benchmark, until the block ends."""

import asyncio
import contextlib
import sys
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks.contenders.job import PARTITIONS
from benchmarks.contenders.whole import CHANNELS, WholeTask
from benchmarks.harness.brokers import Broker, create_topics
from benchmarks.harness.children import ChildFailedError, end, start
from streams import topics
from streams.views import ViewReader

AHEAD = {"message.timestamp.after.max.ms": str(2**62)}
"""A simulated day may lie ahead; Kafka would refuse it."""
SOURCES = {channel.value: topics.CHANNEL_TOPICS[channel] for channel in CHANNELS}
READY_SECONDS = 60.0


async def create_intake_topics(broker: Broker) -> None:
    """The topics that take records of any time; the worker creates the others."""
    wanted = {*SOURCES.values(), topics.CUSTOMER_EVENTS}
    table = [line for line in topics.topics(PARTITIONS) if line.name in wanted]
    configs = {line.name: {**line.configs, **AHEAD} for line in table}
    await create_topics(broker.address, configs, PARTITIONS)


async def until_ready(process: Any) -> None:
    """Wait for the line that says so."""
    line = await asyncio.to_thread(process.stdout.readline)
    if line.strip() != "ready":
        _, err = await asyncio.to_thread(process.communicate)
        raise ChildFailedError(f"the worker did not start:\n{err[-3000:]}")


@contextlib.asynccontextmanager
async def serving(
    broker: Broker, redis_url: str, policy: Path | None = None, group: str = ""
) -> AsyncIterator[Any]:
    """A worker that is ready; `finish` ends it and tells what it took."""
    task = WholeTask(
        broker=broker.address,
        redis_url=redis_url,
        group=group or f"manyi-{uuid.uuid4().hex[:6]}",
        sources=SOURCES,
        events="",
        complaints="",
        count=0,
        customers=0,
        start_at=datetime.now(UTC),
        idempotent=broker.idempotent,
        policy=str(policy or ""),
    )
    command = [sys.executable, "-m", "benchmarks.contenders.whole_manyi"]
    process = start([*command, task.encoded(), str(PARTITIONS)])
    try:
        async with asyncio.timeout(READY_SECONDS):
            await until_ready(process)
        yield process
    finally:
        end(process)


async def until_counted(redis: Redis, count: int, seconds: float) -> float:
    """Wait until so many records are accounted for; returns when, by the monotonic clock."""
    reader = ViewReader(redis)
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        stats = (await reader.stats()).values()
        done = sum(one.accepted + one.duplicate + one.rejected + one.skipped for one in stats)
        if done >= count:
            return time.monotonic()
        await asyncio.sleep(0.05)
    raise ChildFailedError(f"{count} records were not folded in {seconds:.0f} s")


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so large a share is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
