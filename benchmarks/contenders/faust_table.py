"""The engine job as Faust's documentation writes it: a topic of records, an agent, a table."""

import asyncio
import os
import sys
import tempfile
from typing import Any

import faust

from benchmarks.contenders.job import PARTITIONS, Meter, read_task

task = read_task()
sys.argv = [sys.argv[0], "--loop=uvloop", "worker", "--loglevel=error", "--without-web"]


class Purchase(faust.Record):
    """One source record."""

    id: str
    amount: int


class Account(faust.Record):
    """State of one customer."""

    count: int = 0
    total: int = 0
    recent: list[str] = []  # noqa: RUF012  # how Faust declares a default


app = faust.App(
    task.group,
    broker=f"kafka://{task.broker}",
    store="memory://",
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    datadir=tempfile.mkdtemp(prefix="bench-"),
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=10.0,
    broker_heartbeat_interval=2.0,
)
purchases = app.topic(task.source, key_type=str, key_serializer="raw", value_type=Purchase)
accounts = app.Table("accounts", default=Account, key_type=str, partitions=PARTITIONS)
meter = Meter()
left = task.count


@app.agent(purchases)
async def count(stream: Any) -> None:
    """Fold one record after another."""
    global left
    async for key, purchase in stream.items():
        account = accounts[key]
        accounts[key] = Account(
            count=account.count + 1,
            total=account.total + purchase.amount,
            recent=[*account.recent, purchase.id][-10:],
        )
        left -= 1
        if left == 0:
            meter.tell()
            await asyncio.sleep(1.0)  # the last changes wait in Faust's buffer
            await app.producer.flush()
            os._exit(0)


if __name__ == "__main__":
    app.main()
