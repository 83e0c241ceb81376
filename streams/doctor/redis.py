"""Checks of Redis: whether it can be written, what it does when it is full, what it keeps."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.doctor.findings import Finding, broken, doubtful, fine
from streams.identity import Claim, Restoring
from streams.settings import Settings

FULL_RATIO = 0.8
"""Above this share of `maxmemory` it is time to think of more."""

SKEW_SECONDS = 2.0
"""Between two machines on one network that NTP looks after there are milliseconds."""

PROBE_SECONDS = 60
"""The probe key removes itself, should the doctor be interrupted."""


async def check_redis(redis: Redis, settings: Settings) -> list[Finding]:
    """All checks of one Redis; raises RedisError where it is out of reach."""
    info: Mapping[str, Any] = await redis.info("everything")
    return [
        await _writable(redis, settings, info),
        cluster(info),
        eviction(info),
        memory(info),
        persistence(info),
        await _identities(redis, settings),
        await _clock(redis),
    ]


async def _writable(redis: Redis, settings: Settings, info: Mapping[str, Any]) -> Finding:
    name = str(info.get("server_name", "redis"))
    version = info.get(f"{name}_version", info.get("redis_version", "?"))
    key = f"{settings.redis_prefix}doctor:{uuid.uuid4().hex}"
    script = "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return redis.call('GET', KEYS[1])"
    try:
        answer = await redis.eval(script, 1, key, "probe", str(PROBE_SECONDS))
        await redis.delete(key)
    except RedisError as error:
        return broken(
            "redis",
            f"{name} {version} answers, but scripts cannot write: {error}",
            "A replica or a user without rights? manyi needs to read, write and run scripts",
        )
    if answer not in (b"probe", "probe"):
        return broken("redis", f"{name} {version} gave back something else", "Check its proxy")
    return fine("redis", f"{name} {version}, writable, keys begin with {settings.redis_prefix}")


def cluster(info: Mapping[str, Any]) -> Finding:
    """Whether it is one Redis, and the one that takes writes."""
    if info.get("cluster_enabled"):
        return broken(
            "redis mode",
            "this is a Redis Cluster; identity and alerts change several keys at once",
            "Use one Redis, with a replica and Sentinel for its safety",
        )
    role = str(info.get("role", "?"))
    if role != "master":
        return broken("redis mode", f"this is a {role}", "Name the primary in REDIS_URL")
    replicas = info.get("connected_slaves", 0)
    return fine("redis mode", f"one primary with {replicas} replicas")


def eviction(info: Mapping[str, Any]) -> Finding:
    """What a full Redis drops. Only `noeviction` says so instead of forgetting."""
    policy = str(info.get("maxmemory_policy", "?"))
    limit = int(info.get("maxmemory", 0))
    if policy == "noeviction" or not limit:
        said = f"maxmemory-policy {policy}" if limit else "no limit of memory, nothing is evicted"
        return fine("redis eviction", said)
    if policy.startswith("allkeys"):
        return broken(
            "redis eviction",
            f"{policy}: when full, it forgets who customers are, and intake stops to rebuild that",
            "CONFIG SET maxmemory-policy noeviction, and enough memory",
        )
    return doubtful(
        "redis eviction",
        f"{policy}: when full, it forgets which alerts were delivered, and repeats some",
        "CONFIG SET maxmemory-policy noeviction, and enough memory",
    )


def memory(info: Mapping[str, Any]) -> Finding:
    """How full it is."""
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    says = f"{used / 1e6:,.0f} MB used"
    if not limit:
        return fine("redis memory", f"{says}, no limit set")
    says += f" of {limit / 1e6:,.0f} MB"
    if used > FULL_RATIO * limit:
        return doubtful("redis memory", says, "Give it more: full, it refuses to be written")
    return fine("redis memory", says)


def persistence(info: Mapping[str, Any]) -> Finding:
    """What a restart of Redis costs. All of it can be rebuilt, so nothing here is broken."""
    if info.get("aof_enabled"):
        if info.get("aof_last_write_status", "ok") != "ok":
            return doubtful("redis persistence", "the append-only file fails", "Look at its disk")
        return fine("redis persistence", "append-only file")
    mend = "appendonly yes; without it a restart repeats the alerts of the last day"
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        return doubtful("redis persistence", "snapshots fail", "Look at its disk and its log")
    saved_at = int(info.get("rdb_last_save_time", 0))
    if int(info.get("rdb_saves", 0) or 0) == 0:
        return doubtful("redis persistence", "nothing was saved to disk since its start", mend)
    since = datetime.fromtimestamp(saved_at, UTC)
    return doubtful("redis persistence", f"snapshots only, the last at {since:%H:%M} UTC", mend)


async def _identities(redis: Redis, settings: Settings) -> Finding:
    """Whether records can be given to customers, or wait for the index to be rebuilt."""
    standing = await Restoring(redis, settings.redis_prefix).standing()
    if standing is None:
        return fine("identities", "no complete index: the next worker fills it from Kafka")
    if standing.claim is Claim.COMPLETE:
        return fine("identities", "the index is complete")
    return doubtful(
        "identities",
        f"the index was lost and is being rebuilt, {standing.links:,} links so far; records wait",
        "Wait: intake goes on by itself. Where it begins again and again, a worker's log says why",
    )


async def _clock(redis: Redis) -> Finding:
    before = datetime.now(UTC).timestamp()
    seconds, micros = await redis.time()
    after = datetime.now(UTC).timestamp()
    theirs = seconds + micros / 1e6
    skew = max(before - theirs, theirs - after, 0.0)
    if skew > SKEW_SECONDS:
        return doubtful(
            "clocks",
            f"Redis and this machine are {skew:,.1f} s apart",
            "Let NTP set both: leases and times of alerts rest on them",
        )
    return fine("clocks", f"Redis and this machine agree within {max(skew, after - before):.2f} s")
