"""The service that reads alerts and delivers them: one reader, one worker loop per transport.

Each transport has a loop of its own, so a slow receiver delays its own deliveries and nobody
else's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from random import Random

import aiohttp
import mode
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.notifier.alertmanager import AlertmanagerInstance, ended_ms
from streams.notifier.ledger import Claimed, Delivery, FailedDelivery, Ledger, WaitingDelivery
from streams.notifier.observer import NotifierObserver
from streams.notifier.reader import PATIENCE_MAX_SECONDS, PATIENCE_SECONDS, AlertReader
from streams.notifier.senders import Outcome, Sender, Verdict, backoff_ms
from streams.notifier.settings import NotifierSettings, transport_name
from streams.notifier.terminal import Terminal
from streams.notifier.webhook import Webhook

log = logging.getLogger(__name__)


class TransportStatus(Struct, frozen=True, kw_only=True):
    """How a transport does. `failing_since` is None while its last try succeeded."""

    transport: str
    waiting_count: int
    failing_since: datetime | None
    last_error: str


class Notifier(mode.Service):
    """Start it beside the engine, with a Redis client that returns bytes.

    It needs the topics and Redis, and waits for either: a receiver, Redis or Kafka out of reach
    never stops the worker. `sends` of the settings tells whether there is anything to start it
    for.
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
        self._settings = settings
        self._observer = observer or NotifierObserver()
        self._now = now
        self._rng = rng or Random()
        self._extra = tuple(senders)
        queues = [sender.name for sender in senders]
        queues += ["webhook"] if settings.webhook_url else []
        queues += ["terminal"] if settings.terminal else []
        instances = [transport_name(url) for url in settings.alertmanager_urls]
        self._transports = (*instances, *queues)
        self._ledger = Ledger(redis, settings, instances, queues)
        self._wakers = {name: asyncio.Event() for name in self._transports}
        self._troubles: dict[str, tuple[datetime, str]] = {}
        self._failures = dict.fromkeys(self._transports, 0)
        self._reader = AlertReader(settings, self._ledger, self._observer, now, self._wake)
        self._session: aiohttp.ClientSession | None = None

    # --- life
    # --------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Open the HTTP session and begin to deliver; the group is joined in the background."""
        self._session = session = aiohttp.ClientSession()
        for url in self._settings.alertmanager_urls:
            instance = AlertmanagerInstance(url, self._settings, session)
            self.add_future(self._deliver(instance.name, partial(self._repeat, instance)))
        for sender in self._senders(session):
            self.add_future(self._deliver(sender.name, partial(self._empty, sender)))
        self.add_future(self._read())

    async def on_stop(self) -> None:
        """Leave the group and close the connections; unfinished deliveries stay in the ledger."""
        self._reader.stopping = True
        self._wake()

    async def on_shutdown(self) -> None:
        """Close what the loops used, once they have ended."""
        await self._reader.leave()
        if self._session is not None:
            await self._session.close()

    # --- what people ask
    # ---------------------------------------------------------------------------

    async def failed(self, limit: int = 100) -> list[FailedDelivery]:
        """The newest deliveries that were given up, newest first."""
        return await self._ledger.failed(limit)

    async def waiting(self, limit: int = 100) -> list[WaitingDelivery]:
        """Deliveries that wait for their first or next try, oldest first."""
        return await self._ledger.waiting(limit)

    async def status(self) -> list[TransportStatus]:
        """How each transport does, as seen from this worker."""
        found = []
        for name in self._transports:
            since, error = self._troubles.get(name, (None, ""))
            found.append(
                TransportStatus(
                    transport=name,
                    waiting_count=await self._ledger.waiting_count(name),
                    failing_since=since,
                    last_error=error,
                )
            )
        return found

    # --- reading
    # -----------------------------------------------------------------------------------

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

    def _wake(self) -> None:
        for event in self._wakers.values():
            event.set()

    # --- delivering
    # --------------------------------------------------------------------------------

    def _senders(self, session: aiohttp.ClientSession) -> list[Sender]:
        senders: list[Sender] = list(self._extra)
        if self._settings.webhook_url:
            senders.append(Webhook(self._settings, session))
        if self._settings.terminal:
            senders.append(Terminal(self._settings.zone))
        return senders

    async def _deliver(self, name: str, work: Callable[[], Awaitable[bool]]) -> None:
        """Do a transport's work whenever there is some; outlive every failure of Redis."""
        waker = self._wakers[name]
        pause = PATIENCE_SECONDS
        while not self.should_stop:
            waker.clear()
            try:
                busy = await work()
                pause = PATIENCE_SECONDS
            except (RedisError, OSError) as error:
                log.warning("Redis is out of reach, deliveries to %s wait: %s", name, error)
                await self.sleep(pause)
                pause = min(pause * 2, PATIENCE_MAX_SECONDS)
                continue
            if not busy:
                await _wait(waker, self._settings.poll_seconds)

    async def _repeat(self, instance: AlertmanagerInstance) -> bool:
        """Send an Alertmanager what is due; True where there was something."""
        now = self._now()
        now_ms = int(now.timestamp() * 1000)
        claims = await self._ledger.claim_firings(instance.name, now_ms)
        if not claims:
            return False
        outcomes = await instance.post(claims, now)
        settled: list[tuple[Claimed, int | None]] = []
        delivered = 0
        for claim, outcome in outcomes:
            self._note(instance.name, outcome)
            if outcome.verdict is Verdict.REFUSED:
                await self._ledger.refuse(instance.name, claim, outcome.detail, now_ms)
                self._observer.failed(instance.name, outcome.reason)
                continue
            if outcome.verdict is Verdict.DELIVERED:
                delivered += 1
                settled.append((claim, self._next_send_ms(claim, now_ms)))
            else:
                settled.append((claim, now_ms + self._pause_ms(instance.name, outcome)))
        await self._ledger.settle(instance.name, settled)
        if delivered:
            self._observer.delivered(instance.name, delivered)
        retried = [outcome for _, outcome in outcomes if outcome.verdict is Verdict.RETRY]
        if retried:
            self._observer.retried(instance.name, retried[0].reason)
        return True

    def _next_send_ms(self, claim: Claimed, now_ms: int) -> int | None:
        ended = ended_ms(claim, now_ms)
        if ended is not None and now_ms - ended >= self._settings.resolved_seconds * 1000:
            return None
        return now_ms + int(self._settings.resend_seconds * 1000)

    def _pause_ms(self, name: str, outcome: Outcome) -> int:
        """The wait before an Alertmanager is tried again; never longer than a regular re-send."""
        pause = backoff_ms(self._settings, max(1, self._failures[name]), self._rng)
        if outcome.retry_after_seconds is not None:
            pause = max(pause, int(outcome.retry_after_seconds * 1000))
        return min(pause, int(self._settings.resend_seconds * 1000))

    async def _empty(self, sender: Sender) -> bool:
        """Deliver what is due on a queue; True where there was something."""
        now_ms = self._now_ms()
        lease_ms = self._ledger.lease_of(now_ms)
        complaints = await self._ledger.claim_queues(
            sender.name, now_ms, self._settings.concurrency
        )
        if not complaints:
            return False
        await asyncio.gather(*(self._one(sender, name, lease_ms) for name in complaints))
        return True

    async def _one(self, sender: Sender, complaint_id: str, lease_ms: int) -> None:
        """Deliver the head of one complaint's queue, and give the rest back."""
        delivery = await self._ledger.head(sender.name, complaint_id, lease_ms)
        if delivery is None:
            return
        outcome = await sender.send(delivery.alert, delivery.tried_count + 1, self._now())
        self._note(sender.name, outcome)
        now_ms = self._now_ms()
        if outcome.verdict is Verdict.DELIVERED:
            self._observer.delivered(sender.name, 1)
            more = await self._ledger.delivered(delivery)
        elif outcome.verdict is Verdict.REFUSED or self._is_too_old(delivery, now_ms):
            reason = outcome.reason if outcome.verdict is Verdict.REFUSED else "gave_up"
            log.error("alert %s to %s failed: %s", delivery.alert.alert_id, sender.name, outcome)
            self._observer.failed(sender.name, reason)
            more = await self._ledger.give_up(delivery, reason, outcome.detail, now_ms)
        else:
            self._observer.retried(sender.name, outcome.reason)
            await self._ledger.postpone(delivery, outcome.detail, self._next_try(delivery, outcome))
            return
        if more:
            await self._ledger.release(sender.name, complaint_id, now_ms)

    def _next_try(self, delivery: Delivery, outcome: Outcome) -> int:
        pause_ms = backoff_ms(self._settings, delivery.tried_count + 1, self._rng)
        if outcome.retry_after_seconds is not None:
            asked = min(outcome.retry_after_seconds, self._settings.retry_after_max_seconds)
            pause_ms = max(pause_ms, int(asked * 1000))
        return self._now_ms() + pause_ms

    def _is_too_old(self, delivery: Delivery, now_ms: int) -> bool:
        return now_ms - delivery.first_at_ms >= self._settings.give_up_seconds * 1000

    def _note(self, name: str, outcome: Outcome) -> None:
        """Remember since when a transport fails, and say it once, not at every try."""
        if outcome.verdict is not Verdict.RETRY:
            self._failures[name] = 0
            if self._troubles.pop(name, None):
                log.info("%s accepts alerts again", name)
            return
        self._failures[name] += 1
        if name not in self._troubles:
            log.warning("%s does not accept alerts: %s; trying again", name, outcome.detail)
            self._troubles[name] = (self._now(), outcome.detail)
        else:
            self._troubles[name] = (self._troubles[name][0], outcome.detail)

    def _now_ms(self) -> int:
        return int(self._now().timestamp() * 1000)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
