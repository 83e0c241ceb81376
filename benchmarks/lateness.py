"""How late an alert is: `python -m benchmarks.lateness`.

First the engine with a million open clocks: customer rows with wake-ups spread over a while, the
real deadline service; lateness is from the moment a clock falls due until the alert is on Kafka.
Then manyi's whole worker: complaints that are promised an answer in a minute and get none; lateness
is from `due_at` to the timestamp of the breach on `sla-alerts.v1`.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from redis.asyncio import Redis

from benchmarks.contenders.job import PARTITIONS
from benchmarks.harness.brokers import Broker, best_broker, valkey
from benchmarks.harness.children import ChildFailedError
from benchmarks.harness.customers import Templates
from benchmarks.harness.holding import holder, prepare, seed
from benchmarks.harness.options import Size, parse, write
from benchmarks.harness.serving import (
    SOURCES,
    create_intake_topics,
    percentile,
    serving,
    until_counted,
)
from schemas.alert import AlertKind, SlaAlert
from streams import topics

RUN_SECONDS = 240.0
SETTLE_SECONDS = 60.0
SIZES = {
    "clocks": Size(1_000_000, 2_000, "open clocks"),
    "spread_seconds": Size(1_200.0, 120.0, "over which they fall due, evenly"),
    "seed_seconds": Size(60.0, 6.0, "allowed for writing and restoring the rows"),
    "watch_seconds": Size(45.0, 5.0, "how long is watched"),
    "complaints": Size(20_000, 60, "complaints of the whole worker"),
    "complaint_rate": Size(500.0, 30.0, "complaints a second"),
    "promise_seconds": Size(60, 4, "when each is due"),
}
POLICY = """\
version: 1
timezone: UTC
policies:
  - name: everyone
    targets:
      first_response: {{within: {seconds}s, warn: []}}
"""


def told(late: Sequence[float]) -> dict[str, Any]:
    """Percentiles, in milliseconds."""
    values = list(late)
    if not values:
        raise ChildFailedError("nothing fell due while it was watched")
    return {
        "alerts": len(values),
        **{f"p{share}_ms": round(percentile(values, share / 100) * 1e3) for share in (50, 90, 99)},
        "most_ms": round(max(values) * 1e3),
    }


async def many_clocks(broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """The engine and the deadline service with so many open clocks."""
    begins_ms = int((time.time() + options.seed_seconds) * 1000)
    step = options.spread_seconds * 1000 / options.clocks
    wakes = [begins_ms + int(number * step) for number in range(options.clocks)]
    # Neighbours in time are neighbours in no partition: customer ids are spread by their hash.
    changelog = await seed(broker, Templates(1).sealed_rows(options.clocks, wakes))
    task = await prepare(broker, changelog, watch_seconds=options.watch_seconds)
    async with holder(task, RUN_SECONDS) as held:
        spare = begins_ms / 1000 - time.time()
        print(f"{held.restored['rows']:,} rows there, {spare:.0f} s before the first", flush=True)
        if spare < 0:
            print("--seed-seconds is too short: the first clocks fell due meanwhile", flush=True)
        await asyncio.sleep(max(0.0, spare))
        done = await held.work()
    # What fell due before there was a worker is late for another reason.
    late = done["late_seconds"]
    return {
        "clocks": options.clocks,
        "a_second": round(options.clocks / options.spread_seconds),
        "cpu_share": round(done["cpu_seconds"] / done["wall_seconds"], 2),
        **told(late),
    }


async def complain(broker: Broker, count: int, rate: float) -> None:
    """Publish complaints, each of a customer of its own, as they happen."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, linger_ms=5)
    await producer.start()
    try:
        begun, sent = time.monotonic(), 0
        while sent < count:
            while sent < min(count, rate * (time.monotonic() - begun)):
                mail = {
                    "source": "imap:late",
                    "id": f"late-{sent}",
                    "kind": "email_received",
                    "occurred_at": datetime.now(UTC).isoformat(),
                    "message_id": f"late-{sent}@example.com",
                    "from": {"address": f"late-{sent}@example.com"},
                    "subject": "Complaint",
                    "text": "I want to make a complaint.",
                    "complaint": True,
                }
                await producer.send(SOURCES["email"], msgspec.json.encode(mail), b"%d" % sent)
                sent += 1
            await asyncio.sleep(0.02)
        await producer.flush()
    finally:
        await producer.stop()


async def breaches(broker: Broker, wanted: int, give_up: float) -> list[float]:
    """Lateness of every breach on the alerts' topic, until there are so many."""
    reader = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
    await reader.start()
    late: list[float] = []
    try:
        reader.assign([TopicPartition(topics.SLA_ALERTS, p) for p in range(PARTITIONS)])
        while len(late) < wanted and time.monotonic() < give_up:
            for batch in (await reader.getmany(timeout_ms=500)).values():
                for record in batch:
                    alert = msgspec.json.decode(record.value, type=SlaAlert)
                    if alert.kind is AlertKind.BREACHED and alert.due_at is not None:
                        late.append(record.timestamp / 1000 - alert.due_at.timestamp())
    finally:
        await reader.stop()
    return late


async def whole_worker(
    broker: Broker, redis_url: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Complaints through every stage, all of them breached in the end."""
    policy = Path(tempfile.mkdtemp(prefix="bench-")) / "policy.yaml"
    text = POLICY.format(seconds=options.promise_seconds)
    await asyncio.to_thread(policy.write_text, text)
    await create_intake_topics(broker)
    redis: Redis = Redis.from_url(redis_url)
    async with serving(broker, redis_url, policy):
        await complain(broker, options.complaints, options.complaint_rate)
        await until_counted(redis, options.complaints, SETTLE_SECONDS)
        give_up = time.monotonic() + options.promise_seconds + SETTLE_SECONDS
        late = await breaches(broker, options.complaints, give_up)
    await redis.aclose()
    return {
        "complaints": options.complaints,
        "a_second": round(options.complaint_rate),
        **told(late),
    }


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both, each on servers of its own; what one gives is kept if the other fails."""
    found: dict[str, Any] = {}
    with best_broker() as broker:
        found["broker"] = broker.title
        found["engine"] = await many_clocks(broker, options)
    print(f"engine: {found['engine']}", flush=True)
    write(options, "lateness", found)
    with best_broker() as broker, valkey() as redis_url:
        found["worker"] = await whole_worker(broker, redis_url, options)
    print(f"worker: {found['worker']}", flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    options = parse(__doc__, SIZES, arguments)
    write(options, "lateness", asyncio.run(measure(options)))


if __name__ == "__main__":
    main()
