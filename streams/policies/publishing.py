"""What stands on `sla-policies.v1`, whether a file is news, and publishing it.

The latest `published_at` is in force. Two workers may hold different files for a while, in a
rolling deployment or because one is behind; then what is *new* wins, and nobody goes back by
himself: a worker publishes content that was never published, or a change of its file away from
what is in force. An old file on another worker is neither.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.customer import PolicyEntry
from schemas.events import PolicyPublished
from schemas.policy import PolicySet
from streams import topics
from streams.errors import UserError
from streams.reading import FETCH_WAIT_MS, begin_of, end_of, open_reader, read

log = logging.getLogger(__name__)

MAX_POLICY_BYTES = 512 * 1024
"""A version as JSON, holidays written out. It is copied into every partition's log, and must fit a
record with room to spare; the example files have 2 to 25 kB."""

FIND_TRIES, FIND_PAUSE_SECONDS = 15, 0.2
"""Brokers tell each other of a new topic within a second or so."""

PARTITION = TopicPartition(topics.SLA_POLICIES, 0)
"""One partition, so that there is one order."""

_decode = msgspec.json.Decoder(PolicyPublished).decode
_encode = msgspec.json.Encoder().encode


class Standing(StrEnum):
    """How a file's version stands to what is published."""

    NEWS = "news"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"


class Published:
    """The versions on `sla-policies.v1`, each as it was published last."""

    def __init__(self) -> None:
        self._by_version: dict[str, PolicyPublished] = {}

    def __contains__(self, version: str) -> bool:
        return version in self._by_version

    def __iter__(self) -> Iterator[PolicyPublished]:
        """Oldest first."""
        return iter(sorted(self._by_version.values(), key=_order))

    def take(self, record: PolicyPublished) -> bool:
        """Note a record; whether it says something new."""
        version = record.policy.digest
        known = self._by_version.get(version)
        if known is not None and known.published_at >= record.published_at:
            return False
        self._by_version[version] = record
        return True

    def read(self, value: bytes | None) -> bool:
        """Note a record as it stands on the topic; what this release cannot read is passed over."""
        if value is None:
            return False
        try:
            return self.take(_decode(value))
        except msgspec.MsgspecError as error:
            log.warning("a version on %s cannot be read here: %s", topics.SLA_POLICIES, error)
            return False

    @property
    def newest(self) -> PolicyPublished | None:
        """The version in force."""
        return max(self._by_version.values(), key=_order, default=None)

    def since(self, known: PolicyEntry | None) -> list[PolicyPublished]:
        """What came into force after that, oldest first."""
        if known is None:
            return list(self)
        later = [one for one in self if one.published_at > known.published_at]
        # Two workers may publish one file at one moment: nothing changes the second time.
        if later and later[0].policy.digest == known.version:
            del later[0]
        return later


def _order(record: PolicyPublished) -> tuple[datetime, str]:
    return record.published_at, record.policy.digest


def standing(published: Published, version: str, before: str | None = None) -> Standing:
    """How the version of a file stands, which held `before` until now (None: at the start).

    Content nobody published is news. So is older content, if this file said what is in force and
    was changed back; a file that never was up to date is only behind.
    """
    newest = published.newest
    if newest is None or version not in published:
        return Standing.NEWS
    if newest.policy.digest == version:
        return Standing.IN_FORCE
    if before is not None and before != version and newest.policy.digest == before:
        return Standing.NEWS
    return Standing.SUPERSEDED


def publication(
    published: Published, policy: PolicySet, by: str, now: datetime | None = None
) -> PolicyPublished:
    """The record that puts a version in force: later than all, whatever this machine's clock says.

    Raises UserError where the version is too large.
    """
    at = now or datetime.now(UTC)
    newest = published.newest
    if newest is not None:
        at = max(at, newest.published_at + timedelta(milliseconds=1))
    record = PolicyPublished(policy=policy, published_at=at, published_by=by)
    size = len(_encode(record))
    if size > MAX_POLICY_BYTES:
        raise UserError(
            f"The policy of {by} takes {size:,} bytes with its holidays written out, more than "
            f"{MAX_POLICY_BYTES:,}",
            "Name fewer countries or closures in one file",
        )
    return record


def record_of(published: PolicyPublished) -> tuple[bytes, bytes]:
    """Key and value on `sla-policies.v1`."""
    return published.policy.digest.encode(), _encode(published)


async def read_published(clients: Mapping[str, Any]) -> Published:
    """Every version that is published now; `clients` is what aiokafka needs to connect."""
    published = Published()
    async with reader(clients) as consumer:
        begin, end = await begin_of(consumer, PARTITION), await end_of(consumer, PARTITION)
        async for records in read(consumer, PARTITION, begin, end):
            for record in records:
                published.read(record.value)
    return published


async def publish_policy(
    clients: Mapping[str, Any], policy: PolicySet, by: str, published: Published
) -> PolicyPublished:
    """Put a version in force; returns once the broker has it."""
    record = publication(published, policy, by)
    key, value = record_of(record)
    async with AIOKafkaProducer(**clients, acks="all") as producer:
        await producer.send_and_wait(topics.SLA_POLICIES, value, key, partition=0)
    published.take(record)
    return record


@asynccontextmanager
async def reader(
    clients: Mapping[str, Any], fetch_wait_ms: int = FETCH_WAIT_MS
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of the topic from its beginning, in no group. Raises UserError without a topic."""
    async with open_reader(clients, "manyi-policies", fetch_wait_ms) as consumer:
        # Before anything is assigned: then it knows nothing else. A new topic is told of late.
        for _ in range(FIND_TRIES):
            if topics.SLA_POLICIES in await consumer.topics():
                break
            await asyncio.sleep(FIND_PAUSE_SECONDS)
        else:
            raise UserError(
                f"The broker has no topic {topics.SLA_POLICIES}",
                "A worker creates it, or: manyi topics apply",
            )
        consumer.assign([PARTITION])
        yield consumer
