"""Servers of one run: Apache Kafka or the embedded broker, topics, and records in bulk."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.kafka import KafkaUnavailable, LocalKafka, remove_topics
from streams.embedded import EmbeddedServices
from streams.engine import partition_of

LENT = "BENCH_KAFKA"
"""Environment variable: the address of a local Kafka to use, and to empty before every use, instead
of starting one for each part. For tests that want to know only whether a part runs."""
BATCH_BYTES = 1 << 20
COMPACT = {"cleanup.policy": "compact", "max.message.bytes": str(16 << 20)}


class Broker(NamedTuple):
    """One broker, and what it can do."""

    title: str
    address: str
    idempotent: bool


@contextlib.contextmanager
def brokers(wanted: str) -> Iterator[list[Broker]]:
    """Every broker to be had of `embedded`, `kafka` or `both`; says why where one is missing."""
    with contextlib.ExitStack() as stack:
        found = []
        if wanted in ("kafka", "both"):
            try:
                found.append(Broker("Apache Kafka", stack.enter_context(_kafka()), True))
            except KafkaUnavailable as reason:
                print(f"SKIPPED: no Apache Kafka here: {reason}", flush=True)
        if wanted in ("embedded", "both"):
            services = stack.enter_context(EmbeddedServices())
            found.append(Broker("embedded broker", services.bootstrap_servers, False))
        yield found


@contextlib.contextmanager
def _kafka() -> Iterator[str]:
    """The address of an empty Kafka: a new one, or the one that was lent."""
    if lent := os.environ.get(LENT):
        with ThreadPoolExecutor(1) as pool:  # whoever asks may have an event loop
            pool.submit(asyncio.run, remove_topics(lent)).result()
        yield lent
        return
    with LocalKafka() as kafka:
        yield kafka.bootstrap_servers


@contextlib.contextmanager
def best_broker() -> Iterator[Broker]:
    """Apache Kafka, or the embedded broker where there is none."""
    with brokers("kafka") as found, contextlib.ExitStack() as stack:
        yield (found or stack.enter_context(brokers("embedded")))[0]


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """The address of a Valkey of our own."""
    with EmbeddedServices(broker=False) as services:
        yield services.redis_url


async def create_topics(
    broker: str, topics: Mapping[str, Mapping[str, str]], partitions: int
) -> None:
    """Create topics (name -> configuration)."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(name, partitions, 1, topic_configs=dict(config))
                for name, config in topics.items()
            ]
        )
    finally:
        await admin.close()


async def publish(
    broker: str,
    topic: str,
    partitions: int,
    records: Iterable[tuple[bytes, bytes, int | None]],
    key_start: int = 0,
) -> int:
    """Append (key, value, timestamp in ms or None) in record batches; returns how many.

    The partition is that of the key without its first `key_start` bytes, as rows lie where their
    customers' events do.
    """
    # A topic that was just created has no leader for a moment; the producer tries again by itself.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, max_batch_size=BATCH_BYTES, max_request_size=16 << 20
    )
    await producer.start()
    batches: dict[int, Any] = {}
    count = 0
    try:
        for key, value, at_ms in records:
            count += 1
            partition = partition_of(key[key_start:], partitions)
            batch = batches.get(partition)
            if batch is None or batch.append(key=key, value=value, timestamp=at_ms) is None:
                if batch is not None:
                    await producer.send_batch(batch, topic, partition=partition)
                batch = batches[partition] = producer.create_batch()
                batch.append(key=key, value=value, timestamp=at_ms)
        for partition, batch in batches.items():
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    return count
