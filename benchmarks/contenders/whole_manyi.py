"""The whole job by manyi's worker as it is run: every stage, Kafka, Redis, deadlines, live views.

It says when it is ready, and its records come then. Without a file for its rows it serves until its
input ends; the word `go` there starts the measurement anew.
"""

import asyncio
import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.contenders.job import Meter
from benchmarks.contenders.whole import Digest, WholeTask, digest, handle_sets, traffic
from streams.demo import free_port
from streams.pipeline.tables import CUSTOMERS, CUSTOMERS_STAGE, INTAKE, INTAKE_STAGE
from streams.policy_files import load_policy
from streams.settings import Settings, load_settings
from streams.worker import Worker

LOOK_SECONDS = 0.1


def settings_of(task: WholeTask, partitions: int) -> Settings:
    """The worker's settings; nobody is to be woken by a benchmark."""
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": task.broker,
        "REDIS_URL": task.redis_url,
        "MANYI_GROUP": task.group,
        "MANYI_PARTITIONS": str(partitions),
        "MANYI_ALERTS": "off",
    }
    if task.policy:
        environ["MANYI_POLICY"] = task.policy
    settings = load_settings(environ)
    return replace(settings, port=free_port(settings.host, 0), embedded=not task.idempotent)


def taken(worker: Worker) -> int:
    """Channel records this worker has applied so far."""
    return sum(
        row.received
        for lane in list(worker.engine.lanes.values())
        if lane.stage.name == INTAKE_STAGE
        for _, row in lane.rows(INTAKE)
    )


def rows_of(worker: Worker) -> dict[str, Digest]:
    """What is compared of every customer row."""
    return {
        key.decode(): digest(row)
        for lane in worker.engine.lanes.values()
        if lane.stage.name == CUSTOMERS_STAGE
        for key, row in lane.rows(CUSTOMERS)
    }


async def ready(worker: Worker) -> None:
    """Wait until every partition is there."""
    while worker.not_ready():  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(LOOK_SECONDS)


async def done(worker: Worker, count: int) -> None:
    """Wait until so many records are read, applied and shown."""
    while taken(worker) < count or not await worker.settled():  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(LOOK_SECONDS)


async def run(task: WholeTask, partitions: int, rows: Path | None) -> None:
    """Fold what comes, tell what it took."""
    settings = settings_of(task, partitions)
    # Before the worker starts: it would take these seconds for a machine that froze.
    known = handle_sets(traffic(task.count, task.customers, task.start_at)) if rows else []
    worker = Worker(settings, load_policy(settings.policy))
    await worker.start()
    await ready(worker)
    await worker.identities.index.resolve(known)
    meter = Meter()
    print("ready", file=sys.__stdout__, flush=True)
    if rows is None:
        while (await asyncio.to_thread(sys.stdin.readline)).strip() == "go":
            meter = Meter()
    else:
        await done(worker, task.count)
    meter.tell()
    if rows is not None:
        await asyncio.to_thread(rows.write_text, json.dumps(rows_of(worker)))
    os._exit(0)


async def run_or_die(task: WholeTask, partitions: int, rows: Path | None) -> None:
    """A failure ends the process at once: an orderly stop may wait for what is broken."""
    try:
        await run(task, partitions, rows)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)


def main(arguments: Any) -> None:
    """TASK PARTITIONS [FILE for the rows; without it the worker serves until its input ends]."""
    import msgspec

    task = msgspec.json.decode(arguments[0], type=WholeTask)
    uvloop.run(
        run_or_die(task, int(arguments[1]), Path(arguments[2]) if len(arguments) > 2 else None)
    )


if __name__ == "__main__":
    main(sys.argv[1:])
