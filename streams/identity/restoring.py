"""Who may rebuild the index, and putting links back into it: the Redis side of a rebuild."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.identity import scripts

CLAIM_SECONDS = 15.0
"""A rebuild renews its claim with every part, some milliseconds; a worker that is silent for so
long is dead or paused, and another one begins."""


class IndexLost(RedisError):
    """There is no complete index, or the rebuild's claim went to somebody else: begin anew."""


class Claim(StrEnum):
    """What became of asking for the rebuild."""

    COMPLETE = "complete"
    BUSY = "busy"
    OURS = "ours"


class Standing(NamedTuple):
    """Where the index stands: whose turn it is, and how many links are restored by now."""

    claim: Claim
    links: int = 0


class Link(NamedTuple):
    """A link as it is restored. `seconds` is how long it lives from now, 0: for ever."""

    handle: str
    customer_id: str
    epoch: int
    seconds: int = 0


class Restoring:
    """The claim of one worker to rebuild the index. Every method may raise redis.RedisError."""

    def __init__(
        self, client: Redis, redis_prefix: str = "manyi:", claim_seconds: float = CLAIM_SECONDS
    ) -> None:
        self._client = client
        self._prefix = scripts.identity_prefix(redis_prefix)
        self._claim_ms = int(claim_seconds * 1000)
        self._token = uuid4().hex

    async def epoch(self) -> int | None:
        """The epoch of the index in force; None where it is incomplete."""
        found = await scripts.EPOCH.run(self._client, [], self._prefix)
        return None if found is None else int(found)

    async def standing(self) -> Standing | None:
        """How the index stands, without a claim; None where it is incomplete and nobody's turn."""
        if await self.epoch() is not None:
            return Standing(Claim.COMPLETE)
        links = await self._client.hget(f"{self._prefix}#rebuild", "links")
        return None if links is None else Standing(Claim.BUSY, int(links))

    async def begin(self) -> Standing:
        """Claim the rebuild, where there is one to be done."""
        self._token = uuid4().hex  # what an older claim of ours still sends is void
        answer = await scripts.BEGIN.run(
            self._client, [], self._prefix, self._token, self._claim_ms
        )
        name, _, links = (answer.decode() if isinstance(answer, bytes) else answer).partition(" ")
        return Standing(Claim(name), int(links or 0))

    async def restore(self, links: Sequence[Link], before: int) -> int:
        """Take links in, whatever is there already, and keep the claim; returns how many are new.

        `before` links were restored by this claim so far. Raises IndexLost.
        """
        lines = "\n".join(f"{link.customer_id} {link.epoch} {link.seconds}" for link in links)
        new = await scripts.RESTORE.run(
            self._client,
            [self._prefix + link.handle for link in links],
            self._prefix,
            self._token,
            self._claim_ms,
            before + len(links),
            lines,
        )
        if new < 0:
            raise IndexLost("Redis was lost again, or another worker took over")
        return int(new)

    async def finish(self, epoch: int) -> None:
        """Put the index in force under a new epoch. Raises IndexLost."""
        if not await scripts.FINISH.run(self._client, [], self._prefix, self._token, epoch):
            raise IndexLost("Redis was lost again, or evicts keys: set maxmemory-policy noeviction")
