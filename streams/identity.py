"""The identity index in Redis or Valkey: whose handles are these, one round trip per batch.

Keys, all with the hash tag `{identity}`, so that a cluster keeps them in one slot and one script
may touch them all. The index therefore lives on one shard: some 260 bytes a handle, 1 GiB for four
million. It must not be evicted (`maxmemory-policy noeviction`).

    <prefix>{identity}:<handle>            customer id and the origin of the record that linked it
    <prefix>{identity}:customer:<id>       hash: its handles, and `#<kind>` counts for the limits

The truth is `identity-links.v1`; `restore` rebuilds the index from it. Links of conversations and
orders are neither published nor restored: they live `CONVERSATION_DAYS` and help records that name
nobody.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, NoScriptError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.identity.resolve import IdentityLimits, Resolution
from agents.intake.handles import handle_kind
from agents.intake.ids import NAMESPACE
from schemas.common import HandleKind
from schemas.events import IdentityLink
from schemas.interaction import Origin

CONVERSATION_DAYS = 30
"""How long a record that names nobody still finds the customer of its conversation or order."""

QUESTIONS_PER_CALL = 1_000
"""One script call holds the server for about 10 ms; larger batches are several calls, sent at
once."""

RESTORE_LINKS = 1_000
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

_ID_CHARS = 36
_NOBODY = Resolution("")
_Call = tuple[Any, ...]

_SCRIPT = Path(__file__).with_suffix(".lua").read_text()
_SCRIPT_SHA = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


log = logging.getLogger(__name__)


class _Question(NamedTuple):
    handles: tuple[str, ...]
    origin: str


class IdentityIndex:
    """Answers whose handles are, and links new ones.

    While the server cannot be reached it waits and asks again, for no answer may be guessed; the
    worker's watchdog decides when that has taken too long. Other errors go through.
    """

    def __init__(
        self,
        client: Redis,
        prefix: str = "manyi:",
        limits: IdentityLimits | None = None,
        conversation_days: int = CONVERSATION_DAYS,
    ) -> None:
        self._client = client
        self._prefix = f"{prefix}{{identity}}:"
        limits = limits or IdentityLimits()
        self._fixed = (
            self._prefix,
            NAMESPACE.bytes + b"customer\n",
            str(conversation_days * 86_400),
            " ".join(f"{kind.value}={limits.of(kind.value)}" for kind in HandleKind),
        )

    async def resolve(
        self, handle_sets: Sequence[Sequence[str]], origins: Sequence[Origin] = ()
    ) -> list[Resolution]:
        """Answer for all records of a batch in one round trip, in order.

        A record sees the links of those before it. Asked again, after a crash or a lost answer, it
        is the same answer; with `origins`, where the records stand, the links that their first
        reading made are reported again as well, for they may not have been published.

        Args:
            handle_sets: per record its handles, strongest first; an empty set is nobody's ("").
            origins: per record where it stands on Kafka; none, or as many as sets.
        """
        asked = [
            _Question(tuple(handles), _origin(origins[i]) if origins else "")
            for i, handles in enumerate(handle_sets)
            if handles
        ]
        parts = [
            asked[i : i + QUESTIONS_PER_CALL] for i in range(0, len(asked), QUESTIONS_PER_CALL)
        ]
        replies = await self._ask_until_answered([self._call(part) for part in parts])
        found = iter(
            resolution
            for part, reply in zip(parts, replies, strict=True)
            for resolution in _resolutions(part, reply)
        )
        return [next(found) if handles else _NOBODY for handles in handle_sets]

    async def restore(self, links: AsyncIterable[IdentityLink]) -> int:
        """Rebuild links from the records of `identity-links.v1`; returns how many were new.

        Existing links stay as they are, so it may run while workers resolve.
        """
        restored = 0
        part: list[IdentityLink] = []
        async for link in links:
            part.append(link)
            if len(part) == RESTORE_LINKS:
                restored += await self._restore(part)
                part = []
        return restored + await self._restore(part)

    async def customer_of(self, handle: str) -> str | None:
        """Return the customer a normalised handle belongs to."""
        value = await self._client.get(f"{self._prefix}{handle}")
        return None if value is None else _text(value)[:_ID_CHARS]

    async def handles_of(self, customer_id: str) -> list[str]:
        """Return the handles of a customer, in no order; conversations are not among them."""
        fields = await self._client.hkeys(f"{self._prefix}customer:{customer_id}")
        return [text for text in map(_text, fields) if not text.startswith("#")]

    async def _ask_until_answered(self, calls: Sequence[_Call]) -> list[Any]:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._ask(calls)
            except NoScriptError:  # a new or restarted server; asking twice changes nothing
                await self._client.script_load(_SCRIPT)
            except (RedisConnectionError, RedisTimeoutError, BusyLoadingError) as error:
                log.warning("identity index out of reach, asking again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _ask(self, calls: Sequence[_Call]) -> list[Any]:
        if len(calls) == 1:
            return [await self._client.evalsha(*calls[0])]
        async with self._client.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command("EVALSHA", *call)
            return await pipeline.execute() if calls else []

    def _call(self, questions: Sequence[_Question]) -> _Call:
        prefix = self._prefix
        keys = [prefix + handle for question in questions for handle in question.handles]
        asked = "\n".join(f"{len(handles)}:{origin}" for handles, origin in questions)
        return (_SCRIPT_SHA, len(keys), *keys, *self._fixed, asked)

    async def _restore(self, links: Sequence[IdentityLink]) -> int:
        """Set the links that are not there, then count them for their customers' limits."""
        if not links:
            return 0
        async with self._client.pipeline(transaction=False) as pipeline:
            for link in links:
                pipeline.set(f"{self._prefix}{link.handle}", link.customer_id, nx=True)
            created = await pipeline.execute()
            new = [link for link, was_set in zip(links, created, strict=True) if was_set]
            for link in new:
                key = f"{self._prefix}customer:{link.customer_id}"
                pipeline.hset(key, link.handle, "")
                pipeline.hincrby(key, f"#{handle_kind(link.handle)}", 1)
            await pipeline.execute()
        return len(new)


def _origin(origin: Origin) -> str:
    return f"{origin.topic}/{origin.partition}/{origin.offset}"


def _resolutions(questions: Sequence[_Question], reply: Any) -> list[Resolution]:
    ids, *places = map(_text, reply)
    customers = [ids[i : i + _ID_CHARS] for i in range(0, len(ids), _ID_CHARS)]
    if not any(places):
        return [Resolution(customer_id) for customer_id in customers]
    linked, over_limit, conflicts = map(_positions, places)
    resolutions: list[Resolution] = []
    first = 1
    for customer_id, (handles, _) in zip(customers, questions, strict=True):
        named = list(enumerate(handles, first))
        first += len(handles)
        resolutions.append(
            Resolution(
                customer_id,
                tuple(handle for place, handle in named if place in linked),
                tuple(handle for place, handle in named if place in conflicts),
                tuple(handle for place, handle in named if place in over_limit),
            )
        )
    return resolutions


def _positions(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split()))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
