"""What the contenders on plain Faust share: the app, and how it ends."""

import asyncio
import os
import sys
import tempfile
from typing import Any

import faust

from benchmarks.contenders.job import PARTITIONS, Meter


def faust_app(broker: str, group: str, **settings: Any) -> faust.App:
    """An app to be started by `main`, whatever the command line says."""
    sys.argv = [sys.argv[0], "--loop=uvloop", "worker", "--loglevel=error", "--without-web"]
    return faust.App(
        group,
        broker=f"kafka://{broker}",
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        datadir=tempfile.mkdtemp(prefix="bench-"),
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        **settings,
    )


async def end(app: faust.App, meter: Meter) -> None:
    """Tell what it took, and leave everything in Kafka."""
    meter.tell()
    await asyncio.sleep(1.0)  # the last changes wait in Faust's buffer
    await app.producer.flush()
    os._exit(0)
