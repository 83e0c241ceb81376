"""`manyi customers`: what it says where somebody is unknown; that it works is tested on a worker
(tests/integration/test_merge_customers.py)."""

import pytest
from redis.asyncio import Redis

from schemas.command import Action
from streams.cli.customers import give_command
from streams.errors import UserError
from streams.settings import load_settings


class Nowhere:
    """A Redis with a complete index in which nobody stands."""

    async def get(self, key: str) -> None:
        """Nothing is kept."""

    async def aclose(self) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize(
    ("gone", "into", "says"),
    [
        ("nobody", "ann", "no customer nobody"),
        ("fax:12", "ann", "fax:12"),
    ],
)
async def test_an_order_about_somebody_unknown_is_not_given(
    gone: str, into: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before anything is published, and says whom nobody knows."""
    monkeypatch.setattr(Redis, "from_url", lambda _: Nowhere())
    settings = load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}
    )
    with pytest.raises(UserError, match=says):
        await give_command(settings, Action.MERGE, gone, into)
