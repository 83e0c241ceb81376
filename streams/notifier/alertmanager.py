"""Alertmanager's API v2: what fires is posted again and again, what ended a few times more.

One `AlertmanagerInstance` per instance of a cluster, each with its own pace and its own failures,
so that a dead one holds up nobody.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

from streams.notifier.deliveries import Claimed
from streams.notifier.senders import (
    DELIVERED,
    ERROR_BYTES,
    Outcome,
    Verdict,
    retry_after_seconds,
)
from streams.notifier.settings import NotifierSettings, transport_name

PATH = "/api/v2/alerts"


class AlertmanagerInstance:
    """Posts firings to one Alertmanager."""

    def __init__(
        self, url: str, settings: NotifierSettings, session: aiohttp.ClientSession
    ) -> None:
        self.name = transport_name(url)
        self._url = url.rstrip("/") + PATH
        self._settings = settings
        self._session = session

    async def post(self, claims: Sequence[Claimed], now: datetime) -> list[tuple[Claimed, Outcome]]:
        """Post firings; an outcome for each. Never raises for what the instance does.

        A 400 means that the valid alerts of the post were stored and the others not, without a word
        which: so the post is halved until the bad ones stand alone.
        """
        outcome = await self._post([payload_of(c, now, self._settings) for c in claims], now)
        if outcome.reason != "http_400" or len(claims) == 1:
            return [(claim, outcome) for claim in claims]
        middle = len(claims) // 2
        return [*await self.post(claims[:middle], now), *await self.post(claims[middle:], now)]

    async def _post(self, alerts: list[dict[str, Any]], now: datetime) -> Outcome:
        try:
            async with self._session.post(
                self._url,
                data=msgspec.json.encode(alerts),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
            ) as response:
                answer = await response.content.read(ERROR_BYTES)
                if 200 <= response.status < 300:
                    return DELIVERED
                said = answer.decode(errors="replace").strip()[:200]
                detail = f"HTTP {response.status} {said}"
                if response.status == 400:
                    return Outcome(Verdict.REFUSED, "http_400", detail)
                # Anything else (401, 404, 502 …) is about the instance or its proxy, not the alert.
                wait = retry_after_seconds(response.headers.get("Retry-After"), now)
                return Outcome(Verdict.RETRY, f"http_{response.status}", detail, wait)
        except TimeoutError:
            return Outcome(
                Verdict.RETRY, "timeout", f"no answer in {self._settings.timeout_seconds} s"
            )
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(Verdict.RETRY, "unreachable", f"{type(error).__name__}: {error}")


def ended_ms(claim: Claimed, now_ms: int) -> int | None:
    """When a firing ended: by an announcement, or by itself; None while it fires."""
    if claim.ended_at_ms:
        return claim.ended_at_ms
    return claim.firing.until_ms if claim.firing.until_ms <= now_ms else None


def payload_of(claim: Claimed, now: datetime, settings: NotifierSettings) -> dict[str, Any]:
    """One alert of a post. `endsAt` is never before `startsAt`, which Alertmanager would refuse."""
    firing = claim.firing
    now_ms = int(now.timestamp() * 1000)
    starts_ms = min(firing.starts_at_ms, now_ms)
    ended = ended_ms(claim, now_ms)
    ends_ms = now_ms + int(settings.firing_seconds * 1000) if ended is None else ended
    payload: dict[str, Any] = {
        "labels": firing.labels,
        "annotations": firing.annotations,
        "startsAt": _text(starts_ms),
        "endsAt": _text(max(ends_ms, starts_ms)),
    }
    if settings.link:
        payload["generatorURL"] = f"{settings.link.rstrip('/')}/complaints/{claim.complaint_id}"
    return payload


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
