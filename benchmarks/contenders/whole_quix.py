"""The whole job on Quix Streams: a dataframe per channel, one with state, Redis per event."""

from functools import partial
from typing import Any

import redis

from benchmarks.contenders.job import PARTITIONS, Meter
from benchmarks.contenders.quix import application
from benchmarks.contenders.whole import (
    IDENTITY_PREFIX,
    Rules,
    identified,
    read_whole_task,
    take,
)
from schemas.common import Channel


def run() -> None:
    """Fold what there is."""
    from quixstreams import message_context  # only in its own environment
    from quixstreams.models import Serializer, TopicConfig

    class SecondOfPair(Serializer):  # type: ignore[misc]
        """The value of a (key, value) pair that a dataframe publishes."""

        def __call__(self, value: Any, ctx: Any) -> Any:
            """Bytes already."""
            return value[1]

    task = read_whole_task()
    rules = Rules()
    cache = redis.Redis.from_url(task.redis_url)
    progress = {"taken": 0, "accepted": 0, "folded": 0}
    meter: Meter | None = None
    app = application(task.broker, task.group, **{"message.max.bytes": 15 << 20})
    raw: Any = {
        "value_deserializer": "bytes",
        "key_serializer": "bytes",
        "config": TopicConfig(num_partitions=PARTITIONS, replication_factor=1),
    }
    events = app.topic(task.events, value_serializer=SecondOfPair(), **raw)
    complaints = app.topic(task.complaints, value_serializer=SecondOfPair(), **raw)

    def finish() -> None:
        if progress["taken"] == task.count and progress["folded"] == progress["accepted"]:
            app.stop()

    def intake(channel: Channel, value: Any, *metadata: Any) -> list[tuple[str, bytes]]:
        nonlocal meter
        meter = meter or Meter()
        at = message_context()
        _, at_ms, _ = metadata  # key, timestamp, headers
        accepted = take(channel, at.topic, at.partition, at.offset, at_ms, value)
        progress["taken"] += 1
        if accepted is None:
            finish()
            return []
        keys: list[str] = [IDENTITY_PREFIX + handle for handle in accepted.handles]
        found: Any = cache.mget(keys)
        progress["accepted"] += 1
        return [identified(accepted, found)]

    def fold(event: Any, state: Any) -> list[tuple[str, bytes]]:
        row, effects = rules.fold(state.get_bytes("row"), event)
        state.set_bytes("row", row)
        progress["folded"] += 1
        finish()
        return effects

    for name, topic in task.sources.items():
        frame = app.dataframe(app.topic(topic, **raw))
        frame = frame.apply(partial(intake, Channel(name)), expand=True, metadata=True)
        frame.to_topic(events, key=key_of)
    app.dataframe(events).apply(fold, stateful=True, expand=True).to_topic(complaints, key=key_of)
    app.run()
    assert meter is not None
    meter.tell()


def key_of(pair: tuple[str, bytes]) -> bytes:
    """The key of a (key, value) pair."""
    return pair[0].encode()


if __name__ == "__main__":
    run()
