"""What notifier tests work with: an alert in a word, a clock to turn, a receiver to ask."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from schemas.alert import AlertKind, SlaAlert
from streams.notifier import NotifierObserver, NotifierSettings
from streams.notifier.ledger import Ledger
from streams.notifier.reader import AlertReader

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def an_alert(kind: AlertKind = AlertKind.BREACHED, **fields: Any) -> SlaAlert:
    """A breach of a first response promised in two hours from Monday nine o'clock."""
    step = fields.get("step", "50%" if kind is AlertKind.WARNED else None)
    complaint_id = fields.get("complaint_id", "complaint-1")
    defaults: dict[str, Any] = {
        "alert_id": f"{complaint_id}/{kind.value}/{step or ''}",
        "kind": kind,
        "target": "first_response",
        "step": step,
        "clock_started_at": MONDAY,
        "complaint_id": complaint_id,
        "customer_id": "customer-1",
        "at": MONDAY + timedelta(hours=2),
        "announced_at": MONDAY + timedelta(hours=2),
        "due_at": MONDAY + timedelta(hours=2),
        "limit_seconds": 7200.0,
        "used_seconds": 7200.0,
        "channel": "email",
        "tier": "vip",
        "team": "care",
        "customer_name": "Anna Klein",
        "language": "en",
    }
    return SlaAlert(**(defaults | fields))


async def register(ledger: Ledger, alert: SlaAlert, now: datetime) -> bool:
    """Enter an alert into the ledger as the reader does."""
    reader = AlertReader(NotifierSettings(kafka={}), ledger, NotifierObserver(), lambda: now, _idle)
    return await reader.enter(alert, int(now.timestamp() * 1000))


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Ask until something holds; fails after `seconds`, a bound for machines under load."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  # it is asked of a server that sends no word
            await asyncio.sleep(0.02)


def _idle() -> None:
    """Wake nobody."""


class TurnableClock:
    """A clock that stands still until a test turns it."""

    def __init__(self, now: datetime = MONDAY + timedelta(hours=2)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def turn(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += timedelta(seconds=seconds)


class Tally(NotifierObserver):
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def delivered(self, transport: str, count: int) -> None:
        """Keep it."""
        self.told.append(("delivered", transport, count))

    def retried(self, transport: str, reason: str) -> None:
        """Keep it."""
        self.told.append(("retried", transport, reason))

    def failed(self, transport: str, reason: str) -> None:
        """Keep it."""
        self.told.append(("failed", transport, reason))

    def skipped(self, reason: str) -> None:
        """Keep it."""
        self.told.append(("skipped", reason))


class Receiver:
    """An HTTP server that keeps what is posted to it and answers as told."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[int], web.Response] = lambda number: web.Response(status=204)
        self.delay_seconds = 0.0
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free loopback port."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/{tail:.*}", self._take)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((dict(request.headers), body))
        self._news.set()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        return self.answer(len(self.requests))

    @property
    def bodies(self) -> list[Any]:
        """What was posted, parsed."""
        return [json.loads(body) for _, body in self.requests]

    async def until(self, done: Callable[["Receiver"], bool], seconds: float = 30.0) -> None:
        """Wait until `done` holds; fails after `seconds`, a bound for machines under load."""
        async with asyncio.timeout(seconds):
            while not done(self):
                self._news.clear()
                await self._news.wait()
