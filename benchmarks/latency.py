"""How soon a record shows, channel topic to live view: `python -m benchmarks.latency`.

First the worker's peak: a burst of simulated records, until all are folded. Then half of that rate
for a while, with probes in between: mails of customers nobody has heard of. Latency is from before
the probe is handed to the producer until the customer's card stands in Redis.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from agents.intake.ids import customer_id
from benchmarks.contenders.job import PARTITIONS
from benchmarks.contenders.whole import Record, simulated, start_of, take
from benchmarks.harness.brokers import Broker, best_broker, publish, valkey
from benchmarks.harness.options import Size, parse, write
from benchmarks.harness.serving import (
    SOURCES,
    create_intake_topics,
    percentile,
    serving,
    until_counted,
)
from schemas.common import Channel
from streams.views.keys import ViewKeys

SIZES = {
    "burst": Size(15_000, 400, "records to find the peak with"),
    "seconds": Size(40.0, 3.0, "how long the load lasts"),
    "probes": Size(25, 10, "probes a second"),
    "share": Size(0.5, 0.5, "of the peak"),
    "customers": Size(20_000, 200, "customers who may write"),
}
BURST_SECONDS = 90.0
WAIT_SECONDS = 20.0
"""A probe that is not seen by then is lost."""
STEP_SECONDS = 0.02
LOOK_SECONDS = 0.004
MOST_RATE = 4_000.0
"""Records are made before the run; more a second are not."""


def probe(number: int, at: datetime) -> tuple[bytes, bytes]:
    """A mail of somebody new; its value, and the key of the card it must lead to."""
    mail = {
        "source": "imap:probe",
        "id": f"probe-{number}",
        "kind": "email_received",
        "occurred_at": at.isoformat(),
        "message_id": f"probe-{number}@example.com",
        "from": {"address": f"probe-{number}@example.com", "name": "Probe"},
        "subject": "Where is my parcel?",
        "text": "It should have come on Monday.",
    }
    value = msgspec.json.encode(mail)
    accepted = take(Channel.EMAIL, SOURCES["email"], 0, 0, int(at.timestamp() * 1000), value)
    assert accepted is not None
    return value, ViewKeys("manyi:").customer(customer_id(accepted.handles[0])).encode()


class Probes:
    """Probes under way, and how long the others took."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.sent_at: dict[bytes, float] = {}
        self.latencies: list[float] = []
        self.sending = True

    async def watch(self) -> None:
        """Ask Redis again and again which cards are there."""
        while self.sending or self.sent_at:
            if self.sent_at:
                keys = list(self.sent_at)
                pipeline = self.redis.pipeline(transaction=False)
                for key in keys:
                    pipeline.exists(key)
                found = await pipeline.execute()
                now = time.monotonic()
                for key, there in zip(keys, found, strict=True):
                    if there:
                        self.latencies.append(now - self.sent_at.pop(key))
            await asyncio.sleep(LOOK_SECONDS)


async def load(
    broker: Broker, records: Iterator[Record], rate: float, probes: Probes, options: Any
) -> int:
    """So many records a second, with probes between them; returns how many of both."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, linger_ms=5)
    await producer.start()
    day = start_of(datetime.now(UTC))
    begun = time.monotonic()
    sent = asked = 0
    try:
        while (passed := time.monotonic() - begun) < options.seconds:
            while sent < rate * passed and (record := next(records, None)) is not None:
                channel, key, value, at_ms = record
                await producer.send(SOURCES[channel], value, key, timestamp_ms=at_ms)
                sent += 1
            while asked < options.probes * passed:
                value, card = probe(asked, day)
                at_ms = int(day.timestamp() * 1000)
                probes.sent_at[card] = time.monotonic()
                await producer.send(SOURCES["email"], value, card, timestamp_ms=at_ms)
                asked += 1
            await asyncio.sleep(STEP_SECONDS)
        await producer.flush()
    finally:
        await producer.stop()
    probes.sending = False
    return sent + asked


async def measure(broker: Broker, redis_url: str, options: argparse.Namespace) -> dict[str, Any]:
    """Peak, then half of it."""
    wanted = options.burst + int(MOST_RATE * options.seconds)
    records = simulated(wanted, options.customers, start_of(datetime.now(UTC)))
    await create_intake_topics(broker)
    redis: Redis = Redis.from_url(redis_url)
    async with serving(broker, redis_url):
        begun = time.monotonic()
        for channel, topic in SOURCES.items():
            part = ((k, v, at) for name, k, v, at in records[: options.burst] if name == channel)
            await publish(broker.address, topic, PARTITIONS, part)
        peak = options.burst / (await until_counted(redis, options.burst, BURST_SECONDS) - begun)
        rate = min(MOST_RATE, peak * options.share)
        print(f"peak {peak:,.0f} records/s; now {rate:,.0f} a second", flush=True)
        probes = Probes(redis)
        watching = asyncio.create_task(probes.watch())
        begun = time.monotonic()
        sent = await load(broker, iter(records[options.burst :]), rate, probes, options)
        seconds = time.monotonic() - begun
        try:
            await asyncio.wait_for(watching, WAIT_SECONDS)
        except TimeoutError:
            print(f"{len(probes.sent_at)} probes were never seen", flush=True)
    await redis.aclose()
    found = probes.latencies
    return {
        "broker": broker.title,
        "peak": round(peak),
        "rate": round(sent / seconds),
        "probes": len(found),
        "lost": len(probes.sent_at),
        **{f"p{share}_ms": round(percentile(found, share / 100) * 1e3) for share in (50, 90, 99)},
        "most_ms": round(max(found) * 1e3),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    options = parse(__doc__, SIZES, arguments)
    with best_broker() as broker, valkey() as redis_url:
        found = asyncio.run(measure(broker, redis_url, options))
    write(options, "latency", found)
    print(
        f"{found['probes']} probes at {found['rate']:,} records/s: p50 {found['p50_ms']} ms, "
        f"p99 {found['p99_ms']} ms, most {found['most_ms']} ms; {found['lost']} lost"
    )


if __name__ == "__main__":
    main()
