"""The identity index in Redis or Valkey: whose handles are these, one round trip per batch.

Keys, all with the hash tag `{identity}`, so that one script may touch them all:

    <prefix>{identity}:<handle>         customer id, epoch, and the origin of the record that linked
    <prefix>{identity}:customer:<id>    hash: its handles, and `#<kind>` counts for the limits
    <prefix>{identity}:#complete        the marker: which epoch, on which server process
    <prefix>{identity}:#published       hash: source partition -> offset, links up to it are out
    <prefix>{identity}:#rebuild         hash: who rebuilds the index, and how far that is

The index lives on one server: some 270 bytes a handle, 1 GiB for four million. It must not be
evicted (`maxmemory-policy noeviction`); where something was, it is rebuilt before it answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, NoScriptError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.identity.resolve import IdentityLimits, Resolution
from agents.intake.ids import NAMESPACE
from schemas.common import HandleKind
from schemas.interaction import Origin
from streams.identity import scripts
from streams.identity.links import CONVERSATION_DAYS
from streams.identity.restoring import IndexLost

QUESTIONS_PER_CALL = 1_000
"""One script call holds the server for about 10 ms; larger batches are several calls, sent at
once."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

_ID_CHARS = 36
_NOBODY = Resolution("")
_Call = tuple[Any, ...]

log = logging.getLogger(__name__)


class Identified(NamedTuple):
    """The answers for a batch, and the epoch of the index that gave them."""

    epoch: int
    resolutions: list[Resolution]


async def _nobody_rebuilds() -> None:
    raise IndexLost("the identity index is not complete: a worker has to rebuild it")


class _Question(NamedTuple):
    handles: tuple[str, ...]
    origin: str


class IdentityIndex:
    """Answers whose handles are, and links new ones.

    While the server cannot be reached it waits and asks again, for no answer may be guessed; the
    worker's watchdog decides when that has taken too long. Where the index is not complete it
    awaits `rebuild` and asks again. Other errors go through.
    """

    def __init__(
        self,
        client: Redis,
        prefix: str = "manyi:",
        limits: IdentityLimits | None = None,
        conversation_days: int = CONVERSATION_DAYS,
        rebuild: Callable[[], Awaitable[None]] = _nobody_rebuilds,
    ) -> None:
        self._client = client
        self._prefix = scripts.identity_prefix(prefix)
        self._rebuild = rebuild
        limits = limits or IdentityLimits()
        self._fixed = (
            self._prefix,
            NAMESPACE.bytes + b"customer\n",
            str(conversation_days * 86_400),
            " ".join(f"{kind.value}={limits.of(kind.value)}" for kind in HandleKind),
        )

    async def resolve(
        self, handle_sets: Sequence[Sequence[str]], origins: Sequence[Origin] = ()
    ) -> Identified:
        """Answer for all records of a batch in one round trip, in order.

        A record sees the links of those before it. Asked again, after a crash or a lost answer, it
        is the same answer. Links that the answers rest on and that may not be on Kafka yet are in
        them, whoever made them; publish them and `confirm` before anything else.

        Args:
            handle_sets: per record its handles, strongest first; an empty set is nobody's ("").
            origins: per record where it stands on Kafka; as many as sets. Without, links count as
                published.
        """
        asked = [
            _Question(tuple(handles), _origin(origins[i]) if origins else "")
            for i, handles in enumerate(handle_sets)
            if handles
        ]
        parts = [
            asked[i : i + QUESTIONS_PER_CALL] for i in range(0, len(asked), QUESTIONS_PER_CALL)
        ]
        epoch, replies = await self._ask_one_index([self._call(part) for part in parts])
        found = iter(
            resolution
            for part, reply in zip(parts, replies, strict=True)
            for resolution in _resolutions(part, reply)
        )
        return Identified(epoch, [next(found) if handles else _NOBODY for handles in handle_sets])

    async def confirm(self, epoch: int, through: Sequence[Origin]) -> bool:
        """Say that the links of the records of some partitions, up to these, are on Kafka.

        False where the index that gave them is not in force any more: what comes after it may not
        have these links, so the batches must be asked again.
        """
        places = [part for at in through for part in (f"{at.topic}/{at.partition}", at.offset)]
        args = (self._prefix, epoch, *places)
        return bool(await self._patiently(lambda: scripts.CONFIRM.run(self._client, [], *args)))

    async def customer_of(self, handle: str) -> str | None:
        """Return the customer a normalised handle belongs to; IndexLost while nobody can know."""
        if await scripts.EPOCH.run(self._client, [], self._prefix) is None:
            raise IndexLost("the identity index is being rebuilt")
        value = await self._client.get(f"{self._prefix}{handle}")
        return None if value is None else _text(value)[:_ID_CHARS]

    async def handles_of(self, customer_id: str) -> list[str]:
        """Return the handles of a customer, in no order; conversations are not among them."""
        fields = await self._client.hkeys(f"{self._prefix}customer:{customer_id}")
        return [text for text in map(_text, fields) if not text.startswith("#")]

    async def _ask_one_index(self, calls: Sequence[_Call]) -> tuple[int, list[Any]]:
        """Ask until all calls are answered by the same index; returns its epoch and the rest."""
        while True:
            replies: list[Any] = await self._patiently(lambda: self._ask(calls))
            if all(replies):
                epochs = {int(reply[-1]) for reply in replies}
                if len(epochs) <= 1:
                    return max(epochs, default=0), [reply[:-1] for reply in replies]
            await self._rebuild()

    async def _patiently(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                try:
                    return await ask()
                except NoScriptError:  # a new or restarted server; asking twice changes nothing
                    await self._client.script_load(scripts.RESOLVE.text)
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
        return (scripts.RESOLVE.sha, len(keys), *keys, *self._fixed, asked)


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
