"""The signed webhook: every alert once, as JSON, with an id to recognise repeats by.

Receivers check `Manyi-Signature` and answer 2xx within ten seconds; docs/alerts.md is the contract.
"""

import hashlib
import hmac
from datetime import datetime, tzinfo
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import aiohttp
import msgspec

from agents.alerts import compose
from schemas.alert import SlaAlert
from streams.notifier.senders import (
    DELIVERED,
    ERROR_BYTES,
    Outcome,
    Verdict,
    retry_after_seconds,
)
from streams.notifier.settings import NotifierSettings

TIMESTAMP_HEADER = "Manyi-Timestamp"
SIGNATURE_HEADER = "Manyi-Signature"
ID_HEADER = "Idempotency-Key"
ATTEMPT_HEADER = "Manyi-Attempt"

BODY_VERSION = 1

WORTH_ANOTHER_TRY = frozenset((408, 425, 429))
"""Refusals that may not be repeated: time-out, too early, too many requests."""


def body_of(alert: SlaAlert, zone: tzinfo, link: str | None) -> bytes:
    """The JSON of a delivery: the alert as it stands on the topic, and its words."""
    wording = compose(alert, zone)
    body: dict[str, Any] = {
        "version": BODY_VERSION,
        "event": f"sla.{alert.kind}",
        "text": {
            "title": wording.title,
            "body": wording.body,
            "next_step": wording.next_step,
            "language": wording.language,
        },
        "alert": alert,
    }
    if link:
        body["link"] = f"{link.rstrip('/')}/complaints/{alert.complaint_id}"
    return msgspec.json.encode(body)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body` in hexadecimal, as `sha256=…`."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


class Webhook:
    """Posts alerts to one address. A `Sender`."""

    name = "webhook"

    def __init__(self, settings: NotifierSettings, session: aiohttp.ClientSession) -> None:
        assert settings.webhook_url is not None
        self._url = settings.webhook_url
        self._secret = settings.webhook_secret
        self._settings = settings
        self._session = session

    async def send(self, alert: SlaAlert, attempt: int, now: datetime) -> Outcome:
        """Post once. 2xx is delivered, 408, 425, 429 and 5xx come back, other answers are final."""
        body = body_of(alert, self._settings.zone, self._settings.link)
        try:
            async with self._session.post(
                self._url,
                data=body,
                headers=self._headers(alert, attempt, now, body),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
            ) as response:
                answer = await response.content.read(ERROR_BYTES)
                return _judge(response.status, response.headers, answer, now)
        except TimeoutError:
            return Outcome(
                Verdict.RETRY, "timeout", f"no answer in {self._settings.timeout_seconds} s"
            )
        except aiohttp.InvalidURL as error:
            return Outcome(Verdict.REFUSED, "invalid_url", str(error))
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(Verdict.RETRY, "unreachable", f"{type(error).__name__}: {error}")

    def _headers(self, alert: SlaAlert, attempt: int, now: datetime, body: bytes) -> dict[str, str]:
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _user_agent(),
            ID_HEADER: alert.alert_id,
            ATTEMPT_HEADER: str(attempt),
            TIMESTAMP_HEADER: timestamp,
        }
        if self._secret:
            headers[SIGNATURE_HEADER] = signature(self._secret, timestamp, body)
        return headers


def _judge(status: int, headers: Any, answer: bytes, now: datetime) -> Outcome:
    if 200 <= status < 300:
        return DELIVERED
    said = answer.decode(errors="replace").strip().replace("\n", " ")[:200]
    detail = f"HTTP {status} {said}".strip()
    if status >= 500 or status in WORTH_ANOTHER_TRY:
        wait = retry_after_seconds(headers.get("Retry-After"), now)
        return Outcome(Verdict.RETRY, f"http_{status}", detail, wait)
    if 300 <= status < 400:
        place = headers.get("Location", "elsewhere")
        return Outcome(Verdict.REFUSED, f"http_{status}", f"redirects to {place}: set that address")
    return Outcome(Verdict.REFUSED, f"http_{status}", detail)


def _user_agent() -> str:
    try:
        return f"manyi/{version('manyi')}"
    except PackageNotFoundError:
        return "manyi"
