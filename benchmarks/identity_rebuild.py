"""What rebuilding the identity index costs: links on the embedded broker, into an empty Valkey.

    python -m benchmarks.identity_rebuild 1000000

Three links a customer. Prints wall time, CPU of the worker's side (reading, decoding) and of the
Valkey, and the memory of both. CPU is what can be compared on a machine that does other things.
"""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from schemas.events import IdentityLink
from streams import topic_plan, topics
from streams.embedded import EmbeddedServices
from streams.identity import IdentityRebuild, Link, Restoring, link_effects, read_links
from streams.identity.rebuild import Keep

LINKS = 200_000
PARTITIONS = 8
HANDLES_A_CUSTOMER = 3


async def publish(servers: dict[str, str], count: int) -> None:
    """Put links of invented customers on the topic, as intake does."""
    admin = await topic_plan.open_admin(servers)
    await topic_plan.apply(admin, topics.topics(PARTITIONS), 1)
    await admin.close()
    producer = AIOKafkaProducer(**servers, max_batch_size=1 << 20)
    await producer.start()
    now, batch, filled = datetime.now(UTC), producer.create_batch(), 0
    for number in range(count):
        link = IdentityLink(
            handle=f"email:customer.number.{number}@mail.example.com",
            customer_id=str(UUID(int=number // HANDLES_A_CUSTOMER)),
            linked_at=now,
            evidence=f"crm:{number}",
            epoch=1,
        )
        (effect,) = link_effects([link])
        if batch.append(key=effect.key, value=effect.value, timestamp=None) is None:
            await producer.send_batch(batch, effect.topic, partition=filled % PARTITIONS)
            batch, filled = producer.create_batch(), filled + 1
            batch.append(key=effect.key, value=effect.value, timestamp=None)
    await producer.send_batch(batch, topics.IDENTITY_LINKS, partition=filled % PARTITIONS)
    await producer.stop()


def used(info: dict[str, Any]) -> float:
    """CPU seconds of the Valkey so far."""
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


async def measure(count: int) -> None:
    """Publish, rebuild, print."""
    with EmbeddedServices() as services:
        servers = {"bootstrap_servers": services.bootstrap_servers}
        await publish(servers, count)
        redis = Redis.from_url(services.redis_url)

        async def fence() -> int:
            return 2

        def read(keep: Keep) -> AsyncIterator[list[Link]]:
            return read_links(servers, exact_ends=False, still_here=keep)

        rebuild = IdentityRebuild(Restoring(redis, "benchmark:"), fence, read)
        before = resource.getrusage(resource.RUSAGE_SELF)
        theirs, wall, cpu = used(await redis.info("cpu")), time.perf_counter(), time.process_time()
        await rebuild.ensure()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        theirs = used(await redis.info("cpu")) - theirs
        after = resource.getrusage(resource.RUSAGE_SELF)
        memory = (await redis.info("memory"))["used_memory"] / 1e6
        await redis.aclose()
    grown = (after.ru_maxrss - before.ru_maxrss) / 1024
    print(f"{count:,} links: {wall:.1f} s, CPU {cpu:.1f} s here and {theirs:.1f} s in Valkey;")
    print(f"memory {grown:+.1f} MB here, {memory:.0f} MB in Valkey")


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else LINKS))
