"""The engine job on manyi's engine, with a Faust agent, as the worker runs it."""

import asyncio
import os
import tempfile
from typing import Any

import uvloop

from benchmarks.contenders.job import Account, Meter, after, decode, read_task
from streams.app import ManyiApp
from streams.engine import Engine, EngineSettings, RecordBatch, Stage, Table

ACCOUNTS = Table(name="accounts", prefix=b"a", row_type=Account)


def fold(batch: RecordBatch) -> None:
    """One batch."""
    for record in batch.records:
        key, value = record.key, record.value
        assert key is not None
        assert value is not None
        batch.put(ACCOUNTS, key, after(batch.get(ACCOUNTS, key) or Account(), decode(value)))


async def run() -> None:
    """Fold what there is; done when it is applied and committed."""
    task = read_task()
    done = asyncio.Event()
    left = task.count
    app: Any = ManyiApp(
        task.group,
        broker=f"kafka://{task.broker}",
        store="memory://",
        web_enabled=False,
        datadir=tempfile.mkdtemp(prefix="bench-"),
    )
    channel = app.channel(maxsize=16)

    async def accounts(batches: Any) -> None:
        nonlocal left
        async for batch in batches:
            with batch:
                fold(batch)
            size = len(batch.records)

            def applied(size: int = size) -> None:
                nonlocal left
                left -= size
                if left <= 0:
                    done.set()

            batch.on_applied(applied)

    app.agent(channel, name="accounts")(accounts)
    stage = Stage(
        name="accounts",
        topics=(task.source,),
        channel=channel,
        changelog=task.changelog,
        tables=(ACCOUNTS,),
    )
    settings = EngineSettings(
        bootstrap_servers=task.broker,
        group_id=task.group,
        idempotent=task.idempotent,
        exact_end_offsets=task.idempotent,
        session_timeout_seconds=10.0,
        rebalance_timeout_seconds=10.0,
        max_records=task.max_records,
    )
    app.service(Engine(settings, [stage]))
    meter = Meter()
    await app.start()
    await done.wait()
    meter.tell()
    os._exit(0)  # what it leaves is in Kafka; an orderly stop is no part of the figure


if __name__ == "__main__":
    uvloop.run(run())
