"""The part of a worker that answers who customers are, and looks after the index."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import mode
from redis.asyncio import Redis

from streams import topics
from streams.engine import Engine, Rows
from streams.identity.index import IdentityIndex
from streams.identity.links import FENCE_KEY, read_links
from streams.identity.observer import IdentityObserver
from streams.identity.rebuild import IdentityRebuild, Keep
from streams.identity.restoring import Link, Restoring

LOOK_SECONDS = 1.0
"""How often the index is looked at, so that a lost one comes back before records need it."""


class IdentityService(mode.Service):
    """The index, its rebuild, and a look at it now and then; start it after the engine.

    `engine` gives the engine once it is built, `clients` are settings of Kafka clients, and
    `stage` is the stage that waits while the index is rebuilt.
    """

    abstract = False

    def __init__(
        self,
        redis: Redis,
        redis_prefix: str,
        engine: Callable[[], Engine],
        clients: Mapping[str, Any],
        stage: str,
        observer: IdentityObserver | None = None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._clients = clients
        self._stage = stage
        self.rebuild = IdentityRebuild(
            Restoring(redis, redis_prefix),
            self._append_fence,
            self._read,
            observer,
            self._excuse,
        )
        self.index = IdentityIndex(redis, redis_prefix, rebuild=self.rebuild.ensure)

    def not_ready(self) -> list[str]:
        """Why nobody can be identified at the moment; nothing when all is well."""
        links = self.rebuild.links
        return [] if links is None else [f"rebuilding identities: {links:,} links so far"]

    async def _append_fence(self) -> int:
        """Append the record whose place numbers the new epoch; the first one is 1."""
        fence = Rows([(FENCE_KEY, None)])
        offset, _ = await self._engine().writer.log_rows(topics.IDENTITY_LINKS, 0, fence)
        return offset + 1

    def _read(self, keep: Keep) -> AsyncIterator[list[Link]]:
        exact = self._engine().settings.exact_end_offsets
        return read_links(self._clients, exact_ends=exact, still_here=keep)

    def _excuse(self) -> None:
        """Intake waits for something that goes on: no reason for the watchdog to end the worker."""
        for lane in self._engine().lanes.values():
            if lane.stage.name == self._stage:
                lane.excuse()

    @mode.Service.task
    async def _look(self) -> None:
        while not self.should_stop:
            await self.rebuild.check()
            await self.sleep(LOOK_SECONDS)
