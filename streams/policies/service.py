"""Brings every version of the policy to the partitions this worker owns, and its own file to all.

Which version judges must be a function of each partition's log, not of when a worker looked. So a
version takes hold where its `PolicyChanged` stands in that log, beside the events it is about; the
rows keep it, and a replay meets it at the same place. This service only sees to it that it gets
there: it compares what a lane's rows know with what is published, and sends what is missing, as
often as it takes. A version that comes twice, or late, changes nothing
(`agents.complaints.versions`).

A retroactive version touches every customer with an open complaint. Each is sent a `PolicyReached`,
some at a time, so that new events wait for none of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import mode
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import json

from schemas.customer import PolicyEntry, PolicyHistory
from schemas.events import POLICY_KEY, PolicyChanged, PolicyPublished, PolicyReached, PolicySettled
from schemas.policy import PolicySet
from streams import topics
from streams.engine import Effect, Engine, EngineError, Lane
from streams.errors import UserError
from streams.pipeline.tables import CUSTOMERS_STAGE, ONLY, POLICY_HISTORY
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
from streams.policies.reaching import customers_to_reach
from streams.policies.watch import PolicyFile
from streams.reading import ends_of, open_reader
from streams.topic_plan import partitions_of

log = logging.getLogger(__name__)

BUILT_IN = "built in"
FOLLOW_MS = 1_000
"""How long a look at the topic may wait for the next version; one that comes ends the wait."""

_encode = json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """Limits of the policy service. Durations in seconds."""

    poll_seconds: float = 5.0
    """How often the file is looked at."""
    rest_seconds: float = 0.5
    """How long a changed file must rest before it is read: an editor may still be writing."""
    tick_seconds: float = 0.5
    """How often lanes are compared with what is published; reads memory only."""
    again_seconds: float = 30.0
    """After which something sent to a lane, and still not in its rows, is sent again."""
    retry_seconds: float = 5.0
    """How long to wait before the topic is read again after an error."""
    reach_at_once: int = 500
    """Customers a retroactive version reaches at once; then others have their turn."""
    reach_pause_seconds: float = 0.1
    """That turn. At most 5,000 customers a second: a tenth of what a worker folds."""


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
        self._clock = clock
        self._look_now = asyncio.Event()
        self._sent: dict[tuple[Lane, str, datetime], float] = {}

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
                    value = _encode(_changed(record))
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
        behind = 0
        for lane in self._lanes():
            known = _history(lane).entries
            missing = self.published.since(known[-1] if known else None)
            behind += bool(missing)
            for record in missing:
                if self._is_due(lane, record.policy.digest, record.published_at):
                    await self._send(lane, POLICY_KEY, _changed(record))
        newest = self.published.newest
        if newest is not None:
            self._observer.in_force(newest.published_at, behind)
        return behind

    @mode.Service.task
    async def _reach_back(self) -> None:
        while not self.should_stop:
            await self.sleep(self.settings.tick_seconds)
            try:
                await self.reach_back()
            except (KafkaError, EngineError) as error:
                log.warning("a retroactive policy waits: %s", error)

    async def reach_back(self) -> int:
        """Let retroactive versions reach the customers they are about; returns how many."""
        reached = 0
        for lane in self._lanes():
            newest = next((e for e in reversed(_history(lane).entries) if e.retroactive), None)
            if newest is not None and not newest.settled:
                name = f"settled {newest.version}"
                if self._is_due(lane, name, newest.published_at):
                    reached += await self._reach(lane, newest)
        return reached

    async def _reach(self, lane: Lane, entry: PolicyEntry) -> int:
        limits, count, waiting = self.settings, 0, []
        async for key in customers_to_reach(lane, entry):
            waiting.append(key)
            if len(waiting) >= limits.reach_at_once:
                count += await self._reach_some(lane, entry, waiting)
                waiting = []
                await self.sleep(limits.reach_pause_seconds)
            if self.should_stop or lane.stopping:
                return count
        count += await self._reach_some(lane, entry, waiting)
        settled = PolicySettled(version=entry.version, published_at=entry.published_at)
        await self._send(lane, POLICY_KEY, settled)
        log.info("%r: policy %s reached %d customers", lane, entry.version, count)
        return count

    async def _reach_some(self, lane: Lane, entry: PolicyEntry, keys: list[bytes]) -> int:
        at = self._clock()
        events = [
            (key, PolicyReached(customer_id=key.decode(), version=entry.version, reached_at=at))
            for key in keys
        ]
        await self.engine.publish(
            [Effect(lane.topic, lane.partition, key, _encode(event), ()) for key, event in events]
        )
        self._observer.reached(len(keys))
        return len(keys)

    async def _send(self, lane: Lane, key: bytes, event: PolicyChanged | PolicySettled) -> None:
        await self.engine.publish([Effect(lane.topic, lane.partition, key, _encode(event), ())])

    def _lanes(self) -> list[Lane]:
        lanes = [
            lane
            for lane in self.engine.lanes.values()
            if lane.stage.name == CUSTOMERS_STAGE and lane.restored and not lane.stopping
        ]
        alive = set(lanes)
        self._sent = {name: at for name, at in self._sent.items() if name[0] in alive}
        return lanes

    def _is_due(self, lane: Lane, what: str, published_at: datetime) -> bool:
        """Whether to send this now; what was sent a moment ago is on its way."""
        name, now = (lane, what, published_at), time.monotonic()
        if now - self._sent.get(name, -self.settings.again_seconds) < self.settings.again_seconds:
            return False
        self._sent[name] = now
        return True


def _changed(record: PolicyPublished) -> PolicyChanged:
    return PolicyChanged(policy=record.policy, published_at=record.published_at)


def _history(lane: Lane) -> PolicyHistory:
    return lane.get(POLICY_HISTORY, ONLY) or PolicyHistory()
