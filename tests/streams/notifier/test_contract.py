"""What docs/alerts.md promises to receivers, run as it stands there."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from schemas.alert import AlertKind
from streams.notifier import NotifierSettings
from streams.notifier.webhook import Webhook
from tests.streams.notifier.kit import MONDAY, Receiver, an_alert

PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"
SECRET = "s3cret"


@pytest.fixture
def is_from_manyi() -> Callable[..., bool]:
    """The receiver's check, from the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    check: Callable[..., bool] = names["is_from_manyi"]
    return check


async def test_the_check_on_the_page_accepts_ours_and_nothing_else(
    receiver: Receiver, is_from_manyi: Callable[..., bool]
) -> None:
    """Another secret, another body, another time or no signature: each is refused."""
    settings = NotifierSettings(kafka={}, webhook_url=receiver.url, webhook_secret=SECRET)
    async with aiohttp.ClientSession() as session:
        await Webhook(settings, session).send(an_alert(), 1, MONDAY)
    ((headers, body),) = receiver.requests
    now = MONDAY.timestamp()
    assert is_from_manyi(SECRET, headers, body, now + 10)
    assert not is_from_manyi("other", headers, body, now)
    assert not is_from_manyi(SECRET, headers, body + b" ", now)
    assert not is_from_manyi(SECRET, headers, body, now + 301)
    assert not is_from_manyi(SECRET, headers | {"Manyi-Timestamp": "1"}, body, 1.0)
    assert not is_from_manyi(SECRET, {}, body, now)


def test_the_page_knows_every_kind_of_alert() -> None:
    """A receiver finds each event it may get."""
    page = PAGE.read_text(encoding="utf-8")
    for kind in AlertKind:
        assert f"`sla.{kind}`" in page


def test_the_page_tells_the_limits_that_hold() -> None:
    """Seconds on the page are those of the settings."""
    page = PAGE.read_text(encoding="utf-8")
    settings = NotifierSettings(kafka={})
    assert f"every {settings.resend_seconds:.0f} s" in page
    assert f"ending {settings.firing_seconds / 60:.0f} min after" in page
    assert f"for {settings.resolved_seconds / 60:.0f} min" in page
    assert f"2xx within {settings.timeout_seconds:.0f} s" in page
    assert f"At most {settings.waiting_max:,}" in page
    assert f"for {settings.memory_seconds // 86_400} days" in page
    assert f"for {settings.lease_seconds:.0f} s" in page
