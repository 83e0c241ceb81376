"""Brings every version of the policy to the partitions this worker owns, and its own file to all.

Which version judges must be a function of each partition's log, not of when a worker looked. So a
version takes hold where its `PolicyChanged` stands in that log, beside the events it is about; the
rows keep it, and a replay meets it at the same place. This service only sees to it that it gets
there: it compares what a lane's rows know with what is published, and sends what is missing, as
often as it takes. A version that comes twice, or late, changes nothing
(`agents.complaints.versions`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import mode
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import json

from schemas.events import POLICY_KEY, PolicyPublished
from schemas.policy import PolicySet
from streams import topics
from streams.engine import Effect, Engine, EngineError
from streams.errors import UserError
from streams.policies.observer import PolicyObserver, Reload
from streams.policies.publishing import (
    PARTITION,
    Published,
    Standing,
    publication,
    publish_policy,
    read_published,
    reader,
    record_of,
    standing,
)
from streams.policies.settings import PolicySettings
from streams.policies.telling import PolicyTeller, changed
from streams.policies.watch import PolicyFile
from streams.reading import ends_of, open_reader
from streams.topic_plan import partitions_of

log = logging.getLogger(__name__)

BUILT_IN = "built in"
FOLLOW_MS = 1_000
"""How long a look at the topic may wait for the next version; one that comes ends the wait."""

_encode = json.Encoder().encode


class PolicyService(mode.Service):
    """Follows `sla-policies.v1`, watches this worker's file and tells its lanes."""

    def __init__(
        self,
        engine: Engine,
        clients: Mapping[str, Any],
        policy: PolicySet,
        file: PolicyFile | None = None,
        *,
        settings: PolicySettings | None = None,
        observer: PolicyObserver | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        **kwargs: Any,
    ) -> None:
        """`policy` is what this worker was started with, read from `file` or built in."""
        super().__init__(**kwargs)
        self.engine = engine
        self.settings = settings or PolicySettings()
        self.published = Published()
        self.error = ""
        """What is wrong with the file; empty where nothing is."""
        self.superseded = ""
        """The version in the file, where another came into force after it."""
        self._clients = clients
        self._policy = policy
        self._file = file
        self._observer = observer or PolicyObserver()
        self._teller = PolicyTeller(
            engine, self.settings, self._observer, clock, lambda: self.should_stop
        )
        self._clock = clock
        self._look_now = asyncio.Event()

    # --- before the engine starts ----------------------------------------------------------------

    async def prepare(self) -> None:
        """Publish what this worker was started with, if it is news, and tell empty partitions.

        A new installation so has a version at the head of every partition, before any complaint.
        Another worker may do the same at the same moment: what comes second is no news.
        """
        self.published = await read_published(self._clients)
        if self._file is not None:  # so that its next change is told from this state
            seen = await asyncio.to_thread(self._file.read)
            self._policy = seen.policy or self._policy
        await self._offer(self._policy, before=None)
        found = await partitions_of(self._clients, topics.CUSTOMER_EVENTS)
        async with open_reader(self._clients, "manyi-policies") as consumer:
            ends = await ends_of(
                consumer,
                [
                    TopicPartition(topics.CUSTOMER_EVENTS, n)
                    for n in found.get(topics.CUSTOMER_EVENTS, ())
                ],
            )
        empty = [tp for tp, end in ends.items() if end == 0]
        if not empty:
            return
        async with AIOKafkaProducer(**self._clients, acks="all") as producer:
            for tp in empty:
                for record in self.published:
                    value = _encode(changed(record))
                    await producer.send_and_wait(tp.topic, value, POLICY_KEY, tp.partition)

    # --- the file --------------------------------------------------------------------------------

    def look_now(self) -> None:
        """Read the file at once, changed or not (SIGHUP)."""
        self._look_now.set()

    def notes(self) -> list[str]:
        """What a person should look at, although everything works."""
        notes = []
        if self.error:
            notes.append(f"the policy file is refused, what was in force stays: {self.error}")
        newest = self.published.newest
        if self.superseded and newest is not None:
            notes.append(
                f"the policy file holds version {self.superseded}, but {newest.policy.digest} "
                f"({newest.published_by}) came into force after it; `manyi policy publish` puts "
                "the file in force"
            )
        return notes

    @mode.Service.task
    async def _watch(self) -> None:
        file = self._file
        if file is None:
            return
        while not self.should_stop:
            asked = await self._rest(self.settings.poll_seconds)
            if self.should_stop:
                return
            if not asked and not await asyncio.to_thread(file.changed):
                continue
            if not asked and not await self._is_at_rest(file):
                continue
            try:
                await self.reload()
            except (KafkaError, EngineError) as error:
                log.warning("the changed policy cannot be published yet: %s", error)
                self._look_now.set()
                await self.sleep(self.settings.retry_seconds)

    async def _rest(self, seconds: float) -> bool:
        """Wait; whether somebody asked to look now."""
        try:
            await asyncio.wait_for(self._look_now.wait(), seconds)
        except TimeoutError:
            return False
        self._look_now.clear()
        return True

    async def _is_at_rest(self, file: PolicyFile) -> bool:
        before = await asyncio.to_thread(file.marks)
        await self.sleep(self.settings.rest_seconds)
        return await asyncio.to_thread(file.marks) == before

    async def reload(self) -> Reload:
        """Read the file; publish it if it is news. What is broken is refused, and told."""
        assert self._file is not None
        seen = await asyncio.to_thread(self._file.read)
        if seen.policy is None:
            return self._refuse(seen.error)
        try:
            outcome = await self._offer(seen.policy, before=self._policy.digest)
        except UserError as error:
            return self._refuse(error.message)
        self.error = ""
        self._policy = seen.policy
        return outcome

    def _refuse(self, error: str) -> Reload:
        if error != self.error:
            log.error("the policy file is refused, what was in force stays: %s", error)
        self.error = error
        self._observer.reloaded(Reload.REFUSED)
        return Reload.REFUSED

    async def _offer(self, policy: PolicySet, before: str | None) -> Reload:
        """Publish a file's version if it is news."""
        version = policy.digest
        stands = standing(self.published, version, before)
        by = BUILT_IN if self._file is None else self._file.path.name
        if self._file is None and self.published.newest is not None:
            stands = Standing.IN_FORCE  # no file: whatever is published holds
        self.superseded = version if stands is Standing.SUPERSEDED else ""
        outcome = Reload(stands.value) if stands is not Standing.NEWS else Reload.PUBLISHED
        if stands is Standing.NEWS:
            if before is None:
                await publish_policy(self._clients, policy, by, self.published)
            else:
                await self._publish(publication(self.published, policy, by, self._clock()))
            log.info("policy %s of %s is published", version, by)
        elif stands is Standing.SUPERSEDED:
            log.warning("%s", self.notes()[-1])
        self._observer.reloaded(outcome)
        return outcome

    async def _publish(self, record: PolicyPublished) -> None:
        key, value = record_of(record)
        await self.engine.publish([Effect(topics.SLA_POLICIES, 0, key, value, ())])
        self.published.take(record)

    # --- following -------------------------------------------------------------------------------

    @mode.Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            try:
                async with reader(self._clients, FOLLOW_MS) as consumer:
                    while not self.should_stop:
                        got = await consumer.getmany(timeout_ms=FOLLOW_MS)
                        for record in got.get(PARTITION, ()):
                            self.published.read(record.value)
            except (KafkaError, UserError) as error:
                log.warning("cannot follow %s: %s", topics.SLA_POLICIES, error)
                await self.sleep(self.settings.retry_seconds)

    # --- telling the lanes -----------------------------------------------------------------------

    @mode.Service.task
    async def _tell(self) -> None:
        while not self.should_stop:
            await self.sleep(self.settings.tick_seconds)
            try:
                await self.tell()
            except (KafkaError, EngineError) as error:
                log.warning("partitions cannot be told of the policy yet: %s", error)

    async def tell(self) -> int:
        """Send every lane the versions it does not know; returns how many lanes are behind."""
        return await self._teller.tell(self.published)

    @mode.Service.task
    async def _reach_back(self) -> None:
        while not self.should_stop:
            await self.sleep(self.settings.tick_seconds)
            try:
                await self._teller.reach_back()
            except (KafkaError, EngineError) as error:
                log.warning("a retroactive policy waits: %s", error)
