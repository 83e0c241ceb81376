"""What `manyi alerts` shows."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from streams.cli import alerts
from streams.embedded import EmbeddedServices
from streams.notifier import NotifierSettings
from streams.notifier.ledger import Ledger
from tests.streams.notifier.kit import an_alert, register

PREFIX = "alerts-command:"
HOOK = "http://127.0.0.1:1/hook"

pytestmark = pytest.mark.integration


@pytest.fixture
def ledger_of_two(embedded: EmbeddedServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """One delivery that waits, and one that found the queue full."""

    async def fill() -> None:
        redis: Redis = Redis.from_url(embedded.redis_url)
        keys = await redis.keys(f"{PREFIX}*")
        if keys:
            await redis.delete(*keys)
        settings = NotifierSettings(kafka={}, redis_prefix=PREFIX, webhook_url=HOOK, waiting_max=1)
        ledger = Ledger.of(settings, redis)
        await register(ledger, an_alert(complaint_id="first"), datetime.now(UTC))
        await register(ledger, an_alert(complaint_id="second"), datetime.now(UTC))
        await redis.aclose()

    asyncio.run(fill())
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", embedded.bootstrap_servers)
    monkeypatch.setenv("REDIS_URL", embedded.redis_url)
    monkeypatch.setenv("MANYI_REDIS_PREFIX", PREFIX)
    monkeypatch.setenv("MANYI_WEBHOOK_URL", HOOK)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    alerts.command.main(list(arguments), standalone_mode=False)
    return capsys.readouterr().out


@pytest.mark.usefixtures("ledger_of_two")
def test_given_up_deliveries_are_listed_with_their_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Which complaint, to whom, and why."""
    line = json.loads(shown(capsys, "failed", "--json"))
    assert (line["complaint_id"], line["transport"]) == ("second", "webhook")
    assert line["reason"] == "queue_full"
    assert "queue_full" in shown(capsys, "failed")


@pytest.mark.usefixtures("ledger_of_two")
def test_waiting_deliveries_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever no receiver has taken yet."""
    line = json.loads(shown(capsys, "waiting", "--json"))
    assert line["alert_id"].startswith("first/")
    assert "first/" in shown(capsys, "waiting")
