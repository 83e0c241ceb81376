"""The engine job on manyi's engine, with a Faust agent, as the worker runs it."""

import asyncio
import os
from typing import Any

import uvloop

from benchmarks.contenders.engine_app import engine_app, engine_settings
from benchmarks.contenders.job import Account, Meter, after, decode, read_task
from streams.engine import Engine, RecordBatch, Stage, Table

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
    app = engine_app(task.broker, task.group)
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
    settings = engine_settings(
        task.broker,
        task.group,
        idempotent=task.idempotent,
        session_seconds=10.0,
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
