"""The whole job as a good Faust user writes it: two agents, a table, Redis per event."""

from typing import Any

import redis.asyncio

from benchmarks.contenders.faust_app import end, faust_app
from benchmarks.contenders.job import PARTITIONS, Meter
from benchmarks.contenders.whole import (
    IDENTITY_PREFIX,
    Rules,
    identified,
    read_whole_task,
    take,
)
from schemas.common import Channel

task = read_whole_task()
app = faust_app(task.broker, task.group, producer_max_request_size=16 << 20)
raw: Any = {"key_serializer": "raw", "value_serializer": "raw"}
channels = app.topic(*task.sources.values(), **raw)
events = app.topic(task.events, partitions=PARTITIONS, **raw)
published = app.topic(task.complaints, **raw)
customers = app.Table("customers", partitions=PARTITIONS, key_type=bytes, value_type=bytes)
channel_of = {topic: Channel(name) for name, topic in task.sources.items()}
rules = Rules()
cache = redis.asyncio.Redis.from_url(task.redis_url)
meter: Meter | None = None
taken = accepted = folded = 0


@app.agent(channels)
async def intake(stream: Any) -> None:
    """Who is it? One record after another."""
    global meter, taken, accepted
    async for event in stream.events():
        meter = meter or Meter()
        message = event.message
        outcome = take(
            channel_of[message.topic],
            message.topic,
            message.partition,
            message.offset,
            int(message.timestamp * 1_000),
            message.value,
        )
        if outcome is not None:
            keys = [IDENTITY_PREFIX + handle for handle in outcome.handles]
            found: Any = await cache.mget(keys)
            customer_id, value = identified(outcome, found)
            accepted += 1
            await events.send(key=customer_id.encode(), value=value)
        taken += 1
        await finish()


@app.agent(events)
async def customer(stream: Any) -> None:
    """The customer's row, one event after another."""
    global folded
    async for key, value in stream.items():
        row, effects = rules.fold(customers.get(key), value)
        customers[key] = row
        for name, body in effects:
            await published.send(key=name.encode(), value=body)
        folded += 1
        await finish()


async def finish() -> None:
    """Tell what it took once everything is folded."""
    if taken == task.count and folded == accepted and meter is not None:
        await end(app, meter)


if __name__ == "__main__":
    app.main()
