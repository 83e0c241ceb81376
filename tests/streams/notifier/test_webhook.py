"""The contract of the webhook, checked by a receiver that knows nothing of manyi's code."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web

from streams.notifier import NotifierSettings
from streams.notifier.senders import Outcome, Verdict
from streams.notifier.webhook import Webhook
from tests.streams.notifier.kit import MONDAY, Receiver, an_alert

SECRET = "s3cret"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as it:
        yield it


def settings_for(url: str, secret: str | None = SECRET) -> NotifierSettings:
    """Settings that know nothing but the webhook."""
    return NotifierSettings(
        kafka={},
        webhook_url=url,
        webhook_secret=secret,
        timeout_seconds=5.0,
        link="https://desk.example/",
    )


async def try_once(
    receiver: Receiver, session: aiohttp.ClientSession, answer: web.Response
) -> Outcome:
    """Send one alert to a receiver that gives this answer."""
    receiver.answer = lambda number: answer
    hook = Webhook(settings_for(f"{receiver.url}/hook?team=1"), session)
    return await hook.send(an_alert(), 1, MONDAY)


async def test_a_delivery_carries_what_the_contract_says(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """Id, attempt, time and signature stand in headers, the alert and its words in JSON."""
    hook = Webhook(settings_for(f"{receiver.url}/hook"), session)
    outcome = await hook.send(an_alert(), 3, MONDAY)
    assert outcome.verdict is Verdict.DELIVERED
    ((headers, body),) = receiver.requests
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "complaint-1/breached/"
    assert headers["Manyi-Attempt"] == "3"
    assert headers["Manyi-Timestamp"] == "1772442000"
    signed = b"1772442000." + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Manyi-Signature"] == f"sha256={expected}"
    content = json.loads(body)
    assert (content["version"], content["event"]) == (1, "sla.breached")
    assert content["alert"]["complaint_id"] == "complaint-1"
    assert content["link"] == "https://desk.example/complaints/complaint-1"
    assert content["text"]["title"] == "Promise broken: first reply for VIP customer Anna Klein"


async def test_without_a_secret_nothing_is_signed(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """No signature is better than one with an empty key."""
    await Webhook(settings_for(receiver.url, None), session).send(an_alert(), 1, MONDAY)
    assert "Manyi-Signature" not in receiver.requests[0][0]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_2xx_is_delivered(
    status: int, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """Any success counts, whatever the body."""
    outcome = await try_once(receiver, session, web.Response(status=status))
    assert outcome.verdict is Verdict.DELIVERED


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(
    status: int, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """Overload, time-outs and server errors come back."""
    outcome = await try_once(receiver, session, web.Response(status=status, text="busy\nnow"))
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason == f"http_{status}"
    assert outcome.detail == f"HTTP {status} busy now"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
async def test_other_4xx_are_final(
    status: int, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """A refusal that will be the same every time is not repeated."""
    outcome = await try_once(receiver, session, web.Response(status=status))
    assert outcome.verdict is Verdict.REFUSED


async def test_a_redirect_is_final_and_says_where_to(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """A signed post is not carried to another address; the operator is told the new one."""
    answer = web.Response(status=308, headers={"Location": "https://elsewhere.example/"})
    outcome = await try_once(receiver, session, answer)
    assert outcome.verdict is Verdict.REFUSED
    assert "https://elsewhere.example/" in outcome.detail
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (format_datetime(MONDAY + timedelta(minutes=5), usegmt=True), 300.0),
        (format_datetime(MONDAY - timedelta(minutes=5), usegmt=True), 0.0),
        ("soon", None),
        ("", None),
    ],
)
async def test_retry_after_is_read(
    header: str, seconds: float | None, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """Seconds or a date, as HTTP allows; nonsense is as good as nothing."""
    answer = web.Response(status=429, headers={"Retry-After": header})
    outcome = await try_once(receiver, session, answer)
    assert outcome.retry_after_seconds == seconds


async def test_a_receiver_that_is_gone_is_tried_again(session: aiohttp.ClientSession) -> None:
    """A refused connection is a fault of the day, not of the alert."""
    gone = Receiver()
    await gone.start()
    await gone.stop()
    outcome = await Webhook(settings_for(gone.url), session).send(an_alert(), 1, MONDAY)
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "unreachable")


async def test_a_receiver_that_hangs_is_tried_again(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """After the time limit the try counts as failed."""
    receiver.delay_seconds = 30.0
    hook = Webhook(replace(settings_for(receiver.url), timeout_seconds=0.2), session)
    outcome = await hook.send(an_alert(), 1, datetime(2026, 3, 2, tzinfo=UTC))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "timeout")
