"""The identity index waits for its server, whatever it was about to say."""

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from streams.identity import Claim, IdentityIndex, IdentityRebuild, index, rebuild
from streams.identity.restoring import Standing


class Server:
    """Restarts, and goes away again before it was told the script."""

    def __init__(self) -> None:
        self.knows_the_script = False
        self.refusals = 1

    async def evalsha(self, *_: Any) -> list[str]:
        """Answer one question, once the script is known."""
        if not self.knows_the_script:
            raise NoScriptError("NOSCRIPT")
        return ["c" * 36, "", "", "", "7"]

    async def script_load(self, _text: str) -> None:
        """Learn the script, at the second attempt."""
        if self.refusals:
            self.refusals -= 1
            raise RedisConnectionError("connection refused")
        self.knows_the_script = True


async def test_a_connection_lost_while_the_script_is_sent_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that restarts and goes away again is waited for like any other."""
    monkeypatch.setattr(index, "FIRST_PAUSE_SECONDS", 0.0)
    server: Any = Server()
    found = await IdentityIndex(server).resolve([["email:a@example.com"]])
    assert found.epoch == 7
    assert found.resolutions[0].customer_id == "c" * 36


class KilledClaim:
    """The claim of a worker that was killed: nothing moves until it runs out."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    async def begin(self) -> Standing:
        """Say that it is somebody else's turn, so many times."""
        self.looks -= 1
        return Standing(Claim.COMPLETE if self.looks < 0 else Claim.BUSY)


async def test_who_waits_for_the_claim_of_a_killed_worker_is_excused_at_every_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The watchdog must not end one worker after the other while a dead claim runs out."""
    monkeypatch.setattr(rebuild, "LOOK_SECONDS", 0.0)
    claim: Any = KilledClaim(5)
    excused_at: list[int] = []

    async def never() -> int:
        raise AssertionError("it is not ours to rebuild")

    waiting = IdentityRebuild(
        claim,
        never,
        lambda _keep: pytest.fail("not ours"),
        None,
        lambda: excused_at.append(claim.looks),
    )
    await waiting.ensure()
    assert excused_at == [4, 3, 2, 1, 0]
    assert waiting.links is None
