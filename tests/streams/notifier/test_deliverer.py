"""Delivery from the ledger to receivers, without Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from aiohttp import web
from redis.asyncio import Redis

from schemas.alert import AlertKind
from streams.notifier import NotifierSettings
from streams.notifier.deliverer import Deliverer
from streams.notifier.ledger import Ledger
from streams.notifier.senders import backoff_ms
from streams.notifier.settings import transport_name
from tests.streams.notifier.kit import (
    MONDAY,
    Receiver,
    Tally,
    TurnableClock,
    an_alert,
    eventually,
    register,
)

pytestmark = pytest.mark.integration


@asynccontextmanager
async def delivering(
    settings: NotifierSettings,
    ledger: Ledger,
    tally: Tally | None = None,
    clock: TurnableClock | None = None,
) -> AsyncIterator[Deliverer]:
    """A deliverer between start and stop."""
    deliverer = Deliverer(settings, ledger, tally or Tally(), clock or TurnableClock(), Random(1))
    await deliverer.start()
    try:
        yield deliverer
    finally:
        await deliverer.stop()


async def test_a_failing_receiver_gets_the_alert_when_it_is_back(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """A failed delivery survives a restart, is tried again when due, and counts its attempts."""
    settings = replace(settings, webhook_url=receiver.url, backoff_seconds=10.0)
    ledger, clock, tally = Ledger.of(settings, redis), TurnableClock(), Tally()
    receiver.answer = lambda number: web.Response(status=503)
    await register(ledger, an_alert(), clock())
    async with delivering(settings, ledger, tally, clock) as deliverer:

        async def is_postponed() -> bool:
            return [w.last_error for w in await ledger.waiting(9)] == ["HTTP 503"]

        await eventually(is_postponed)
        (status,) = await deliverer.status()
        assert status.waiting_count == 1
        assert status.failing_since == clock.now
        assert status.last_error == "HTTP 503"
        clock.turn(4.9)  # the first wait is 5 to 10 s
        await asyncio.sleep(0.2)
        assert len(receiver.requests) == 1
        clock.turn(5.2)
        await receiver.until(lambda r: len(r.requests) == 2)
        await eventually(is_postponed)
    receiver.answer = lambda number: web.Response(status=200)
    clock.turn(20.1)
    async with delivering(settings, ledger, tally, clock):

        async def is_done() -> bool:
            return not await ledger.waiting(9)

        await eventually(is_done)
    assert [headers["Manyi-Attempt"] for headers, _ in receiver.requests] == ["1", "2", "3"]
    assert tally.told == [
        ("retried", "webhook", "http_503"),
        ("retried", "webhook", "http_503"),
        ("delivered", "webhook", 1),
    ]


async def test_a_receiver_that_asks_for_patience_gets_it(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """`Retry-After` is honoured, up to an hour."""
    settings = replace(settings, webhook_url=receiver.url)
    ledger, clock = Ledger.of(settings, redis), TurnableClock()
    receiver.answer = lambda number: web.Response(status=429, headers={"Retry-After": "86400"})
    await register(ledger, an_alert(), clock())
    async with delivering(settings, ledger, clock=clock):

        async def is_postponed() -> bool:
            return [w.tried_count for w in await ledger.waiting(9)] == [1]

        await eventually(is_postponed)
    now_ms = int(clock.now.timestamp() * 1000)
    assert await ledger.claim_queues("webhook", now_ms + 3_599_000, 9) == []
    assert await ledger.claim_queues("webhook", now_ms + 3_600_001, 9) == ["complaint-1"]


async def test_a_refused_alert_is_listed_and_blocks_nobody(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """A permanent refusal is visible, and the complaint's next alert is delivered."""
    settings = replace(settings, webhook_url=receiver.url)
    ledger, tally = Ledger.of(settings, redis), Tally()
    receiver.answer = lambda number: web.Response(status=410 if number == 1 else 200)
    await register(ledger, an_alert(), MONDAY)
    await register(ledger, an_alert(AlertKind.RECOVERED), MONDAY)
    async with delivering(settings, ledger, tally):
        await receiver.until(lambda r: len(r.requests) == 2)
    (failure,) = await ledger.failed(9)
    assert (failure.reason, failure.kind, failure.tried_count) == ("http_410", "breached", 1)
    assert ("failed", "webhook", "http_410") in tally.told


async def test_a_delivery_is_given_up_after_a_day(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """What fails for a whole day is listed as failed with its last error."""
    settings = replace(settings, webhook_url=receiver.url)
    ledger, clock = Ledger.of(settings, redis), TurnableClock()
    receiver.answer = lambda number: web.Response(status=500, text="no room")
    await register(ledger, an_alert(), clock())
    clock.turn(settings.give_up_seconds)
    async with delivering(settings, ledger, clock=clock):

        async def is_listed() -> bool:
            return [(f.reason, f.detail) for f in await ledger.failed(9)] == [
                ("gave_up", "HTTP 500 no room")
            ]

        await eventually(is_listed)


async def test_deliveries_of_one_complaint_arrive_in_order(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """However often the first fails, the second is not delivered before it."""
    settings = replace(settings, webhook_url=receiver.url)
    ledger, clock = Ledger.of(settings, redis), TurnableClock()
    receiver.answer = lambda number: web.Response(status=500 if number < 4 else 200)
    for kind in (AlertKind.WARNED, AlertKind.BREACHED, AlertKind.RECOVERED):
        await register(ledger, an_alert(kind), clock())
    async with delivering(settings, ledger, clock=clock):

        async def turn_until_done() -> bool:
            clock.turn(60.0)
            return len(receiver.requests) == 6

        await eventually(turn_until_done)
    order = [body["event"].removeprefix("sla.") for body in receiver.bodies]
    assert order == ["warned"] * 4 + ["breached", "recovered"]


async def test_two_workers_share_the_work(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """Two workers on one ledger deliver every alert, and none of them twice."""
    settings = replace(settings, webhook_url=receiver.url, concurrency=2)
    ledger, one, two = Ledger.of(settings, redis), Tally(), Tally()
    receiver.delay_seconds = 0.02
    for number in range(30):
        await register(ledger, an_alert(complaint_id=f"complaint-{number}"), MONDAY)
    async with delivering(settings, ledger, one), delivering(settings, ledger, two):

        async def is_done() -> bool:
            return await ledger.waiting_count("webhook") == 0

        await eventually(is_done)
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.requests}) == 30
    assert len(receiver.requests) == 30
    assert one.told
    assert two.told


async def test_a_slow_receiver_delays_nobody_else(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """While the webhook hangs, every alert reaches Alertmanager."""
    other = Receiver()
    await other.start()
    receiver.delay_seconds = 60.0
    settings = replace(
        settings,
        webhook_url=receiver.url,
        alertmanager_urls=(other.url,),
        timeout_seconds=60.0,
        stop_seconds=0.1,
        alertmanager_batch=3,
    )
    ledger = Ledger.of(settings, redis)
    for number in range(10):
        await register(ledger, an_alert(complaint_id=f"complaint-{number}"), MONDAY)
    async with delivering(settings, ledger):
        await receiver.until(lambda r: bool(r.requests))
        await other.until(lambda r: sum(len(body) for body in r.bodies) == 10)
    await other.stop()


async def test_a_dead_alertmanager_holds_up_no_other(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """Each instance of a cluster is told by itself, and the dead one is tried again."""
    dead = Receiver()
    await dead.start()
    await dead.stop()
    settings = replace(settings, alertmanager_urls=(dead.url, receiver.url))
    ledger, tally = Ledger.of(settings, redis), Tally()
    await register(ledger, an_alert(), MONDAY)
    async with delivering(settings, ledger, tally):
        await receiver.until(lambda r: len(r.requests) == 1)

        async def is_tried_again() -> bool:
            return ("retried", transport_name(dead.url), "unreachable") in tally.told

        await eventually(is_tried_again)


async def test_one_bad_alert_does_not_spoil_a_post(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """After a 400 the post is halved until the bad alert stands alone; it is given up, visibly."""
    settings = replace(settings, alertmanager_urls=(receiver.url,))
    ledger, tally = Ledger.of(settings, redis), Tally()

    def judge(number: int) -> web.Response:
        names = [alert["labels"]["complaint_id"] for alert in receiver.bodies[-1]]
        return web.Response(status=400 if "complaint-3" in names else 200, text="bad label")

    receiver.answer = judge
    for number in range(5):
        await register(ledger, an_alert(complaint_id=f"complaint-{number}"), MONDAY)
    async with delivering(settings, ledger, tally):

        async def is_settled() -> bool:
            counts = [int(entry[2]) for entry in tally.told if entry[0] == "delivered"]
            return sum(counts) == 4

        await eventually(is_settled)
    (failure,) = await ledger.failed(9)
    assert (failure.complaint_id, failure.reason) == ("complaint-3", "refused")
    assert "bad label" in failure.detail


async def test_firing_alerts_are_repeated_and_ended_ones_for_a_while(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """Every 60 s with an end 4 min ahead while it fires, every 60 s for 5 min after, then never."""
    settings = replace(settings, alertmanager_urls=(receiver.url,))
    ledger, clock = Ledger.of(settings, redis), TurnableClock()
    start = clock.now

    async def next_post() -> list[dict[str, str]]:
        count = len(receiver.requests)
        await receiver.until(lambda r: len(r.requests) > count)
        posted: list[dict[str, str]] = receiver.bodies[-1]
        return posted

    def seconds(text: str) -> float:
        return (datetime.fromisoformat(text).astimezone(UTC) - start).total_seconds()

    await register(ledger, an_alert(), clock())
    async with delivering(settings, ledger, clock=clock):
        await receiver.until(lambda r: len(r.requests) == 1)
        (alert,) = receiver.bodies[0]
        assert (seconds(alert["startsAt"]), seconds(alert["endsAt"])) == (0.0, 240.0)
        for minute in (1, 2):
            clock.turn(60.0)
            (alert,) = await next_post()
            assert seconds(alert["endsAt"]) == 240.0 + 60.0 * minute
        await register(ledger, an_alert(AlertKind.RECOVERED), clock())
        (alert,) = await next_post()
        assert seconds(alert["endsAt"]) == 120.0
        for _ in range(5):
            clock.turn(60.0)
            (alert,) = await next_post()
            assert seconds(alert["endsAt"]) == 120.0
        clock.turn(600.0)
        await asyncio.sleep(0.3)
    assert len(receiver.requests) == 1 + 2 + 1 + 5
    assert await ledger.waiting_count(transport_name(receiver.url)) == 0


async def test_a_warning_ends_by_itself_after_its_due_time(
    receiver: Receiver, redis: Redis, settings: NotifierSettings
) -> None:
    """Ten minutes after the clock was due a warning is over, whatever else was heard."""
    settings = replace(settings, alertmanager_urls=(receiver.url,))
    ledger, clock = Ledger.of(settings, redis), TurnableClock()
    await register(ledger, an_alert(AlertKind.WARNED), clock())
    async with delivering(settings, ledger, clock=clock):
        await receiver.until(lambda r: len(r.requests) == 1)
        clock.turn(600.0)
        await receiver.until(lambda r: len(r.requests) == 2)
    (alert,) = receiver.bodies[1]
    assert datetime.fromisoformat(alert["endsAt"]) == clock.now


async def test_waits_grow_and_are_bounded(settings: NotifierSettings) -> None:
    """Twice as long after each failure, at most five minutes, up to a half less at random."""
    settings = replace(settings, backoff_seconds=2.0)
    rng = Random(7)
    for tried, full in [(1, 2.0), (2, 4.0), (5, 32.0), (8, 256.0), (9, 300.0), (10_000, 300.0)]:
        waits = [backoff_ms(settings, tried, rng) / 1000 for _ in range(50)]
        assert full / 2 <= min(waits) <= max(waits) <= full
        assert len(set(waits)) > 10
