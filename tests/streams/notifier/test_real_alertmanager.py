"""The notifier against a real Alertmanager and a real Prometheus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from schemas.alert import AlertKind, SlaAlert
from streams.notifier import NotifierObserver, NotifierSettings
from streams.notifier.deliverer import Deliverer
from streams.notifier.ledger import Ledger
from tests.streams.notifier.daemons import Daemon, alertmanager, prometheus
from tests.streams.notifier.kit import Receiver, an_alert, eventually, register

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def now() -> datetime:
    """The real time: Alertmanager knows no other."""
    return datetime.now(UTC)


def an_alert_now(kind: AlertKind = AlertKind.BREACHED, **fields: Any) -> SlaAlert:
    """An alert of a clock that was due a moment ago, or will be soon."""
    due_at = now() + timedelta(minutes=30 if kind is AlertKind.WARNED else -1)
    times = {"at": now() - timedelta(minutes=1), "announced_at": now(), "due_at": due_at}
    return an_alert(kind, **{**times, **fields})


class Staff:
    """Reads what Alertmanager told the people on call, and what it believes itself."""

    def __init__(self, daemon: Daemon, receiver: Receiver, session: aiohttp.ClientSession) -> None:
        self._daemon = daemon
        self._receiver = receiver
        self._session = session

    def heard(self) -> list[tuple[str, str]]:
        """Every notification: status and alert name, in order."""
        return [
            (alert["status"], alert["labels"]["alertname"])
            for body in self._receiver.bodies
            for alert in body["alerts"]
        ]

    async def heard_at_last(self, *expected: tuple[str, str]) -> None:
        """Wait until just these notifications were heard."""
        await self._receiver.until(lambda _: self.heard() == list(expected))

    async def heard_of(self, expected: tuple[str, str]) -> None:
        """Wait until this notification was among the others."""
        await self._receiver.until(lambda _: expected in self.heard())

    async def active(self) -> list[dict[str, Any]]:
        """The alerts that Alertmanager holds to be firing."""
        async with self._session.get(f"{self._daemon.url}/api/v2/alerts") as response:
            found: list[dict[str, Any]] = await response.json()
            return found


@pytest.fixture
async def daemon(receiver: Receiver, tmp_path: Path) -> AsyncIterator[Daemon]:
    """A running Alertmanager."""
    it = alertmanager(tmp_path / "alertmanager", receiver.url)
    await it.start()
    yield it
    await it.stop()


@pytest.fixture
async def staff(daemon: Daemon, receiver: Receiver) -> AsyncIterator[Staff]:
    """The people on call."""
    async with aiohttp.ClientSession() as session:
        yield Staff(daemon, receiver, session)


@pytest.fixture
def quick(settings: NotifierSettings, daemon: Daemon) -> NotifierSettings:
    """The settings with seconds for minutes: re-sent each half second, ended after four."""
    return replace(
        settings,
        alertmanager_urls=(daemon.url,),
        resend_seconds=0.5,
        firing_seconds=4.0,
        resolved_seconds=2.0,
    )


@asynccontextmanager
async def delivering(settings: NotifierSettings, ledger: Ledger) -> AsyncIterator[None]:
    """A deliverer on the real clock, between start and stop."""
    deliverer = Deliverer(settings, ledger, NotifierObserver(), now, Random(1))
    await deliverer.start()
    try:
        yield
    finally:
        await deliverer.stop()


async def test_a_breach_is_notified_and_its_recovery_too(
    redis: Redis, quick: NotifierSettings, staff: Staff
) -> None:
    """The people on call hear of the breach once, and once that it is over, despite re-sends."""
    ledger = Ledger.of(quick, redis)
    async with delivering(quick, ledger):
        await register(ledger, an_alert_now(), now())
        await staff.heard_at_last(("firing", "SlaBroken"))
        (alert,) = await staff.active()
        assert alert["labels"]["severity"] == "critical"
        assert alert["labels"]["complaint_id"] == "complaint-1"
        assert "VIP customer Anna Klein" in alert["annotations"]["summary"]
        await asyncio.sleep(2.0)  # four re-sends
        assert staff.heard() == [("firing", "SlaBroken")]
        await register(ledger, an_alert_now(AlertKind.RECOVERED), now())
        await staff.heard_at_last(("firing", "SlaBroken"), ("resolved", "SlaBroken"))
        assert await staff.active() == []


async def test_a_breach_takes_the_place_of_its_warning(
    redis: Redis, quick: NotifierSettings, staff: Staff
) -> None:
    """After the breach only the breach is active; staff saw the warning end."""
    ledger = Ledger.of(quick, redis)
    async with delivering(quick, ledger):
        await register(ledger, an_alert_now(AlertKind.WARNED), now())
        await staff.heard_at_last(("firing", "SlaAtRisk"))
        await register(ledger, an_alert_now(), now())

        async def only_the_breach() -> bool:
            return [a["labels"]["alertname"] for a in await staff.active()] == ["SlaBroken"]

        await eventually(only_the_breach)
        await staff.heard_of(("resolved", "SlaAtRisk"))


async def test_an_alertmanager_that_lost_its_memory_is_told_again(
    redis: Redis, quick: NotifierSettings, staff: Staff, daemon: Daemon
) -> None:
    """Alerts live in Alertmanager's memory alone; after its restart they are back by themselves."""
    ledger = Ledger.of(quick, redis)

    async def is_active() -> bool:
        return len(await staff.active()) == 1

    async with delivering(quick, ledger):
        await register(ledger, an_alert_now(), now())
        await eventually(is_active)
        await daemon.stop()
        await asyncio.sleep(1.0)
        await daemon.start()
        await eventually(is_active)


async def test_what_fires_survives_a_restart_of_the_notifier(
    redis: Redis, quick: NotifierSettings, staff: Staff
) -> None:
    """A new notifier goes on where the old one was; without any, the alert ends by itself."""
    ledger = Ledger.of(quick, redis)
    async with delivering(quick, ledger):
        await register(ledger, an_alert_now(), now())
        await staff.heard_at_last(("firing", "SlaBroken"))
    async with delivering(quick, Ledger.of(quick, redis)):
        await asyncio.sleep(quick.firing_seconds + 1.0)  # it would have ended by now
        assert len(await staff.active()) == 1
        assert staff.heard() == [("firing", "SlaBroken")]
    await staff.heard_at_last(("firing", "SlaBroken"), ("resolved", "SlaBroken"))


async def test_changing_facts_make_no_new_alert(
    redis: Redis, quick: NotifierSettings, staff: Staff
) -> None:
    """A repeated escalation of the same clock is one active alert per person, not one per call."""
    ledger = Ledger.of(quick, redis)
    async with delivering(quick, ledger):
        for number in (1, 2, 3):
            step = f"manager#{number}"
            alert = an_alert_now(AlertKind.ESCALATED, step=step, to="manager", team=f"t{number}")
            await register(ledger, alert, now())

        async def only_the_last() -> bool:
            return [a["labels"]["step"] for a in await staff.active()] == ["manager#3"]

        await eventually(only_the_last)


async def test_prometheus_sees_what_was_received_and_nothing_invalid(
    redis: Redis, quick: NotifierSettings, daemon: Daemon, tmp_path: Path
) -> None:
    """By Alertmanager's own count every post was valid: firing, sent again, and resolved."""
    watcher = prometheus(tmp_path / "prometheus", daemon.url.removeprefix("http://"))
    await watcher.start()
    ledger = Ledger.of(quick, redis)
    async with aiohttp.ClientSession() as session:

        async def value(query: str) -> float:
            params = {"query": query}
            async with session.get(f"{watcher.url}/api/v1/query", params=params) as response:
                rows = (await response.json())["data"]["result"]
                return float(rows[0]["value"][1]) if rows else -1.0

        async def received(status: str) -> float:
            return await value(f'sum(alertmanager_alerts_received_total{{status="{status}"}})')

        async def was_repeated() -> bool:
            return await received("firing") >= 3

        async def was_resolved() -> bool:
            return await received("resolved") >= 2

        async with delivering(quick, ledger):
            await register(ledger, an_alert_now(), now())
            await eventually(was_repeated)
            await register(ledger, an_alert_now(AlertKind.RECOVERED), now())
            await eventually(was_resolved)
        assert await value("sum(alertmanager_alerts_invalid_total)") == 0
    await watcher.stop()
