"""Rebuilding the index from the links on Kafka, by one worker while all others wait.

1. Claim it (`begin.lua`): only where no index is in force, so whatever was confirmed was confirmed
   before this moment, and stands on Kafka.
2. Append a fence to `identity-links.v1`; its offset is the number of the new epoch.
3. Only now ask where the log ends, and restore everything up to there. What workers still publish
   from a lost index after that is never relied on: they cannot confirm it any more.
4. Put the index in force (`finish.lua`), if the claim and the server are still the same.

Memory stays bounded however long the log is. Whoever is killed half-way loses the claim after
`CLAIM_SECONDS`; another worker begins again, on top of what is there.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from streams.identity.observer import IdentityObserver
from streams.identity.restoring import Claim, IndexLost, Link, Restoring

log = logging.getLogger(__name__)

CALL_LINKS = 1_000
"""Links per script call, which holds the server for some 4 ms."""

LOOK_SECONDS = 0.2
"""How often one who waits asks whether the index is in force."""

SAY_SECONDS = 5.0
"""Between two lines of the log about the same rebuild."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0

Keep = Callable[[], Awaitable[object]]
ReadLinks = Callable[[Keep], AsyncIterator[list[Link]]]
"""All links on Kafka as of the call; it may keep the claim alive while it waits for the broker."""


class IdentityRebuild:
    """Makes sure that an index is in force. One per worker; `ensure` may be called by many.

    `progressed` is called whenever a rebuild here has come further, and while another worker has
    the claim: it renews that or loses it within `CLAIM_SECONDS`, so that wait comes to an end.
    """

    def __init__(
        self,
        restoring: Restoring,
        append_fence: Callable[[], Awaitable[int]],
        read: ReadLinks,
        observer: IdentityObserver | None = None,
        progressed: Callable[[], None] = lambda: None,
    ) -> None:
        self._restoring = restoring
        self._append_fence = append_fence
        self._read = read
        self._observer = observer or IdentityObserver()
        self._progressed = progressed
        self._turn = asyncio.Lock()  # records and the look now and then want it at the same time
        self.links: int | None = None
        """How many links are restored while a rebuild runs, here or elsewhere; else None."""

    async def ensure(self) -> None:
        """Return once an index is in force, whatever it takes; it is rebuilt here or awaited."""
        async with self._turn:
            pause = FIRST_PAUSE_SECONDS
            try:
                while True:
                    try:
                        if await self._try_once():
                            return
                        pause = FIRST_PAUSE_SECONDS
                    except (RedisError, KafkaError, OSError, TimeoutError, IndexLost) as error:
                        log.warning("identities are not rebuilt yet, again soon: %s", error)
                        self._observer.failed(type(error).__name__)
                        await asyncio.sleep(pause)
                        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            finally:
                self.links = None

    async def check(self) -> None:
        """Rebuild where no index is in force; quiet while Redis is out of reach."""
        try:
            epoch = await self._restoring.epoch()
        except (RedisError, OSError, TimeoutError):
            return
        if epoch is None:
            await self.ensure()

    async def _try_once(self) -> bool:
        standing = await self._restoring.begin()
        if standing.claim is Claim.COMPLETE:
            return True
        if standing.claim is Claim.OURS:
            await self._rebuild()
            return True
        if self.links is None:
            log.warning("another worker rebuilds identities; intake waits for it")
        # Also where nothing moves: the claim may be that of a killed worker. Who gave up before it
        # ran out would be succeeded by one that finds the next dead claim, and so on for ever.
        self._tell(standing.links)
        await asyncio.sleep(LOOK_SECONDS)
        return False

    async def _rebuild(self) -> None:
        started = said = time.monotonic()
        log.warning("no complete identity index in Redis: intake waits, links are read from Kafka")
        self._observer.rebuilding()
        epoch = await self._append_fence()
        read = new = 0
        self._tell(0)
        async for links in self._read(lambda: self._restoring.restore((), self.links or 0)):
            for i in range(0, len(links), CALL_LINKS):
                part = links[i : i + CALL_LINKS]
                new += await self._restoring.restore(part, read)
                read += len(part)
            self._tell(read)
            if time.monotonic() - said > SAY_SECONDS:
                said = time.monotonic()
                log.info("identities: %s links read so far", f"{read:,}")
        await self._restoring.finish(epoch)
        seconds = time.monotonic() - started
        log.warning(
            "identities are complete: %s links read, %s were missing, %.1f s, epoch %d",
            f"{read:,}",
            f"{new:,}",
            seconds,
            epoch,
        )
        self._observer.rebuilt(read, seconds)

    def _tell(self, links: int) -> None:
        self.links = links
        self._progressed()
        self._observer.progressed(links)
