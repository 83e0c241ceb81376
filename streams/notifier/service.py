"""The service the worker starts: it reads alerts into the ledger and delivers from it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random

import mode
from redis.asyncio import Redis

from streams.notifier.deliverer import (
    PATIENCE_MAX_SECONDS,
    PATIENCE_SECONDS,
    Deliverer,
    TransportStatus,
)
from streams.notifier.deliveries import FailedDelivery, WaitingDelivery
from streams.notifier.ledger import Ledger
from streams.notifier.observer import NotifierObserver
from streams.notifier.reader import AlertReader
from streams.notifier.senders import Sender
from streams.notifier.settings import NotifierSettings

log = logging.getLogger(__name__)


class Notifier(mode.Service):
    """Start it beside the engine, with a Redis client that returns bytes.

    It needs the topics to exist. A receiver, Redis or Kafka out of reach makes it wait and never
    stops the worker. `settings.sends` tells whether there is anything to start it for.
    """

    abstract = False

    def __init__(
        self,
        settings: NotifierSettings,
        redis: Redis,
        *,
        observer: NotifierObserver | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: Random | None = None,
        senders: Sequence[Sender] = (),
    ) -> None:
        super().__init__()
        observer = observer or NotifierObserver()
        self._ledger = Ledger.of(settings, redis, [sender.name for sender in senders])
        self._deliverer = Deliverer(settings, self._ledger, observer, now, rng or Random(), senders)
        self._reader = AlertReader(settings, self._ledger, observer, now, self._deliverer.wake)

    async def on_start(self) -> None:
        """Begin to deliver, and join the group in the background."""
        await self.add_runtime_dependency(self._deliverer)
        self.add_future(self._read())

    async def on_stop(self) -> None:
        """Read no further."""
        self._reader.stopping = True

    async def on_shutdown(self) -> None:
        """Leave the group, once the loop that reads has ended."""
        await self._reader.leave()

    async def failed(self, limit: int = 100) -> list[FailedDelivery]:
        """The newest deliveries that were given up, newest first."""
        return await self._ledger.failed(limit)

    async def waiting(self, limit: int = 100) -> list[WaitingDelivery]:
        """Deliveries that wait for their first or next try, oldest first."""
        return await self._ledger.waiting(limit)

    async def status(self) -> list[TransportStatus]:
        """How each transport does, as seen from this worker."""
        return await self._deliverer.status()

    async def _read(self) -> None:
        """Join the group, as often as it takes, and read until stopped."""
        pause = PATIENCE_SECONDS
        while not self.should_stop:
            try:
                await self._reader.start()
                await self._reader.run()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("reading alerts failed; beginning anew in %.0f s", pause)
                await self._reader.leave()
                await self.sleep(pause)
                pause = min(pause * 2, PATIENCE_MAX_SECONDS)
