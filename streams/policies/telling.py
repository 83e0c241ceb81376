"""Telling partitions what is in force: versions, and whom a retroactive one is about.

What a lane's rows know is compared with what is published, and what is missing is sent, as often as
it takes. A retroactive version touches every customer with an open complaint. Each is sent a
`PolicyReached`, some at a time, so that new events wait for none of it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import json

from schemas.customer import PolicyEntry, PolicyHistory
from schemas.events import POLICY_KEY, PolicyChanged, PolicyPublished, PolicyReached, PolicySettled
from streams.engine import Effect, Engine, Lane
from streams.pipeline.tables import CUSTOMERS_STAGE, ONLY, POLICY_HISTORY
from streams.policies.observer import PolicyObserver
from streams.policies.publishing import Published
from streams.policies.reaching import customers_to_reach
from streams.policies.settings import PolicySettings

log = logging.getLogger(__name__)

_encode = json.Encoder().encode


class PolicyTeller:
    """Tells the lanes of one engine; whatever it sends may be sent twice."""

    def __init__(
        self,
        engine: Engine,
        settings: PolicySettings,
        observer: PolicyObserver,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self._observer = observer
        self._clock = clock
        self._stopping = stopping
        self._sent: dict[tuple[Lane, str, datetime], float] = {}

    async def tell(self, published: Published) -> int:
        """Send every lane the versions it does not know; returns how many lanes are behind."""
        behind = 0
        for lane in self._lanes():
            known = _history(lane).entries
            missing = published.since(known[-1] if known else None)
            behind += bool(missing)
            for record in missing:
                if self._is_due(lane, record.policy.digest, record.published_at):
                    await self._send(lane, POLICY_KEY, changed(record))
        newest = published.newest
        if newest is not None:
            self._observer.in_force(newest.published_at, behind)
        return behind

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
                await asyncio.sleep(limits.reach_pause_seconds)
            if self._stopping() or lane.stopping:
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


def changed(record: PolicyPublished) -> PolicyChanged:
    """What a partition is told of a version."""
    return PolicyChanged(policy=record.policy, published_at=record.published_at)


def _history(lane: Lane) -> PolicyHistory:
    return lane.get(POLICY_HISTORY, ONLY) or PolicyHistory()
