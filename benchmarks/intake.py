"""What taking in a record costs: `python -m benchmarks.intake`.

CPU time on one core, best of several rounds, simulated traffic: decoding alone, the whole of intake
per channel, and the identity index on an embedded Valkey (wall clock, server included).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import orjson
from redis.asyncio import Redis

from agents.intake import Accepted, IntakeSettings, take_in
from agents.simulation import simulate
from schemas.codec import decode_channel_record
from schemas.common import Channel
from schemas.interaction import Origin
from streams.embedded import EmbeddedServices
from streams.identity import IdentityIndex, Restoring

EVENTS = 20_000
ROUNDS = 7
CALL = 1_000
START_AT = datetime(2026, 3, 2, tzinfo=UTC)

Record = tuple[bytes, datetime]


def traffic() -> dict[Channel, list[Record]]:
    """Return simulated records as published, per channel."""
    records: dict[Channel, list[Record]] = {channel: [] for channel in Channel}
    names = [channel.value for channel in Channel]
    for event in simulate(7, EVENTS, START_AT, channels=names):
        if not isinstance(event.record, bytes):
            records[Channel(event.channel)].append((orjson.dumps(event.record), event.at))
    return records


def best(work: Callable[[], None], count: int) -> float:
    """Return the least CPU time of one of `count` things, in microseconds."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        work()
        spent.append(time.thread_time() - begun)
    return min(spent) / count * 1e6


def measure_intake(records: dict[Channel, list[Record]]) -> None:
    """Print what decoding and intake cost per record."""
    settings = IntakeSettings(default_region="CN")
    print("channel  records  bytes  decode us  intake us")
    for channel, sent in records.items():

        def decode(channel: Channel = channel, sent: Sequence[Record] = sent) -> None:
            for raw, at in sent:
                decode_channel_record(channel, raw, at)

        def intake(channel: Channel = channel, sent: Sequence[Record] = sent) -> None:
            for offset, (raw, at) in enumerate(sent):
                take_in(raw, (), channel, at, Origin("benchmark", 0, offset), settings)

        size = sum(len(raw) for raw, _ in sent) / len(sent)
        costs = best(decode, len(sent)), best(intake, len(sent))
        print(f"{channel:7}  {len(sent):7}  {size:5.0f}  {costs[0]:9.1f}  {costs[1]:9.1f}")


async def measure_identity(url: str, records: dict[Channel, list[Record]]) -> None:
    """Print what a call of the index takes, for new and for known handles."""
    settings = IntakeSettings(default_region="CN")
    outcomes = [
        take_in(raw, (), channel, at, Origin("benchmark", 0, offset), settings)
        for channel, sent in records.items()
        for offset, (raw, at) in enumerate(sent)
    ]
    sets = [o.handles for o in outcomes if isinstance(o, Accepted)][:CALL]
    handles = sum(map(len, sets))
    client = Redis.from_url(url)
    empty = Restoring(client, "benchmark:")
    await empty.begin()
    await empty.finish(1)
    index = IdentityIndex(client, "benchmark:")
    print(f"identity: {len(sets)} records a call, {handles} handles")
    for name in ("first call", *(f"known, {n + 1}" for n in range(3))):
        begun = time.perf_counter()
        await index.resolve(sets)
        spent = (time.perf_counter() - begun) * 1e6
        print(f"  {name:10}  {spent / 1e3:6.1f} ms  {spent / handles:5.1f} us a handle")
    await client.aclose()


def main() -> None:
    """Run all."""
    records = traffic()
    measure_intake(records)
    with EmbeddedServices(broker=False) as services:
        asyncio.run(measure_identity(services.redis_url, records))


if __name__ == "__main__":
    main()
