"""All checks in order; each bounded in time, and none stops those that do not depend on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.doctor import kafka, policy, rules
from streams.doctor import redis as redis_checks
from streams.doctor.findings import Finding, broken, unknown
from streams.engine import Consumer
from streams.refusals import refusal
from streams.settings import Settings
from streams.topic_plan import open_admin

CHECK_SECONDS = 20.0
"""One check; what takes longer is told as such."""

CONNECT_SECONDS = 10.0

Check = Awaitable[Finding] | Awaitable[list[Finding]]


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Every finding, as soon as it is made."""
    yield rules.check_policy(settings)
    yield rules.check_region(settings)
    yield await rules.check_port(settings)
    async for finding in _kafka(settings):
        yield finding
    async for finding in _redis(settings):
        yield finding
    for finding in await _bounded("alerts", rules.check_receivers(settings)):
        yield finding


async def _kafka(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            admin = await open_admin(settings.kafka_clients())
    except (KafkaError, OSError, TimeoutError) as error:
        why, hint = await refusal(settings) or (
            f"{settings.bootstrap_servers} cannot be reached as {settings.security_protocol}: "
            f"{error or 'no answer'}",
            "Start it, or correct KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL",
        )
        yield broken("broker", why, hint)
        for check in ("topics", "lag", "dead letters", "publishers", policy.CHECK):
            yield unknown(check, "needs the broker")
        return
    # With the group's name it can ask for offsets; without a subscription it never joins.
    consumer = Consumer(
        **settings.kafka_clients(),
        group_id=settings.group,
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    try:
        await consumer.start()
        async for finding in _with_clients(admin, consumer, settings):
            yield finding
    finally:
        await consumer.stop()
        await admin.close()


async def _with_clients(
    admin: AIOKafkaAdminClient, consumer: Consumer, settings: Settings
) -> AsyncIterator[Finding]:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    present: dict[str, Sequence[TopicPartition]] = {}

    async def topics() -> list[Finding]:
        found = await kafka.check_topics(admin, settings)
        present.update(await kafka.partitions_of(admin))
        return found

    checks: list[tuple[str, Callable[[], Check]]] = [
        ("broker", partial(kafka.check_broker, admin, settings)),
        ("topics", topics),
        ("lag", partial(kafka.check_lag, consumer, present, settings)),
        ("dead letters", partial(kafka.check_dead_letters, consumer, present, now_ms)),
        ("publishers", partial(kafka.check_publishers, consumer, present, now_ms)),
        (policy.CHECK, partial(policy.check_version, settings)),
    ]
    for name, check in checks:
        for finding in await _bounded(name, check()):
            yield finding


async def _redis(settings: Settings) -> AsyncIterator[Finding]:
    client: Redis = Redis.from_url(settings.redis_url, socket_connect_timeout=CONNECT_SECONDS)
    try:
        for finding in await _bounded("redis", redis_checks.check_redis(client, settings)):
            yield finding
        for finding in await _bounded("deliveries", rules.check_deliveries(client, settings)):
            yield finding
    finally:
        await client.aclose()


async def _bounded(name: str, check: Check) -> list[Finding]:
    """The findings of one check, or that it failed or took too long."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            found = await check
    except TimeoutError:
        return [broken(name, f"no answer within {CHECK_SECONDS:.0f} s", "Look at the server's log")]
    except (RedisError, OSError) as error:
        mend = "Start it, or correct REDIS_URL" if name in ("redis", "deliveries") else "See above"
        return [broken(name, f"cannot be reached: {error}", mend)]
    except KafkaError as error:
        return [broken(name, f"the broker refuses: {error!r}", "Check the rights of our user")]
    return found if isinstance(found, list) else [found]
