"""The engine job, by manyi's engine and its rivals: `python -m benchmarks.engine_job`.

Per customer the count, the total and the last ten ids, with a changelog. One run, one broker, the
same records; every contender is a process of its own. Its rows are read back from its changelog
topic and must equal what a plain fold gives. All producers wait for all replicas and are idempotent
where the broker can tell; the JVM is warm. `--broker kafka` takes a real Apache Kafka (Java and
Maven), `embedded` the one manyi brings, `both` what there is.
"""

import argparse
import asyncio
import json
import statistics
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.contenders import kafka_streams, quix_env
from benchmarks.contenders.job import PARTITIONS, Account, Task, after, decode, records
from benchmarks.harness.brokers import COMPACT, Broker, brokers, create_topics, publish
from benchmarks.harness.children import ChildFailedError, figures_of
from benchmarks.harness.options import Size, parse, write

RUN_SECONDS = 150.0
SIZES = {
    "records": Size(1_000_000, 4_000, "records"),
    "slow_records": Size(20_000, 1_000, "the first so many of them, for Faust's table"),
    "customers": Size(20_000, 200, "customers"),
    "max_records": Size(5_000, 500, "records per batch, where a contender has batches"),
    "rounds": Size(2, 1, "runs of each, in turns"),
}
Expected = dict[bytes, Account]
Row = tuple[bytes, Account]


def _python(module: str) -> Callable[[Task], list[str]]:
    return lambda task: [
        sys.executable,
        "-m",
        f"benchmarks.contenders.{module}",
        task.encoded(),
    ]


def _own_changelog(task: Task) -> str:
    return task.changelog


class Contender(NamedTuple):
    """A program, what it promises, where its changelog is, and how a row is read from it."""

    name: str
    promises: str
    command: Callable[[Task], list[str]]
    row: Callable[[bytes, bytes], Row | None]
    changelog: Callable[[Task], str] = _own_changelog
    missing: Callable[[], str] = str
    is_slow: bool = False
    kafka_only: bool = False


def _engine_row(key: bytes, value: bytes) -> Row:
    return key[1:], msgspec.msgpack.decode(value[16:], type=Account)


def _plain_row(key: bytes, value: bytes) -> Row:
    return key, msgspec.msgpack.decode(value, type=Account)


def _json_row(key: bytes, value: bytes) -> Row:
    row = json.loads(value)
    return key, Account(row["count"], row["total"], tuple(row["recent"]))


def _faust_row(key: bytes, value: bytes) -> Row:
    name = json.loads(key) if key.startswith(b'"') else key.decode()
    return _json_row(name.encode(), value)


def _quix_row(key: bytes, value: bytes) -> Row | None:
    name, found, field = key.partition(b"|")  # message key, then the key within its state
    return _json_row(name, value) if found and field == b'"account"' else None


CONTENDERS = (
    Contender(
        "manyi engine",
        "no record lost or counted twice; rows logged with every batch",
        _python("engine"),
        _engine_row,
    ),
    Contender(
        "plain loop",
        "at least once: a replay counts twice; no restore, no rebalance",
        _python("plain"),
        _plain_row,
    ),
    Contender(
        "Kafka Streams",
        "at least once: a replay counts twice; rows logged once a second",
        kafka_streams.command,
        _json_row,
        missing=kafka_streams.missing,
        kafka_only=True,
    ),
    Contender(
        "Kafka Streams, exactly once",
        "exactly once, by a transaction every second",
        lambda task: kafka_streams.command(task, "exactly_once_v2"),
        _json_row,
        missing=kafka_streams.missing,
        kafka_only=True,
    ),
    Contender(
        "Quix Streams",
        "at least once; a replay may count twice; rows logged once a second",
        lambda task: quix_env.command("quix", task),
        _quix_row,
        changelog=lambda task: f"changelog__{task.group}--{task.source}--default",
        missing=quix_env.missing,
        kafka_only=True,
    ),
    Contender(
        "Faust table",
        "at least once: a replay counts twice; rows may be lost (they are not awaited)",
        _python("faust_table"),
        _faust_row,
        is_slow=True,
    ),
)


class Figures(NamedTuple):
    """Records a second of one run."""

    per_core: float
    wall: float


class Arena:
    """One broker with the records in it."""

    def __init__(self, broker: Broker, options: argparse.Namespace) -> None:
        self.broker = broker
        self.options = options
        self.prefix = f"b{uuid.uuid4().hex[:8]}"
        self.expected: dict[int, Expected] = {}

    async def fill(self) -> None:
        """Publish the records, all and the first few, and fold them plainly."""
        for count in (self.options.records, self.options.slow_records):
            await create_topics(self.broker.address, {self.source(count): {}}, PARTITIONS)
            rows: Expected = {}
            sent = []
            for key, value in records(count, self.options.customers):
                rows[key] = after(rows.get(key) or Account(), decode(value))
                sent.append((key, value, None))
            await publish(self.broker.address, self.source(count), PARTITIONS, sent)
            self.expected[count] = rows

    def source(self, count: int) -> str:
        """The topic with so many records."""
        return f"{self.prefix}.purchases-{count}"

    async def run(self, contender: Contender) -> Figures:
        """One contender once; raises if its rows are not what they must be."""
        count = self.options.slow_records if contender.is_slow else self.options.records
        group = f"{self.prefix}-{uuid.uuid4().hex[:6]}"
        task = Task(
            self.broker.address,
            self.source(count),
            f"{group}-accounts-changelog",  # as Faust and Kafka Streams name it
            group,
            count,
            self.broker.idempotent,
            self.options.max_records,
        )
        changelog = contender.changelog(task)
        if changelog == task.changelog:
            await create_topics(self.broker.address, {changelog: COMPACT}, PARTITIONS)
        spent = await asyncio.to_thread(figures_of, contender.command(task), RUN_SECONDS)
        rows = await self._rows(changelog, contender, self.expected[count])
        if rows != self.expected[count]:
            expected = self.expected[count]
            wrong = sum(rows.get(key) != row for key, row in expected.items())
            raise ChildFailedError(
                f"{contender.name}: {wrong} of {len(expected)} rows are wrong, {len(rows)} found"
            )
        return Figures(count / spent["cpu_seconds"], count / spent["wall_seconds"])

    async def _rows(self, changelog: str, contender: Contender, expected: Expected) -> Expected:
        """The newest row per key; waits a little for what the broker has not shown yet."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.broker.address,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=16 << 20,
            isolation_level="read_committed" if self.broker.idempotent else "read_uncommitted",
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
                        if (row := contender.row(record.key, record.value)) is not None:
                            rows[row[0]] = row[1]
        finally:
            await reader.stop()
        return rows


def summary(runs: dict[str, list[Figures]]) -> list[dict[str, Any]]:
    """Medians per contender, and how many times as fast as each manyi's engine is."""
    medians = {
        name: statistics.median(run.per_core for run in each) for name, each in runs.items() if each
    }
    first = medians.get(CONTENDERS[0].name)
    return [
        {
            "contender": contender.name,
            "per_core": round(medians[contender.name]),
            "wall": round(statistics.median(run.wall for run in runs[contender.name])),
            "runs": [round(run.per_core) for run in runs[contender.name]],
            "manyi_is": round(first / medians[contender.name], 2) if first else None,
            "promises": contender.promises,
        }
        for contender in CONTENDERS
        if contender.name in medians
    ]


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print them."""
    print(f"\n{title}\n{'':28} {'k/s per core':>13} {'k/s wall':>9} {'manyi is':>9}")
    for row in rows:
        each = ", ".join(f"{run / 1e3:.1f}" for run in row["runs"])
        ratio = f"{row['manyi_is']:.2f}x" if row["manyi_is"] else "-"
        print(
            f"{row['contender']:28} {row['per_core'] / 1e3:13.1f} {row['wall'] / 1e3:9.1f} "
            f"{ratio:>9}   ({each})",
            flush=True,
        )


async def compete(broker: Broker, options: argparse.Namespace) -> list[dict[str, Any]]:
    """All contenders, turn by turn; one that fails or cannot run is left out, and that is said."""
    arena = Arena(broker, options)
    await arena.fill()
    runs: dict[str, list[Figures]] = {contender.name: [] for contender in CONTENDERS}
    able = []
    for contender in CONTENDERS:
        if contender.kafka_only and not broker.idempotent:
            continue
        if why := contender.missing():
            print(f"SKIPPED: {contender.name}: {why}", flush=True)
            continue
        able.append(contender)
    for number in range(options.rounds):
        for contender in able:
            if number and contender.is_slow:
                continue
            try:
                runs[contender.name].append(await arena.run(contender))
            except ChildFailedError as error:
                print(f"FAILED: {contender.name}: {error}", flush=True)
    rows = summary(runs)
    show(broker.title, rows)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--broker", choices=("embedded", "kafka", "both"), default="kafka")
    chosen, rest = parser.parse_known_args(arguments)
    options = parse(__doc__, SIZES, rest)
    print(
        f"{options.records} records of 250 bytes ({options.slow_records} for Faust), "
        f"{options.customers} customers, {PARTITIONS} partitions, batches of {options.max_records}",
        flush=True,
    )
    figures = {}
    with brokers(chosen.broker) as found:
        for broker in found:
            figures[broker.title] = asyncio.run(compete(broker, options))
            write(options, "engine_job", {"brokers": figures})


if __name__ == "__main__":
    main(sys.argv[1:])
