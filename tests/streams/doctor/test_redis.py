"""What the doctor says about a Redis."""

from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from streams.doctor import Health
from streams.doctor.redis import check_redis, cluster, eviction, memory, persistence
from streams.embedded import EmbeddedServices
from streams.identity import Link, Restoring
from streams.settings import Settings, load_settings


def settings_for(services: EmbeddedServices) -> Settings:
    """Settings of the embedded servers."""
    return replace(load_settings({}, servers=services), redis_prefix="doctor-test:")


@pytest.mark.integration
async def test_the_embedded_one_is_fit_and_left_clean(embedded: EmbeddedServices) -> None:
    """Nothing is broken about the Valkey of the demo, and the probe key is gone afterwards."""
    redis = Redis.from_url(embedded.redis_url)
    try:
        findings = await check_redis(redis, settings_for(embedded))
        assert Health.BROKEN not in {finding.health for finding in findings}
        assert await redis.keys("doctor-test:*") == []
    finally:
        await redis.aclose()


@pytest.mark.integration
async def test_how_the_identity_index_stands_is_told(embedded: EmbeddedServices) -> None:
    """Not there yet, being rebuilt, complete: who waits for records to go on learns why."""
    redis = Redis.from_url(embedded.redis_url)
    settings = replace(settings_for(embedded), redis_prefix="doctor-identities:")

    async def said() -> tuple[Health, str]:
        (finding,) = [f for f in await check_redis(redis, settings) if f.check == "identities"]
        return finding.health, finding.says

    try:
        index = Restoring(redis, settings.redis_prefix)
        assert await said() == (
            Health.FINE,
            "no complete index: the next worker fills it from Kafka",
        )
        await index.begin()
        await index.restore([Link("crm:1", "a" * 36, 1)], 0)
        health, text = await said()
        assert health is Health.DOUBTFUL
        assert "1 links so far" in text
        await index.finish(1)
        assert await said() == (Health.FINE, "the index is complete")
    finally:
        await redis.delete(*await redis.keys("doctor-identities:*"))
        await redis.aclose()


async def test_one_that_is_not_there_is_an_error_of_the_client() -> None:
    """The examination words it; the check does not pretend."""
    redis = Redis.from_url("redis://127.0.0.1:1")
    settings = load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": "localhost:1", "REDIS_URL": "redis://127.0.0.1:1"}
    )
    with pytest.raises(RedisConnectionError):
        await check_redis(redis, settings)
    await redis.aclose()


@pytest.mark.parametrize(
    ("policy", "limit", "health"),
    [
        ("noeviction", 1_000, Health.FINE),
        ("allkeys-lru", 0, Health.FINE),
        ("allkeys-lru", 1_000, Health.BROKEN),
        ("allkeys-random", 1_000, Health.BROKEN),
        ("volatile-ttl", 1_000, Health.DOUBTFUL),
    ],
)
def test_what_a_full_redis_forgets(policy: str, limit: int, health: Health) -> None:
    """Forgetting identities stops intake; forgetting deliveries repeats alerts."""
    assert eviction({"maxmemory_policy": policy, "maxmemory": limit}).health is health


@pytest.mark.parametrize(
    ("info", "health"),
    [
        ({"cluster_enabled": 1, "role": "master"}, Health.BROKEN),
        ({"cluster_enabled": 0, "role": "slave"}, Health.BROKEN),
        ({"cluster_enabled": 0, "role": "master", "connected_slaves": 1}, Health.FINE),
    ],
)
def test_only_one_primary_will_do(info: dict[str, Any], health: Health) -> None:
    """Several keys change at once, and a replica takes no writes."""
    assert cluster(info).health is health


@pytest.mark.parametrize(
    ("info", "health"),
    [
        ({"aof_enabled": 1, "aof_last_write_status": "ok"}, Health.FINE),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, Health.DOUBTFUL),
        ({"aof_enabled": 0, "rdb_saves": 3, "rdb_last_save_time": 1}, Health.DOUBTFUL),
        ({"aof_enabled": 0}, Health.DOUBTFUL),
    ],
)
def test_what_a_restart_costs_is_told(info: dict[str, Any], health: Health) -> None:
    """Everything in Redis can be rebuilt, so nothing of this is broken, but it is said."""
    finding = persistence(info)
    assert finding.health is health
    assert bool(finding.mend) is (health is not Health.FINE)


def test_a_nearly_full_redis_is_told_in_time() -> None:
    """At four fifths there is still time to do something."""
    assert memory({"used_memory": 79, "maxmemory": 100}).health is Health.FINE
    assert memory({"used_memory": 81, "maxmemory": 100}).health is Health.DOUBTFUL
    assert memory({"used_memory": 81}).health is Health.FINE
