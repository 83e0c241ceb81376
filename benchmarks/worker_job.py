"""The whole job end to end, transport included: `python -m benchmarks.worker_job`.

Intake, identity and the customer pipeline on simulated records: manyi's real worker with everything
it does, and the same pure rules called per event in idiomatic Faust and in Quix Streams. One run,
one broker, one Redis; customers' rows and complaint ids must be equal. CPU of the worker process
alone counts, from its first record until all is applied. Everybody gets the same records, because
rows grow with their customers' histories: whoever stops sooner has it easier. Faust runs once.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from benchmarks.contenders import quix_env
from benchmarks.contenders.job import PARTITIONS
from benchmarks.contenders.whole import (
    CHANNELS,
    IDENTITY_PREFIX,
    Digest,
    Record,
    WholeTask,
    differences,
    digest_of_row,
    handle_sets,
    owners,
    plain_fold,
    start_of,
    traffic,
)
from benchmarks.harness.brokers import (
    COMPACT,
    Broker,
    best_broker,
    create_topics,
    publish,
    valkey,
)
from benchmarks.harness.children import ChildFailedError, end, figures_of, start
from benchmarks.harness.options import Size, parse, write
from benchmarks.harness.serving import AHEAD, SOURCES, create_intake_topics, until_ready

RUN_SECONDS = 200.0
SIZES = {
    "records": Size(40_000, 300, "records for everybody"),
    "customers": Size(20_000, 200, "customers who may write"),
    "rounds": Size(2, 1, "runs of each but Faust, in turns, on a fresh broker"),
}


class Rival(NamedTuple):
    """A program that folds the records, and what it promises."""

    name: str
    does: str


MANYI = Rival("manyi worker", "all stages: tables, live views, accounting, replay guard, deadlines")
QUIX = Rival("Quix Streams", "rows and complaints; at least once, a replay may count twice")
FAUST = Rival("Faust", "rows and complaints; at least once, rows may be lost")


@cache
def _traffic(count: int, customers: int, start_at: datetime) -> list[Record]:
    return traffic(count, customers, start_at)


@cache
def _owners(count: int, customers: int, start_at: datetime) -> dict[str, str]:
    return owners(handle_sets(_traffic(count, customers, start_at)))


@cache
def _expected(count: int, customers: int, start_at: datetime) -> dict[str, Digest]:
    """What a plain fold gives."""
    records = _traffic(count, customers, start_at)
    return plain_fold(records, _owners(count, customers, start_at))


class Arena:
    """One broker, one Redis, and the traffic as topics."""

    def __init__(self, broker: Broker, redis_url: str, options: argparse.Namespace) -> None:
        self.broker = broker
        self.redis_url = redis_url
        self.options = options
        self.start_at = start_of(datetime.now(UTC))
        self.records = _traffic(options.records, options.customers, self.start_at)
        self.owners = _owners(options.records, options.customers, self.start_at)

    def task(self, name: str, sources: dict[str, str]) -> WholeTask:
        """What a contender is told."""
        group = f"{name}-{uuid.uuid4().hex[:6]}"
        return WholeTask(
            broker=self.broker.address,
            redis_url=self.redis_url,
            group=group,
            sources=sources,
            events=f"{group}-events",
            complaints=f"{group}-complaints",
            count=self.options.records,
            customers=self.options.customers,
            start_at=self.start_at,
            idempotent=self.broker.idempotent,
        )

    async def fill(self, sources: dict[str, str]) -> None:
        """Append the records to their channels' topics."""
        for channel, topic in sources.items():
            await publish(
                self.broker.address,
                topic,
                PARTITIONS,
                ((k, v, at) for name, k, v, at in self.records if name == channel),
            )

    async def known_handles(self) -> None:
        """Tell the rivals' Redis whose every handle is."""
        client = Redis.from_url(self.redis_url)
        await client.mset({IDENTITY_PREFIX + handle: who for handle, who in self.owners.items()})
        await client.aclose()

    def expected(self) -> dict[str, Digest]:
        """What a plain fold gives."""
        return _expected(self.options.records, self.options.customers, self.start_at)

    async def run_manyi(self) -> tuple[dict[str, float], dict[str, Digest]]:
        """The worker: it becomes ready, then its records come."""
        task = self.task("manyi", SOURCES)
        await create_intake_topics(self.broker)
        rows = Path(tempfile.mkdtemp(prefix="bench-")) / "rows.json"
        process = start(
            [
                *(sys.executable, "-m", "benchmarks.contenders.whole_manyi"),
                *(task.encoded(), str(PARTITIONS), str(rows)),
            ]
        )
        try:
            async with asyncio.timeout(RUN_SECONDS):
                await until_ready(process)
                await self.fill(SOURCES)
                out, err = await asyncio.to_thread(process.communicate)
        except TimeoutError:
            raise ChildFailedError(f"{MANYI.name}: not done in {RUN_SECONDS:.0f} s") from None
        finally:
            end(process)
        if not rows.exists():
            raise ChildFailedError(f"{MANYI.name} ended with {process.returncode}:\n{err[-3000:]}")
        spent = json.loads(out.splitlines()[-1])
        return spent, json.loads(rows.read_text())

    async def run_rival(self, rival: Rival) -> tuple[dict[str, float], dict[str, Digest]]:
        """A rival on topics that are full already."""
        name = "quix" if rival is QUIX else "faust"
        mark = uuid.uuid4().hex[:6]
        sources = {channel.value: f"{mark}.{channel.value}" for channel in CHANNELS}
        task = self.task(name, sources)
        changelog = f"{task.group}-customers-changelog"
        made: dict[str, dict[str, str]] = dict.fromkeys(sources.values(), AHEAD)
        made |= {task.events: AHEAD, task.complaints: AHEAD}
        if rival is FAUST:
            made[changelog] = COMPACT
        else:
            changelog = f"changelog__{task.group}--{task.events}--default"
        await create_topics(self.broker.address, made, PARTITIONS)
        await self.fill(sources)
        command = [sys.executable, "-m", "benchmarks.contenders.whole_faust", task.encoded()]
        if rival is QUIX:
            command = [
                *(str(quix_env.PYTHON), "-m", "benchmarks.contenders.whole_quix"),
                task.encoded(),
            ]
        spent = await asyncio.to_thread(figures_of, command, RUN_SECONDS)
        return spent, await self.rows_of(changelog)

    async def rows_of(self, changelog: str) -> dict[str, Digest]:
        """The newest row per customer in a rival's changelog."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.broker.address, auto_offset_reset="earliest"
        )
        await reader.start()
        newest: dict[str, bytes] = {}
        idle = 0
        try:
            reader.assign([TopicPartition(changelog, p) for p in range(PARTITIONS)])
            while idle < 3:
                found = await reader.getmany(timeout_ms=500)
                idle = 0 if found else idle + 1
                for batch in found.values():
                    for record in batch:
                        name, _, field = record.key.partition(b"|")
                        if record.value and field in (b"", b'"row"'):
                            newest[name.decode()] = record.value
        finally:
            await reader.stop()
        return {name: digest_of_row(row) for name, row in newest.items()}


def agree(name: str, rows: dict[str, Digest], expected: dict[str, Digest]) -> None:
    """Raise where customers differ."""
    if different := differences(rows, expected):
        one = different[0]
        raise ChildFailedError(
            f"{name}: {len(different)} of {len(expected)} customers differ, such as {one}:\n"
            f"  {rows.get(one)}\n  {expected.get(one)}"
        )


async def round_of(
    broker: Broker, redis_url: str, options: argparse.Namespace, rivals: Sequence[Rival]
) -> dict[str, Any]:
    """Each of them once, on one broker and one Redis."""
    arena = Arena(broker, redis_url, options)
    await arena.known_handles()
    found: dict[str, Any] = {}
    count = options.records
    for rival in rivals:
        if rival is QUIX and (why := quix_env.missing()):
            print(f"SKIPPED: {rival.name}: {why}", flush=True)
            continue
        try:
            run = arena.run_manyi() if rival is MANYI else arena.run_rival(rival)
            spent, rows = await run
            agree(rival.name, rows, arena.expected())
        except ChildFailedError as error:
            print(f"FAILED: {rival.name}: {error}", flush=True)
            continue
        found[rival.name] = {
            "records": count,
            "per_core": count / spent["cpu_seconds"],
            "wall": count / spent["wall_seconds"],
        }
        print(
            f"{rival.name}: {count} records, {found[rival.name]['per_core']:,.0f} a second and "
            f"core; {len(rows)} customers and "
            f"{sum(len(row['complaints']) for row in rows.values())} complaints as expected",
            flush=True,
        )
    return found


def summary(rounds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians, and how many times as fast as each rival the worker is."""
    rows: list[dict[str, Any]] = []
    for rival in (MANYI, QUIX, FAUST):
        runs = [each[rival.name] for each in rounds if rival.name in each]
        if not runs:
            continue
        per_core = statistics.median(run["per_core"] for run in runs)
        first = rows[0]["per_core"] if rows and rows[0]["contender"] == MANYI.name else per_core
        rows.append(
            {
                "contender": rival.name,
                "records": runs[0]["records"],
                "per_core": round(per_core),
                "wall": round(statistics.median(run["wall"] for run in runs)),
                "runs": [round(run["per_core"]) for run in runs],
                "manyi_is": round(first / per_core, 2),
                "does": rival.does,
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    options = parse(__doc__, SIZES, arguments)
    rounds = []
    for number in range(options.rounds):
        rivals = [MANYI, QUIX, FAUST] if number == 0 else [MANYI, QUIX]
        with best_broker() as broker, valkey() as redis_url:
            rounds.append(asyncio.run(round_of(broker, redis_url, options, rivals)))
            rows = summary(rounds)
            write(options, "worker_job", {"brokers": {broker.title: rows}})
    print(f"\n{'':14} {'records':>8} {'per s and core':>15} {'wall':>8} {'manyi is':>9}")
    for row in rows:
        print(
            f"{row['contender']:14} {row['records']:8} {row['per_core']:15,} {row['wall']:8,} "
            f"{row['manyi_is']:8.2f}x   {row['runs']}"
        )


if __name__ == "__main__":
    main()
