"""One worker or two on the same input: `python -m benchmarks.workers`.

Simulated records wait on the channel topics; manyi's real workers share the partitions and fold
them all. Records a second by the wall clock and per core. With as many cores as workers, broker and
Redis in between, two workers on two cores cannot be twice as fast; the CPU per record tells more.
"""

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from benchmarks.contenders.job import PARTITIONS
from benchmarks.contenders.whole import Record, simulated, start_of
from benchmarks.harness.brokers import Broker, best_broker, publish, valkey
from benchmarks.harness.options import Size, parse, write
from benchmarks.harness.serving import SOURCES, create_intake_topics, serving, until_counted

SIZES = {
    "records": Size(30_000, 400, "records"),
    "customers": Size(20_000, 200, "customers who may write"),
    "most_workers": Size(2, 2, "workers in the last run"),
}
RUN_SECONDS = 100.0
SHARE_SECONDS = 15.0
"""How long workers get to agree on who reads what."""


async def run(
    broker: Broker, redis_url: str, workers: int, records: Sequence[Record]
) -> dict[str, Any]:
    """So many workers once."""
    await create_intake_topics(broker)
    redis: Redis = Redis.from_url(redis_url)
    group = f"manyi-{workers}"
    async with contextlib.AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(serving(broker, redis_url, group=group))
            for _ in range(workers)
        ]
        if workers > 1:
            await asyncio.sleep(SHARE_SECONDS)
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        begun = time.monotonic()
        for channel, topic in SOURCES.items():
            part = ((k, v, at) for name, k, v, at in records if name == channel)
            await publish(broker.address, topic, PARTITIONS, part)
        seconds = await until_counted(redis, len(records), RUN_SECONDS) - begun
        spent = []
        for process in processes:
            out, _ = await asyncio.to_thread(process.communicate, "stop\n", 20.0)
            spent.append(json.loads(out.splitlines()[-1])["cpu_seconds"])
    await redis.aclose()
    return {
        "broker": broker.title,
        "workers": workers,
        "wall": round(len(records) / seconds),
        "per_core": round(len(records) / sum(spent)),
        "shares": [round(each / sum(spent), 2) for each in spent],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    options: argparse.Namespace = parse(__doc__, SIZES, arguments)
    records = simulated(options.records, options.customers, start_of(datetime.now(UTC)))
    rows: list[dict[str, Any]] = []
    for workers in range(1, options.most_workers + 1):
        with best_broker() as broker, valkey() as redis_url:
            rows.append(asyncio.run(run(broker, redis_url, workers, records)))
        print(rows[-1], flush=True)
        write(options, "workers", {"records": len(records), "rows": rows})


if __name__ == "__main__":
    main()
