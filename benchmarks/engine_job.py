"""manyi's engine against a plain loop and Faust's table: `python -m benchmarks.engine_job`.

One run, one broker, the same records; every contender is a process of its own. Its result is read
back from its changelog topic and must equal what a plain fold gives. `--broker kafka` takes a real
Apache Kafka (Java and Maven), `embedded` the one manyi brings, `both` what there is.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.contenders.job import PARTITIONS, Account, Task, after, decode, records
from deploy.kafka.local import KafkaUnavailable, LocalKafka
from streams.embedded import EmbeddedServices
from streams.engine import partition_of

ROOT = Path(__file__).resolve().parents[1]
RUN_SECONDS = 150.0
Expected = dict[bytes, Account]


class Contender(NamedTuple):
    """A program, how it names its changelog, and how a row is read from it."""

    name: str
    module: str
    row: Callable[[bytes, bytes], tuple[bytes, Account]]
    is_slow: bool = False


def _engine_row(key: bytes, value: bytes) -> tuple[bytes, Account]:
    return key[1:], msgspec.msgpack.decode(value[16:], type=Account)


def _plain_row(key: bytes, value: bytes) -> tuple[bytes, Account]:
    return key, msgspec.msgpack.decode(value, type=Account)


def _faust_row(key: bytes, value: bytes) -> tuple[bytes, Account]:
    row = json.loads(value)
    name = json.loads(key) if key.startswith(b'"') else key.decode()
    return name.encode(), Account(row["count"], row["total"], tuple(row["recent"]))


CONTENDERS = (
    Contender("manyi engine", "engine", _engine_row),
    Contender("plain loop", "plain", _plain_row),
    Contender("Faust table", "faust_table", _faust_row, is_slow=True),
)


class Figures(NamedTuple):
    """Records a second of one run."""

    per_core: float
    wall: float


class Arena:
    """One broker with the records in it."""

    def __init__(self, broker: str, idempotent: bool, options: argparse.Namespace) -> None:
        self.broker = broker
        self.idempotent = idempotent
        self.options = options
        self.prefix = f"b{uuid.uuid4().hex[:8]}"

    async def fill(self) -> dict[int, Expected]:
        """Publish the records, all and the first few; returns what a fold of each gives."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        counts = (self.options.records, self.options.slow_records)
        for count in counts:
            await admin.create_topics([NewTopic(self.source(count), PARTITIONS, 1)])
        await admin.close()
        return {count: await self._publish(count) for count in counts}

    def source(self, count: int) -> str:
        """The topic with so many records."""
        return f"{self.prefix}.purchases-{count}"

    async def _publish(self, count: int) -> Expected:
        producer = AIOKafkaProducer(bootstrap_servers=self.broker, max_batch_size=1 << 20)
        await producer.start()
        expected: Expected = {}
        batches: dict[int, Any] = {}
        for key, value in records(count, self.options.customers):
            expected[key] = after(expected.get(key) or Account(), decode(value))
            partition = partition_of(key, PARTITIONS)
            batch = batches.get(partition)
            if batch is None or batch.append(key=key, value=value, timestamp=None) is None:
                if batch is not None:
                    await (
                        await producer.send_batch(batch, self.source(count), partition=partition)
                    )
                batch = batches[partition] = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        for partition, batch in batches.items():
            await (await producer.send_batch(batch, self.source(count), partition=partition))
        await producer.stop()
        return expected

    async def run(self, contender: Contender, expected: dict[int, Expected]) -> Figures:
        """One contender once; raises if its rows are not what they must be."""
        count = self.options.slow_records if contender.is_slow else self.options.records
        group = f"{self.prefix}-{contender.module}-{uuid.uuid4().hex[:6]}"
        changelog = f"{group}-accounts-changelog"  # Faust's way to name it
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        configs = {"cleanup.policy": "compact", "max.message.bytes": str(16 << 20)}
        await admin.create_topics([NewTopic(changelog, PARTITIONS, 1, topic_configs=configs)])
        await admin.close()
        task = Task(
            self.broker,
            self.source(count),
            changelog,
            group,
            count,
            self.idempotent,
            self.options.max_records,
        )
        spent = await asyncio.to_thread(self._call, contender, task)
        rows = await self._rows(changelog, contender, expected[count])
        if rows != expected[count]:
            wrong = sum(rows.get(key) != row for key, row in expected[count].items())
            raise SystemExit(f"{contender.name}: {wrong} of {len(expected[count])} rows are wrong")
        return Figures(count / spent["cpu_seconds"], count / spent["wall_seconds"])

    def _call(self, contender: Contender, task: Task) -> dict[str, float]:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                f"benchmarks.contenders.{contender.module}",
                msgspec.json.encode(task).decode(),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"cpu_seconds"')]
        if not lines:
            raise SystemExit(
                f"{contender.name} ended with {done.returncode}:\n{done.stderr[-3000:]}"
            )
        spent: dict[str, float] = json.loads(lines[0])
        return spent

    async def _rows(self, changelog: str, contender: Contender, expected: Expected) -> Expected:
        """The newest row per key; waits a little for what the broker has not shown yet."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.broker,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=16 << 20,
        )
        await reader.start()
        rows: Expected = {}
        idle = 0
        try:
            reader.assign([TopicPartition(changelog, p) for p in range(PARTITIONS)])
            while idle < 5 and rows != expected:
                found = await reader.getmany(timeout_ms=1_000)
                idle = 0 if found else idle + 1
                for batch in found.values():
                    for record in batch:
                        key, row = contender.row(record.key, record.value)
                        rows[key] = row
        finally:
            await reader.stop()
        return rows


def report(title: str, figures: dict[str, list[Figures]]) -> None:
    """Print medians, and ratios against the first contender."""
    print(f"\n{title}\n{'':14} {'k/s per core':>13} {'k/s wall':>9} {'manyi is':>9}")
    first: float | None = None
    for name, runs in figures.items():
        per_core = statistics.median(run.per_core for run in runs)
        wall = statistics.median(run.wall for run in runs)
        first = first or per_core
        each = ", ".join(f"{run.per_core / 1e3:.1f}" for run in runs)
        ratio = f"{first / per_core:.2f}x"
        print(f"{name:14} {per_core / 1e3:13.1f} {wall / 1e3:9.1f} {ratio:>9}   ({each})")


async def compete(title: str, arena: Arena, options: argparse.Namespace) -> None:
    """All contenders, turn by turn."""
    expected = await arena.fill()
    figures: dict[str, list[Figures]] = {c.name: [] for c in CONTENDERS}
    for number in range(options.rounds):
        for contender in CONTENDERS:
            if number and contender.is_slow:
                continue
            figures[contender.name].append(await arena.run(contender, expected))
    report(title, figures)


@contextlib.contextmanager
def brokers(wanted: str) -> Iterator[list[tuple[str, str, bool]]]:
    """Title, address and whether there are idempotent producers, of every broker to be had."""
    with contextlib.ExitStack() as stack:
        found = []
        if wanted in ("embedded", "both"):
            services = stack.enter_context(EmbeddedServices())
            found.append(("embedded broker", services.bootstrap_servers, False))
        if wanted in ("kafka", "both"):
            try:
                kafka = stack.enter_context(LocalKafka())
                found.append(("Apache Kafka", kafka.bootstrap_servers, True))
            except KafkaUnavailable as reason:
                print(f"no Apache Kafka here: {reason}")
        yield found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=("embedded", "kafka", "both"), default="both")
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--slow-records", type=int, default=20_000, help="for Faust's table")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--max-records", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(
        f"{options.records} records of 250 bytes ({options.slow_records} for Faust), "
        f"{options.customers} customers, {PARTITIONS} partitions, batches of {options.max_records}"
    )
    with brokers(options.broker) as found:
        for title, address, idempotent in found:
            asyncio.run(compete(title, Arena(address, idempotent, options), options))


if __name__ == "__main__":
    main()
