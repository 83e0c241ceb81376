"""A worker that holds many customers: restores their rows, folds their events, wakes them.

manyi's engine, customer rows, customer step and deadline service; no intake and no live views. It
prints one line when it has its rows, waits for a line, does its work and prints what it took.
"""

import asyncio
import gc
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy
from agents.customer.step import step, wake_at
from benchmarks.contenders.engine_app import engine_app, engine_settings
from benchmarks.contenders.job import Meter
from schemas.events import CustomerEvent, DeadlineReached
from streams.deadlines import DeadlineService
from streams.engine import Engine, EngineObserver, RecordBatch, Stage
from streams.pipeline.customers import encode_deadline
from streams.pipeline.tables import CUSTOMERS

LOOK_SECONDS = 0.02
LATER_MS = 10**10
_decode = msgspec.json.Decoder(CustomerEvent).decode


class HolderTask(msgspec.Struct):
    """What the worker is told."""

    broker: str
    group: str
    upstream: str
    source: str
    changelog: str
    alerts: str
    idempotent: bool
    events: int = 0
    """Fold so many events."""
    watch_seconds: float = 0.0
    """Wake customers for so long."""

    def encoded(self) -> str:
        """As the worker wants it."""
        return msgspec.json.encode(self).decode()


class Restores(EngineObserver):
    """How long each partition of the changelog took."""

    def __init__(self) -> None:
        self.records = 0

    def restored(
        self, topic: str, partition: int, records: int, alive: int, seconds: float
    ) -> None:
        """One partition has its rows."""
        self.records += records


class Holder:
    """The two stages, and what is measured of them."""

    def __init__(self, task: HolderTask) -> None:
        self.task = task
        self.rulebook = Rulebook(Plan(default_policy()), ComplaintRules())
        self.go = asyncio.Event()
        self.left = task.events
        self.since = 0.0
        """Clocks that fell due before it was let go are late for another reason."""
        self.late: list[float] = []
        self.restores = Restores()
        app = engine_app(task.broker, task.group)
        up, down = app.channel(maxsize=16), app.channel(maxsize=16)
        upstream = Stage(name="up", topics=(task.upstream,), channel=up, changelog=None, tables=())
        stage = Stage(
            name="customers",
            topics=(task.source,),
            channel=down,
            changelog=task.changelog,
            tables=(CUSTOMERS,),
        )
        app.agent(up, name="up")(self.pass_on)
        app.agent(down, name="customers")(self.customers)
        settings = engine_settings(
            task.broker, task.group, idempotent=task.idempotent, session_seconds=60.0
        )
        self.engine = Engine(settings, [upstream, stage], self.restores)
        self.deadlines = DeadlineService(self.engine, stage, upstream.topics, encode_deadline)
        app.service(self.engine)
        if task.watch_seconds:
            app.service(self.deadlines)
        self.app = app

    async def pass_on(self, batches: Any) -> None:
        """Every record goes on as it is."""
        async for batch in batches:
            with batch:
                for record in batch.records:
                    batch.emit(self.task.source, record.key, record.value)

    async def customers(self, batches: Any) -> None:
        """The customer step on rows, one batch after another."""
        async for batch in batches:
            await self.go.wait()
            with batch:
                self.fold(batch)

    def fold(self, batch: RecordBatch) -> None:
        """Interactions are folded; a deadline becomes an alert and is set far ahead."""
        woken: list[float] = []
        for record in batch.records:
            assert record.key is not None
            assert record.value is not None
            event = _decode(record.value)
            row = batch.get(CUSTOMERS, record.key)
            if isinstance(event, DeadlineReached):
                assert row is not None
                due_ms = event.wake_at.timestamp() * 1000
                batch.emit(self.task.alerts, record.key, record.value)
                batch.put(CUSTOMERS, record.key, row, int(due_ms) + LATER_MS)
                if due_ms / 1000 >= self.since:
                    woken.append(due_ms / 1000)
            else:
                state = step(row, event, self.rulebook).state
                at = wake_at(state)
                wake_ms = None if at is None else int(at.timestamp() * 1000) + LATER_MS
                batch.put(CUSTOMERS, record.key, state, wake_ms)
        count = len(batch.records)

        def applied() -> None:
            now = time.time()  # the alert is on Kafka
            self.late += [now - due for due in woken]
            self.left -= count

        batch.on_applied(applied)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for something; raises what made the engine crash."""
        while not done():
            if self.engine.crash_reason is not None:
                raise self.engine.crash_reason
            await asyncio.sleep(LOOK_SECONDS)

    async def run(self) -> None:
        """Restore, tell, wait for the word, work, tell."""
        before = _resident_bytes()
        meter = Meter()
        await self.app.start()
        await self.until(lambda: self.engine.ready)
        spent = meter.spent()
        gc.collect()
        rows = [lane.state.sealed for lane in self.engine.lanes.values() if lane.changelog]
        count = sum(map(len, rows))
        _say(
            {
                **spent,
                "rows": count,
                "records": self.restores.records,
                "resident_bytes": _resident_bytes() - before,
                "row_bytes": sum(len(row) for part in rows for _, row in part.items()),
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
        await asyncio.to_thread(sys.stdin.readline)
        meter = Meter()
        self.since = time.time()
        self.go.set()
        await self.until(lambda: self.left <= 0)
        await asyncio.sleep(self.task.watch_seconds)
        _say({**meter.spent(), "late_seconds": [round(each, 4) for each in self.late]})
        os._exit(0)


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no such file system: the peak is the next best
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def _say(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), file=sys.__stdout__, flush=True)


async def run() -> None:
    """The whole life; a failure ends the process at once."""
    try:
        await Holder(msgspec.json.decode(sys.argv[1], type=HolderTask)).run()
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)


if __name__ == "__main__":
    uvloop.run(run())
