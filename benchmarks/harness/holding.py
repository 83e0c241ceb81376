"""Runs `benchmarks.contenders.customers`: a worker with many customers, from their changelog."""

import asyncio
import contextlib
import json
import sys
import uuid
from collections.abc import AsyncIterator, Iterable
from typing import Any

from benchmarks.contenders.customers import HolderTask
from benchmarks.harness.brokers import COMPACT, Broker, create_topics, publish
from benchmarks.harness.children import ChildFailedError, end, start
from streams.pipeline.tables import CUSTOMERS

PARTITIONS = 4
Records = Iterable[tuple[bytes, bytes, int | None]]


async def seed(broker: Broker, rows: Records) -> str:
    """A changelog with these rows; returns its name. Rows are spread as their customers are."""
    changelog = f"{uuid.uuid4().hex[:8]}.changelog"
    await create_topics(broker.address, {changelog: COMPACT}, PARTITIONS)
    await publish(broker.address, changelog, PARTITIONS, rows, len(CUSTOMERS.prefix))
    return changelog


async def prepare(broker: Broker, changelog: str, records: Records = (), **more: Any) -> HolderTask:
    """The task of a worker over a changelog, with its topics and what is to be folded."""
    group = f"h{uuid.uuid4().hex[:8]}"
    task = HolderTask(
        broker=broker.address,
        group=group,
        upstream=f"{group}.up",
        source=f"{group}.events",
        changelog=changelog,
        alerts=f"{group}.alerts",
        idempotent=broker.idempotent,
        **more,
    )
    await create_topics(
        broker.address, {task.upstream: {}, task.source: {}, task.alerts: {}}, PARTITIONS
    )
    await publish(broker.address, task.source, PARTITIONS, records)
    return task


@contextlib.asynccontextmanager
async def holder(task: HolderTask, seconds: float) -> AsyncIterator["Held"]:
    """A worker that has its rows, for the time of the block, `seconds` at most."""
    process = start([sys.executable, "-m", "benchmarks.contenders.customers", task.encoded()])
    held = Held(process)
    try:
        async with asyncio.timeout(seconds):
            held.restored = await held.line()
            yield held
    except TimeoutError:
        raise ChildFailedError(f"the worker was not done in {seconds:.0f} s") from None
    finally:
        end(process)


class Held:
    """A worker with its rows; `work` lets it go on."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.restored: dict[str, Any] = {}

    async def line(self) -> dict[str, Any]:
        """The next thing it says."""
        line = await asyncio.to_thread(self.process.stdout.readline)
        if not line.startswith("{"):
            _, err = await asyncio.to_thread(self.process.communicate)
            raise ChildFailedError(f"the worker ended:\n{err[-3000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    async def work(self) -> dict[str, Any]:
        """Let it do its work; returns what it took."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return await self.line()
