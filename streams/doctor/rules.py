"""Checks that need no server: the policy, the region, the port; and of the receivers of alerts."""

import asyncio
import socket
from datetime import UTC, datetime

import aiohttp
from redis.asyncio import Redis

from streams.doctor.findings import Finding, broken, doubtful, fine
from streams.errors import UserError
from streams.notifier import NotifierSettings
from streams.notifier.ledger import Ledger
from streams.policy_files import require_policy
from streams.settings import Settings

RECEIVER_SECONDS = 5.0
RECENT_SECONDS = 86_400.0


def check_policy(settings: Settings) -> Finding:
    """Whether the policy file can be read, and what it promises."""
    try:
        policy = require_policy(settings.policy)
    except UserError as error:
        return broken("policy", error.message, error.hint or "manyi policy check FILE")
    except OSError as error:
        return broken("policy", f"{settings.policy}: {error.strerror}", "Check MANYI_POLICY")
    names = ", ".join(rule.name for rule in policy.policies[:5])
    says = f"{len(policy.policies)} policies ({names})"
    if settings.policy is None:
        return doubtful(
            "policy", f"the built-in one: {says}", "Promise your own: MANYI_POLICY names the file"
        )
    return fine("policy", f"{settings.policy}: {says}")


def check_region(settings: Settings) -> Finding:
    """Whether telephone numbers without a country code mean anything."""
    if settings.default_region is None:
        return doubtful(
            "region",
            "numbers without a country code name nobody",
            "MANYI_REGION=CN (or DE, US, …) says where such numbers are from",
        )
    return fine("region", f"numbers without a country code are from {settings.default_region}")


async def check_port(settings: Settings) -> Finding:
    """Whether the worker can listen, or a worker of ours already does."""
    address = f"{settings.host}:{settings.port}"
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if await _is_manyi(settings):
                return fine("port", f"{address}: a worker answers there")
            return broken(
                "port",
                f"{address} cannot be listened on: {error.strerror}",
                "MANYI_PORT chooses another, MANYI_HOST another address",
            )
    return fine("port", f"{address} is free")


async def _is_manyi(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    url = f"http://{host}:{settings.port}/health/live"
    try:
        timeout = aiohttp.ClientTimeout(total=RECEIVER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return response.status == 200 and "status" in await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


async def check_receivers(settings: Settings) -> list[Finding]:
    """Whether alerts have anywhere to go, and whether somebody is there."""
    if not settings.alerts:
        return [doubtful("alerts", "MANYI_ALERTS is off: nobody is woken", "MANYI_ALERTS=on")]
    if not settings.alertmanager_urls and not settings.webhook_url:
        return [
            doubtful(
                "alerts",
                "no receiver is set: broken promises wake nobody",
                "MANYI_ALERTMANAGER_URLS or MANYI_WEBHOOK_URL; docs/alerts.md shows how",
            )
        ]
    findings = list(await asyncio.gather(*map(_alertmanager, settings.alertmanager_urls)))
    if settings.webhook_url:
        # Anything sent there would be taken for an alert, so only the settings are looked at.
        if settings.webhook_secret:
            findings.append(fine("webhook", "set, and signed"))
        else:
            mend = "MANYI_WEBHOOK_SECRET signs what is sent"
            findings.append(doubtful("webhook", "anybody could send it such alerts", mend))
    return findings


async def _alertmanager(url: str) -> Finding:
    try:
        timeout = aiohttp.ClientTimeout(total=RECEIVER_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url.rstrip('/')}/api/v2/status") as response,
        ):
            if response.status != 200:
                said = f"{url} answers {response.status}"
                return broken("alertmanager", said, "Is this an Alertmanager of 0.16 or newer?")
            version = (await response.json())["versionInfo"]["version"]
            return fine("alertmanager", f"{url}: version {version}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, LookupError) as error:
        said = f"{url} does not answer: {error!s:.200}"
        return broken("alertmanager", said, "Start it, or correct MANYI_ALERTMANAGER_URLS")


async def check_deliveries(redis: Redis, settings: Settings) -> Finding:
    """Whether alerts were given up, or wait for a receiver that does not take them."""
    ledger = Ledger.of(
        NotifierSettings(
            kafka={},
            redis_prefix=settings.redis_prefix,
            alertmanager_urls=settings.alertmanager_urls,
            webhook_url=settings.webhook_url,
        ),
        redis,
    )
    now = datetime.now(UTC)
    failed = [
        failure
        for failure in await ledger.failed(1_000)
        if (now - failure.failed_at).total_seconds() < RECENT_SECONDS
    ]
    waiting = [delivery for delivery in await ledger.waiting(1_000) if delivery.tried_count]
    if failed:
        last = failed[0]
        return doubtful(
            "deliveries",
            f"{len(failed)} alerts were given up in the last day, the last to {last.transport}: "
            f"{last.reason} {last.detail}".strip(),
            "Look at the receiver; docs/alerts.md says which answers are final",
        )
    if waiting:
        return doubtful(
            "deliveries",
            f"{len(waiting)} alerts wait for {waiting[0].transport}: {waiting[0].last_error}",
            "They are tried for a day; look at the receiver",
        )
    return fine("deliveries", "none failed in the last day, none wait")
