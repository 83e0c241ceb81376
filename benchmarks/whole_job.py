"""What the whole job costs per interaction: `python -m benchmarks.whole_job [--profile]`.

No broker and no Redis: simulated records as bytes go through the real intake, identity rules,
customer pipeline, satisfaction tables and view writer, in batches, with only the transport left
out. CPU time of this process, per stage. The digests at the end stand for everything that was
published, kept and shown: a change that only makes it faster does not change them.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from redis._parsers.encoders import Encoder
from redis.asyncio.client import Pipeline
from redis.connection import PythonRespSerializer

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.identity.resolve import IdentityBook
from agents.intake import IntakeSettings
from agents.simulation import simulate
from schemas.interaction import Origin
from streams import topics
from streams.engine import Effect, RecordBatch, Stage
from streams.engine.envelope import HEADER_BYTES
from streams.engine.rows import LaneRows
from streams.identity import Identified
from streams.pipeline.customers import CustomerPipeline, encode_deadline
from streams.pipeline.intake import IntakePipeline
from streams.pipeline.tables import CUSTOMERS
from streams.pipeline.views import LiveViews
from streams.policy_files import load_policy
from streams.topology import CUSTOMER_STAGE, INTAKE_STAGE, Flow
from streams.views import ViewWriter

START_AT = datetime(2026, 3, 2, tzinfo=UTC)
RECORDS_PER_CONTACT = 7.5
PARTITION = 0
STAGES = ("intake", "identity", "publish", "fold", "rows", "cards", "views")
BUFFER_CUTOFF = 6_000  # as redis-py sets it for its connections
GC_THRESHOLD = 200_000  # as the engine sets it


class Record(NamedTuple):
    """A source record, as the engine hands it out."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes]] = ()


class Spent:
    """CPU seconds per stage; `add` also starts the next span."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._since = time.process_time()

    def start(self) -> None:
        """What comes now belongs to the next `add`."""
        self._since = time.process_time()

    def add(self, stage: str) -> None:
        """The time since the last call was spent on `stage`."""
        now = time.process_time()
        self.seconds[stage] += now - self._since
        self._since = now


class Lane:
    """What `RecordBatch` and the pipelines need of an engine's lane: no clients, no barrier."""

    def __init__(self, flow: Flow, topic: str, publish: Callable[[Iterable[Effect]], None]) -> None:
        channel: Any = None
        self._publish = publish
        self.stage = Stage(
            name=flow.name,
            topics=flow.reads,
            changelog=flow.changelog,
            tables=flow.tables,
            channel=channel,
        )
        self.topic = topic
        self.partition = PARTITION
        self.state = LaneRows(decoded_limit=20_000)

    async def publish(self, effects: Iterable[Effect]) -> None:
        """Links, which are out before anything rests on them."""
        self._publish(effects)

    def batch(self, records: Sequence[Record]) -> RecordBatch:
        """A batch to fold."""
        lane: Any = self
        return RecordBatch(lane, records, (), 10 << 20)

    def apply(self, batch: RecordBatch) -> None:
        """Encode what the batch staged and swap it in."""
        self.state.apply(batch.seal_rows(), batch.decoded_rows, 0)


class Book:
    """The identity rules in memory, where the worker asks Redis once per batch."""

    def __init__(self, spent: Spent) -> None:
        self._book = IdentityBook()
        self._spent = spent

    async def resolve(
        self, handle_sets: Iterable[Sequence[str]], origins: Sequence[Origin] = ()
    ) -> Identified:
        """Answer for a batch; what ran before it was intake, what follows is publishing."""
        sets = list(handle_sets)
        self._spent.add("intake")
        found = [self._book.resolve(handles) for handles in sets]
        self._spent.add("identity")
        return Identified(0, found)

    async def confirm(self, epoch: int, through: Sequence[Origin]) -> bool:
        """Nothing is ever lost here."""
        return True


class NullPipeline(Pipeline):
    """A pipeline of redis-py that packs its commands and drops them."""

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Encode what was gathered."""
        redis: Any = self.connection_pool
        stack: Any = self.command_stack
        for arguments, _ in stack:
            redis.pack(arguments)
        self.command_stack = []
        return [b"1"] * len(stack)


class NullRedis:
    """Where views go: everything of redis-py but the connection."""

    def __init__(self, checked: bool) -> None:
        encoder: Any = Encoder  # redis-py's own, which has no types
        self._packer: Any = PythonRespSerializer(
            BUFFER_CUTOFF, encoder("utf-8", "strict", False).encode
        )
        self._checked = checked
        self.digest = sha256()
        self.bytes = 0
        self.commands = 0

    def pipeline(self, transaction: bool = True) -> NullPipeline:
        """Start a pipeline."""
        pool: Any = self
        return NullPipeline(pool, {}, transaction, None)

    def pack(self, arguments: Sequence[Any]) -> None:
        """One command as bytes."""
        self.commands += 1
        for part in self._packer.pack(*arguments):
            self.bytes += len(part)
            if self._checked:
                self.digest.update(part)


class Job:
    """One worker's pipelines around one lane per topic."""

    def __init__(self, batch_size: int, checked: bool) -> None:
        self.spent = Spent()
        self.redis = NullRedis(checked)
        self.batch_size = batch_size
        self.live = LiveViews(
            lambda source: ViewWriter(self.redis, partitions=1, source=source, clock=lambda: 0.0)
        )
        book: Any = Book(self.spent)
        self.intake = IntakePipeline(book, IntakeSettings(default_region="CN"), self.live)
        self.customers = CustomerPipeline(
            Rulebook(Plan(load_policy(None)), ComplaintRules()), self.live
        )
        self.live.writer.own(PARTITION, -1)
        self.intake_lanes = {t: Lane(INTAKE_STAGE, t, self.publish) for t in INTAKE_STAGE.reads}
        self.lane = Lane(CUSTOMER_STAGE, topics.CUSTOMER_EVENTS, self.publish)
        self.waiting: list[Record] = []
        self.offset = 0
        self.checked = checked
        self.digest = sha256()
        self.counts: Counter[str] = Counter()
        self.event_bytes = 0

    def publish(self, effects: Iterable[Effect]) -> None:
        """What the producer would send; events wait for the customer pipeline."""
        for topic, _, key, value, _ in effects:
            self.counts[topic] += 1
            if self.checked:
                self.digest.update(b"%s|%s|%s\n" % (topic.encode(), key or b"", value or b""))
            if topic == topics.CUSTOMER_EVENTS:
                self.event_bytes += len(value or b"")
                self.waiting.append(Record(self.offset, key, value, 0))
                self.offset += 1

    async def take_in(self, topic: str, records: Sequence[Record]) -> None:
        """One batch of a channel topic."""
        lane = self.intake_lanes[topic]
        batch = lane.batch(records)
        self.spent.start()
        await self.intake.fold(batch)
        self.spent.add("publish")
        lane.apply(batch)
        batch.applied_now()
        self.spent.add("rows")
        self.publish(batch.effects)

    async def fold(self, at_ms: int) -> None:
        """One batch of customer events, then the deadlines that have come due."""
        records, self.waiting = self.waiting, []
        batch = self.lane.batch(records)
        self.spent.start()
        await self.customers.fold(batch)
        self.spent.add("fold")
        self.lane.apply(batch)
        self.spent.add("rows")
        batch.applied_now()
        self.spent.add("cards")
        await self.live.writer.flush()
        self.spent.add("views")
        self.publish(batch.effects)
        for key, wake_ms in self.lane.state.wakeups.take_due(at_ms, 10_000):
            value = encode_deadline(key[1:], wake_ms, at_ms)
            self.publish([Effect(topics.CUSTOMER_EVENTS, None, key[1:], value, ())])

    async def run(self, arrivals: Sequence[tuple[str, Record]]) -> None:
        """Everything, in batches, in the order of arrival."""
        for start in range(0, len(arrivals), self.batch_size):
            part = arrivals[start : start + self.batch_size]
            by_topic: dict[str, list[Record]] = {}
            for topic, record in part:
                by_topic.setdefault(topic, []).append(record)
            for topic, records in by_topic.items():
                await self.take_in(topic, records)
            await self.fold(part[-1][1].timestamp)

    def rows(self) -> list[bytes]:
        """Customer rows as they stand in the changelog, without their header."""
        return [
            row[HEADER_BYTES:]
            for key, row in self.lane.state.sealed.items()
            if key.startswith(CUSTOMERS.prefix)
        ]


def traffic(events: int, customers: int) -> list[tuple[str, Record]]:
    """Simulated records of one day, as published: topic and record, in order of arrival."""
    arrivals = []
    for offset, event in enumerate(
        simulate(
            7,
            events,
            START_AT,
            customers=customers,
            contacts_per_day=events / RECORDS_PER_CONTACT,
            messy_share=0.005,
        )
    ):
        record = event.record
        value = record if isinstance(record, bytes) else orjson.dumps(record)
        topic = (
            topics.COMMANDS if event.channel == "commands" else f"interactions.{event.channel}.v1"
        )
        arrivals.append(
            (topic, Record(offset, event.key.encode(), value, int(event.at.timestamp() * 1e3)))
        )
    return arrivals


def run_once(arrivals: Sequence[tuple[str, Record]], batch_size: int, checked: bool) -> Job:
    """The job once, from nothing."""
    job = Job(batch_size, checked)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    asyncio.run(job.run(arrivals))
    return job


def decode_cost(job: Job) -> float:
    """Microseconds to decode one customer row, as a restore does."""
    rows = list(job.rows())
    begun = time.process_time()
    for row in rows:
        CUSTOMERS.decode(row)
    return (time.process_time() - begun) / len(rows) * 1e6


def report(jobs: Sequence[Job], events: int) -> None:
    """Print microseconds of CPU per record and stage: the median of all runs, and the least."""
    print(f"{'stage':10} {'median us':>10} {'least us':>10}")
    totals = [sum(job.spent.seconds.values()) for job in jobs]
    for stage in STAGES:
        spent = [job.spent.seconds[stage] / events * 1e6 for job in jobs]
        print(f"{stage:10} {statistics.median(spent):10.1f} {min(spent):10.1f}")
    median = statistics.median(totals) / events * 1e6
    least = min(totals) / events * 1e6
    print(f"{'whole job':10} {median:10.1f} {least:10.1f}   {1e6 / median:,.0f} records/s/core")
    job = jobs[0]
    rows = list(job.rows())
    print(
        f"customer rows: {len(rows)}, mean {sum(map(len, rows)) / len(rows):.0f} bytes, "
        f"decode {decode_cost(job):.1f} us"
    )
    views = job.redis
    print(f"views: {views.commands} commands, {views.bytes / events:.0f} bytes a record")
    events_out = job.counts[topics.CUSTOMER_EVENTS]
    print(f"customer events: {events_out}, mean {job.event_bytes / events_out:.0f} bytes")
    print("published:", ", ".join(f"{t} {n}" for t, n in sorted(job.counts.items())))


def digests(job: Job) -> None:
    """Print what stands for everything published, kept and shown."""
    kept = sha256()
    for key, row in sorted(job.lane.state.sealed.items()):
        kept.update(key + b"|" + row)
    print(
        f"digests: published {job.digest.hexdigest()[:16]}, rows {kept.hexdigest()[:16]}, "
        f"views {job.redis.digest.hexdigest()[:16]}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job several times and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = {"events": 20_000, "customers": 5_000, "batch": 2_000, "rounds": 5}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    options = parser.parse_args(arguments)
    arrivals = traffic(options.events, options.customers)
    digests(run_once(arrivals, options.batch, True))
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(run_once, arrivals, options.batch, False)
        pstats.Stats(profile).sort_stats("tottime").print_stats(60)
        return
    jobs = [run_once(arrivals, options.batch, False) for _ in range(options.rounds)]
    print(f"{options.events} records, {options.customers} customers, batches of {options.batch}")
    report(jobs, options.events)


if __name__ == "__main__":
    main()
