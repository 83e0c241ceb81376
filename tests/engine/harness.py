"""Running workers against a broker, and an oracle that says whether what they left is right.

The oracle shares no code with the engine: it reads the topics, folds them with json and dicts, and
compares every row and every published record.
"""

import asyncio
import json
import os
import random
import struct
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 4
PATIENCE_SECONDS = 120.0
EAGER_COMPACTION = {
    "segment.ms": "1000",
    "segment.bytes": str(1 << 20),
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "100",
}


TOLERATED = {
    "lines",
    "purchases",
    "rows",
    "rows_stale",
    "rows_wrong_if_last_wins",
    "totals",
    "totals_twice",
}


@dataclass
class Verdict:
    """What the oracle found; all zero is right, except identical duplicates."""

    lines: int = 0
    purchases: int = 0
    lines_missing: int = 0
    lines_foreign: int = 0
    rows: int = 0
    rows_wrong: int = 0
    rows_extra: int = 0
    rows_wrong_if_last_wins: int = 0
    rows_stale: int = 0
    totals: int = 0
    totals_missing: int = 0
    totals_extra: int = 0
    totals_twice: int = 0
    totals_twice_differing: int = 0

    @property
    def wrong(self) -> dict[str, int]:
        """What must be zero and is not."""
        return {
            name: count for name, count in self.__dict__.items() if count and name not in TOLERATED
        }


@dataclass
class Bench:
    """One run: four topics, a feed, and workers that are started again when they end."""

    broker: str
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    idempotent: bool = False
    partitions: int = PARTITIONS
    keys: int = 200
    seed: int = 7
    compact_eagerly: bool = False
    """Let the broker remove older rows within seconds instead of days."""

    def __post_init__(self) -> None:
        """Names that no other run has."""
        self.prefix = f"t{uuid.uuid4().hex[:8]}"
        self.group = f"g-{self.prefix}"
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.exits: Counter[int] = Counter()
        self.fed = 0
        self._log_from: dict[str, int] = {}

    async def __aenter__(self) -> "Bench":
        """Create the topics."""
        self.admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await self.admin.start()
        compact = {"cleanup.policy": "compact", "max.message.bytes": str(16 << 20)}
        if self.compact_eagerly:
            compact |= EAGER_COMPACTION
        await self.admin.create_topics(
            [
                NewTopic(
                    f"{self.prefix}.{name}",
                    self.partitions,
                    1,
                    topic_configs=compact if name == "log" else {},
                )
                for name in ("lines", "purchases", "log", "totals")
            ]
        )
        self.producer = AIOKafkaProducer(
            bootstrap_servers=self.broker,
            acks="all",
            linger_ms=5,
            enable_idempotence=self.idempotent,
        )
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what was started."""
        for worker in self.workers.values():
            worker.kill()
            worker.wait()
        await self.producer.stop()
        await self.admin.close()

    # --- work ------------------------------------------------------------------------------------

    async def feed(self, count: int, per_second: float | None = None) -> None:
        """Publish so many lines, at that pace or at once."""
        chance = random.Random(self.seed + self.fed)
        started = time.monotonic()
        sent = []
        for number in range(count):
            line = {"id": f"p{self.fed}", "amount": chance.randrange(100), "text": "x" * 40}
            key = b"c%d" % chance.randrange(self.keys)
            sent.append(
                await self.producer.send(f"{self.prefix}.lines", json.dumps(line).encode(), key=key)
            )
            self.fed += 1
            if per_second and number % 50 == 49:
                ahead = started + number / per_second - time.monotonic()
                await asyncio.sleep(max(0.0, ahead))
        await asyncio.gather(*sent)

    def start(self, name: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker process under a name."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        env = {
            **os.environ,
            "BROKER": self.broker,
            "GROUP": self.group,
            "PREFIX": self.prefix,
            "DIRECTORY": str(directory),
            "PYTHONPATH": str(ROOT),
            "IDEMPOTENT": "1" if self.idempotent else "0",
            **self.environment,
            **environment,
        }
        with (directory / "log").open("ab") as log:
            self._log_from[name] = log.tell()
            self.workers[name] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.engine.worker",
                    "worker",
                    "--loglevel=info",
                    "--without-web",
                ],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self.workers[name]

    async def stop(self, name: str) -> int:
        """Stop a worker as an operator would, and give its exit code."""
        worker = self.workers.pop(name)
        worker.terminate()
        return await asyncio.to_thread(worker.wait, 40)

    def log_of(self, name: str) -> str:
        """What a worker has said, in all its lives."""
        return (self.directory / name / "log").read_text(errors="replace")

    def is_up(self, name: str) -> bool:
        """Whether a worker has come to its event loop in this life (and listens to signals)."""
        said = (self.directory / name / "log").read_bytes()[self._log_from[name] :]
        return b"[^Worker]: Ready" in said

    async def stop_all(self) -> None:
        """Wait until all workers are up, then stop them in order; each must end well."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not all(self.is_up(name) for name in self.workers):
            self.restart_the_dead()
            assert time.monotonic() < give_up, "a worker does not come up"
            await asyncio.sleep(0.1)
        for name in list(self.workers):
            code = await self.stop(name)
            assert code == 0, f"{name} ended with {code}:\n{self.log_of(name)[-3_000:]}"

    def restart_the_dead(self, **environment: str) -> None:
        """What a supervisor does."""
        for name, worker in list(self.workers.items()):
            if (code := worker.poll()) is not None:
                self.exits[code] += 1
                self.start(name, **environment)

    async def wait_until_done(self, restart: bool = True, **environment: str) -> None:
        """Wait until the group has committed everything there is.

        AssertionError when the lag has not become less for `PATIENCE_SECONDS`.
        """
        give_up, least = time.monotonic() + PATIENCE_SECONDS, sys.maxsize
        while lag := await self.lag():
            if lag < least:
                give_up, least = time.monotonic() + PATIENCE_SECONDS, lag
            if time.monotonic() > give_up:
                logs = "\n".join(self.log_of(name)[-2_000:] for name in self.workers)
                raise AssertionError(f"lag is {lag} after {PATIENCE_SECONDS} s\n{logs}")
            if restart:
                self.restart_the_dead(**environment)
            await asyncio.sleep(0.3)

    async def lag(self) -> int:
        """Records of both source topics that are not committed; lines must all have come out."""
        total = 0
        for name in ("lines", "purchases"):
            ends = await self.ends(name)
            found = await self.admin.list_consumer_group_offsets(self.group, partitions=list(ends))
            for tp, end in ends.items():
                committed = found[tp].offset if tp in found else 0  # a coordinator still loading
                total += max(0, end - max(0, committed))
        return total

    async def ends(self, name: str) -> dict[TopicPartition, int]:
        """True ends of a topic: what a fetch says, because Tansu understates the answer."""
        reader = AIOKafkaConsumer(bootstrap_servers=self.broker, auto_offset_reset="earliest")
        await reader.start()
        try:
            tps = self._tps(name)
            ends: dict[TopicPartition, int] = await reader.end_offsets(tps)
            reader.assign(tps)
            for tp in tps:
                reader.seek(tp, max(0, ends[tp] - 1))
            for tp in tps:
                if ends[tp]:
                    await reader.getmany(tp, timeout_ms=2_000)
                    ends[tp] = max(ends[tp], reader.highwater(tp) or 0)
            return ends
        finally:
            await reader.stop()

    async def read(self, name: str) -> list[Any]:
        """All records of a topic, partition by partition."""
        ends = await self.ends(name)
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.broker,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=16 << 20,
        )
        await reader.start()
        records: list[Any] = []
        try:
            for tp, end in ends.items():
                reader.assign([tp])
                reader.seek(tp, 0)
                while await reader.position(tp) < end:
                    got = await reader.getmany(tp, timeout_ms=500, max_records=10_000)
                    records += got.get(tp, ())
            return records
        finally:
            await reader.stop()

    def _tps(self, name: str) -> list[TopicPartition]:
        topic = f"{self.prefix}.{name}"
        return [TopicPartition(topic, partition) for partition in range(self.partitions)]

    # --- oracle ----------------------------------------------------------------------------------

    async def judge(self) -> Verdict:
        """Fold the input again in plain Python and compare."""
        verdict = Verdict()
        lines = {(r.key, r.value) for r in await self.read("lines")}
        purchases = await self.read("purchases")
        through = {(r.key, r.value) for r in purchases}
        verdict.lines, verdict.purchases = len(lines), len(purchases)
        verdict.lines_missing = len(lines - through)
        verdict.lines_foreign = len(through - lines)
        rows, totals = _fold(purchases)
        newest, last, verdict.rows_stale = _rows_of(await self.read("log"))
        verdict.rows = len(rows)
        verdict.rows_wrong = sum(newest.get(key) != row for key, row in rows.items())
        verdict.rows_extra = len(newest.keys() - rows.keys())
        verdict.rows_wrong_if_last_wins = sum(last.get(key) != row for key, row in rows.items())
        seen: dict[str, int] = {}
        for record in await self.read("totals"):
            total = json.loads(record.value)
            if total["id"] in seen:
                verdict.totals_twice += 1
                verdict.totals_twice_differing += seen[total["id"]] != total["total"]
            seen[total["id"]] = total["total"]
        verdict.totals = len(totals)
        verdict.totals_missing = sum(seen.get(key) != total for key, total in totals.items())
        verdict.totals_extra = len(seen.keys() - totals.keys())
        return verdict


def _fold(purchases: Iterable[Any]) -> tuple[dict[bytes, list[Any]], dict[str, int]]:
    """Rows and published totals, as the purchases in the log say."""
    rows: dict[bytes, list[Any]] = {}
    totals: dict[str, int] = {}
    for record in purchases:
        purchase = json.loads(record.value)
        row = rows.setdefault(record.key, [0, 0, []])
        row[0] += 1
        row[1] += purchase["amount"]
        row[2] = [*row[2], purchase["id"]][-10:]
        if row[0] % 10 == 0:
            totals[f"{record.key.decode()}:{row[0]}"] = row[1]
    return rows, totals


def _rows_of(records: Iterable[Any]) -> tuple[dict[bytes, Any], dict[bytes, Any], int]:
    """Rows by key, the newest ones and the last ones, and how many came after a newer one."""
    best: dict[bytes, tuple[int, Any]] = {}
    last: dict[bytes, Any] = {}
    stale = 0
    for record in records:
        applied, _wake = struct.unpack_from(">qq", record.value)
        row = msgspec.msgpack.decode(record.value[16:])
        key = record.key[1:]
        last[key] = row
        if key not in best or applied >= best[key][0]:
            best[key] = applied, row
        else:
            stale += 1
    return {key: row for key, (_, row) in best.items()}, last, stale
