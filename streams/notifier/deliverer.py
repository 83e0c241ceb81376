"""Delivers what stands in the ledger: one loop per transport, so a slow one delays only itself.

Several workers deliver from the same ledger; each takes what is due under a lease.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from random import Random

import aiohttp
import mode
from msgspec import Struct
from redis.exceptions import RedisError

from streams.notifier.alertmanager import AlertmanagerInstance, ended_ms
from streams.notifier.deliveries import Claimed, Delivery
from streams.notifier.ledger import Ledger
from streams.notifier.observer import NotifierObserver
from streams.notifier.senders import Outcome, Sender, Verdict, backoff_ms
from streams.notifier.settings import NotifierSettings
from streams.notifier.terminal import Terminal
from streams.notifier.webhook import Webhook

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0
PATIENCE_MAX_SECONDS = 30.0
"""How long to wait before asking a lost Redis again, doubled up to the maximum."""


class TransportStatus(Struct, frozen=True, kw_only=True):
    """How a transport does. `failing_since` is None while its last try succeeded."""

    transport: str
    waiting_count: int
    failing_since: datetime | None
    last_error: str


class Deliverer(mode.Service):
    """Empties the queues of the ledger and repeats its firings until stopped."""

    abstract = False

    def __init__(
        self,
        settings: NotifierSettings,
        ledger: Ledger,
        observer: NotifierObserver,
        now: Callable[[], datetime],
        rng: Random,
        senders: Sequence[Sender] = (),
    ) -> None:
        super().__init__()
        self._settings = settings
        self._ledger = ledger
        self._observer = observer
        self._now = now
        self._rng = rng
        self._extra = tuple(senders)
        self._wakers = {name: asyncio.Event() for name in ledger.transports}
        self._troubles: dict[str, tuple[datetime, str]] = {}
        self._failures = dict.fromkeys(ledger.transports, 0)
        self._session: aiohttp.ClientSession | None = None
        self._loops: list[asyncio.Future[None]] = []

    async def on_start(self) -> None:
        """Open the HTTP session and begin to deliver."""
        self._session = session = aiohttp.ClientSession()
        for url in self._settings.alertmanager_urls:
            instance = AlertmanagerInstance(url, self._settings, session)
            self._begin(instance.name, partial(self._repeat, instance))
        for sender in self._senders(session):
            self._begin(sender.name, partial(self._empty, sender))

    async def on_stop(self) -> None:
        """Let deliveries under way come to their end, for a while."""
        self.wake()
        if self._loops:
            await asyncio.wait(self._loops, timeout=self._settings.stop_seconds)

    async def on_shutdown(self) -> None:
        """Close the connections; what was under way stays in the ledger."""
        if self._session is not None:
            await self._session.close()

    def wake(self) -> None:
        """Look for work now: something was registered."""
        for event in self._wakers.values():
            event.set()

    async def status(self) -> list[TransportStatus]:
        """How each transport does, as seen from this worker."""
        found = []
        for name in self._ledger.transports:
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

    def _senders(self, session: aiohttp.ClientSession) -> list[Sender]:
        senders: list[Sender] = list(self._extra)
        if self._settings.webhook_url:
            senders.append(Webhook(self._settings, session))
        if self._settings.terminal:
            senders.append(Terminal(self._settings.zone))
        return senders

    def _begin(self, name: str, work: Callable[[], Awaitable[bool]]) -> None:
        self._loops.append(self.add_future(self._deliver(name, work)))

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
