"""What the doctor says about policy, port and receivers."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from redis.asyncio import Redis

from streams.cli.main import run
from streams.doctor import Health, rules
from streams.embedded import EmbeddedServices
from streams.errors import ExitCode
from streams.notifier import NotifierSettings
from streams.notifier.ledger import Ledger
from streams.settings import Settings, load_settings
from tests.streams.notifier.kit import Receiver, an_alert, register


@pytest.fixture
def settings() -> Settings:
    """Settings that name servers nobody runs."""
    return load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}
    )


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port somebody listens on who is not manyi."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_policy_with_mistakes_is_broken_and_says_where(
    settings: Settings, tmp_path: Path
) -> None:
    """A worker would refuse it, so the doctor does, with the same words."""
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\npolicies:\n  - name: all\n    targets: {first_response: {}}\n")
    finding = rules.check_policy(replace(settings, policy=file))
    assert finding.health is Health.BROKEN
    assert finding.mend
    assert rules.check_policy(settings).health is Health.DOUBTFUL  # the built-in one


def test_a_missing_region_is_told(settings: Settings) -> None:
    """Without it `021 6000 0000` names nobody."""
    assert rules.check_region(settings).health is Health.DOUBTFUL
    assert rules.check_region(replace(settings, default_region="CN")).health is Health.FINE


async def test_a_taken_port_is_broken_unless_manyi_has_it(
    settings: Settings, taken_port: int
) -> None:
    """A running worker is no fault; another program on its port is."""
    finding = await rules.check_port(replace(settings, port=taken_port))
    assert finding.health is Health.BROKEN
    assert "MANYI_PORT" in finding.mend


async def test_a_worker_on_the_port_is_fine(settings: Settings) -> None:
    """What answers `/health/live` as a worker does is taken for one."""

    async def live(request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    app = web.Application()
    app.router.add_get("/health/live", live)
    runner = web.AppRunner(app, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        port = runner.addresses[0][1]
        assert (await rules.check_port(replace(settings, port=port))).health is Health.FINE
    finally:
        await runner.cleanup()


async def test_alerts_need_somebody_to_hear_them(settings: Settings) -> None:
    """No receiver, alerts switched off, an unsigned webhook: each is told."""
    assert (await rules.check_receivers(settings))[0].health is Health.DOUBTFUL
    off = replace(settings, alerts=False)
    assert "MANYI_ALERTS" in (await rules.check_receivers(off))[0].says
    hook = replace(settings, webhook_url="http://127.0.0.1:1/hook")
    assert (await rules.check_receivers(hook))[0].health is Health.DOUBTFUL
    signed = replace(hook, webhook_secret="s")
    assert (await rules.check_receivers(signed))[0].health is Health.FINE


async def test_an_alertmanager_that_does_not_answer_is_broken(settings: Settings) -> None:
    """Where alerts are to go somebody must be, and must be an Alertmanager."""
    other = Receiver()
    await other.start()
    try:
        urls = ("http://127.0.0.1:1", other.url)
        findings = await rules.check_receivers(replace(settings, alertmanager_urls=urls))
    finally:
        await other.stop()
    assert [finding.health for finding in findings] == [Health.BROKEN, Health.BROKEN]


@pytest.mark.integration
async def test_failed_deliveries_are_told(settings: Settings, embedded: EmbeddedServices) -> None:
    """Alerts that reached nobody are the doctor's business."""
    settings = replace(
        settings, redis_prefix="doctor-deliveries:", webhook_url="http://127.0.0.1:1/"
    )
    redis = Redis.from_url(embedded.redis_url)
    try:
        assert (await rules.check_deliveries(redis, settings)).health is Health.FINE
        full = NotifierSettings(
            kafka={},
            redis_prefix=settings.redis_prefix,
            webhook_url=settings.webhook_url,
            waiting_max=0,
        )
        await register(Ledger.of(full, redis), an_alert(), datetime.now(UTC))
        finding = await rules.check_deliveries(redis, settings)
        assert finding.health is Health.DOUBTFUL
        assert "queue_full" in finding.says
    finally:
        await redis.delete(*await redis.keys("doctor-deliveries:*"))
        await redis.aclose()


def test_the_command_ends_with_1_where_something_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every finding is a JSON object a line; without broker and Redis some are broken."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert run(["doctor", "--json"]) == ExitCode.FAILED
    found = {}
    for line in capsys.readouterr().out.splitlines():
        finding = json.loads(line)
        found[finding["check"]] = finding["health"]
    assert found["broker"] == found["redis"] == "broken"
    assert found["topics"] == "unknown"
    assert found["settings"] == "fine"


def test_settings_that_cannot_be_read_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor reports what would stop every other command, instead of stopping itself."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("REDIS_URL", "no url")
    assert run(["doctor"]) == ExitCode.FAILED
    assert "REDIS_URL" in capsys.readouterr().out
