"""The engine job as the documentation of Quix Streams writes it: a dataframe with state."""

import tempfile
from typing import Any

from benchmarks.contenders.job import Meter, read_task

CONSUMER = {
    "queued.min.messages": 100_000,
    "max.partition.fetch.bytes": 4 << 20,
    "session.timeout.ms": 10_000,
}
PRODUCER = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 50,
    "batch.size": 1 << 20,
    "queue.buffering.max.messages": 1_000_000,
}
COMMIT_SECONDS = 1.0


def fold(purchase: Any, state: Any) -> None:
    """One record."""
    account = state.get("account") or {"count": 0, "total": 0, "recent": []}
    state.set(
        "account",
        {
            "count": account["count"] + 1,
            "total": account["total"] + purchase["amount"],
            "recent": [*account["recent"], purchase["id"]][-10:],
        },
    )


def application(broker: str, group: str, **producer: Any) -> Any:
    """An app that commits every second; `producer` adds to its producer's settings."""
    from quixstreams import Application  # only in its own environment

    return Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=COMMIT_SECONDS,
        consumer_extra_config=CONSUMER,
        producer_extra_config=PRODUCER | producer,
        state_dir=tempfile.mkdtemp(prefix="bench-"),
        loglevel="ERROR",
    )


def run() -> None:
    """Fold what there is."""
    task = read_task()
    app = application(task.broker, task.group)
    purchases = app.dataframe(app.topic(task.source, value_deserializer="json"))
    purchases.update(fold, stateful=True)
    meter = Meter()
    app.run(count=task.count, timeout=60.0, collect=False)
    meter.tell()


if __name__ == "__main__":
    run()
