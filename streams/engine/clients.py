"""The aiokafka clients the engine uses, built from its settings in one place."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError

from streams.engine.assignor import by_topic_assignor
from streams.engine.errors import ConfigurationError
from streams.engine.lean import LeanConsumer
from streams.engine.settings import EngineSettings

__all__ = [
    "Rebalanced",
    "TopicPartition",
    "build_admin",
    "build_consumer",
    "build_producer",
    "build_reader",
    "check_topics",
    "describe_error",
    "start_patiently",
]

T = TypeVar("T")

log = logging.getLogger(__name__)


class Rebalanced(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Turns aiokafka's listener object into two callables.

    aiokafka logs and swallows what these raise, so they must deal with their own errors.
    """

    def __init__(
        self,
        revoked: Callable[[Iterable[TopicPartition]], Awaitable[None]],
        assigned: Callable[[Iterable[TopicPartition]], None],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Before a rebalance: let go."""
        await self._revoked(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """After a rebalance: heartbeats start only when this has returned."""
        self._assigned(assigned)


def _assignor(settings: EngineSettings) -> type:
    """The assignor class, one per engine: aiokafka's sticky one keeps state on the class."""
    if settings.assignor == "range":
        return RangePartitionAssignor  # type: ignore[no-any-return]
    if settings.assignor == "roundrobin":
        return RoundRobinPartitionAssignor  # type: ignore[no-any-return]
    if settings.assignor == "sticky":
        return type("StickyPartitionAssignor", (StickyPartitionAssignor,), {})
    return by_topic_assignor()


def _common(settings: EngineSettings) -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": settings.client_id,
        **settings.security,
    }


def build_producer(settings: EngineSettings) -> Any:
    """The producer for effects and changelogs."""
    return AIOKafkaProducer(
        acks="all",
        enable_idempotence=settings.idempotent,
        compression_type=settings.compression,
        max_batch_size=settings.max_request_bytes,
        max_request_size=settings.max_request_bytes,
        request_timeout_ms=int(settings.request_timeout_seconds * 1000),
        **_common(settings),
    )


def build_consumer(settings: EngineSettings) -> Any:
    """The member of the consumer group."""
    return LeanConsumer(
        group_id=settings.group_id,
        group_instance_id=settings.group_instance_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=int(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(settings.heartbeat_interval_seconds * 1000),
        rebalance_timeout_ms=int(settings.rebalance_timeout_seconds * 1000),
        max_partition_fetch_bytes=settings.fetch_bytes,
        fetch_max_wait_ms=int(settings.gather_least_seconds * 1000),
        fetch_min_bytes=settings.fetch_gather_bytes,
        hold_seconds=settings.fetch_hold_seconds,
        partition_assignment_strategy=[_assignor(settings)],
        **_common(settings),
    )


def build_reader(settings: EngineSettings) -> Any:
    """A consumer outside the group that reads changelogs in bulk."""
    return LeanConsumer(
        auto_offset_reset="earliest",  # a "latest" in flight while we seek would win: 0 records
        enable_auto_commit=False,
        max_partition_fetch_bytes=settings.restore_fetch_bytes,
        fetch_max_bytes=settings.restore_fetch_bytes,
        fetch_max_wait_ms=int(settings.restore_wait_seconds * 1000),
        **_common(settings),
    )


def build_admin(settings: EngineSettings) -> Any:
    """For topic metadata and the offsets of the whole group."""
    return AIOKafkaAdminClient(**_common(settings))


async def start_patiently(what: str, start: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Start a client, waiting up to `seconds` for a broker that is not up yet.

    Raises the last connection error after that.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + seconds
    while True:
        try:
            return await start()
        except KafkaConnectionError as error:
            if loop.time() >= give_up:
                raise
            log.warning("%s cannot reach the broker yet: %s", what, error)
            await asyncio.sleep(1.0)


async def check_topics(admin: Any, wanted: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Partition counts by topic, after checking that every topic exists and its group agrees.

    `wanted` maps a group of topics that must have the same number of partitions (a stage: its
    sources and its changelog) to its topics. Raises `ConfigurationError` naming what is missing.
    """
    counts: dict[str, int] = {}
    for topic in await admin.describe_topics(None):
        if not topic["error_code"]:
            counts[topic["topic"]] = len(topic["partitions"])
    for stage, topics in wanted.items():
        if missing := [topic for topic in topics if topic not in counts]:
            raise ConfigurationError(
                f"stage {stage}: topics do not exist: {', '.join(missing)}. Create them first"
            )
        if len({counts[topic] for topic in topics}) > 1:
            found = ", ".join(f"{topic}={counts[topic]}" for topic in topics)
            raise ConfigurationError(
                f"stage {stage}: topics need the same number of partitions, found {found}"
            )
    return counts


def describe_error(error: BaseException) -> str:
    """One line for logs; aiokafka's errors begin with their own name."""
    text, kind = str(error), type(error).__name__
    return text if text.startswith(kind) else f"{kind}: {text}"
