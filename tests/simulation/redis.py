"""A stand-in for the Redis that keeps the identity index: its scripts as plain Python.

Whose handles are decides the pure book, to which other tests hold the script. The rest follows the
scripts of `streams/identity` line by line: the marker of the index in force, who may rebuild it,
what is published. What a server adds: it is flushed, restarted with an older state, out of reach,
or silent after it did what it was asked.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.identity.resolve import IdentityBook
from agents.intake.handles import CONVERSATION, handle_kind
from streams.identity import scripts
from tests.simulation.world import here

__all__ = ["Redis", "RedisServer"]

PATIENCE_SECONDS = 0.5
"""A client's time-out for one question."""


@dataclass
class _Index:
    """What stands in memory, and what comes back from a disk."""

    book: IdentityBook = field(default_factory=IdentityBook)
    epoch_of: dict[str, int] = field(default_factory=dict)
    origin_of: dict[str, str] = field(default_factory=dict)
    """Handle -> the record that linked it; nothing once it was restored from Kafka."""
    published: dict[str, int] = field(default_factory=dict)
    complete: tuple[int, int] | None = None
    """The marker: epoch, and the run of the server that took the index in."""


@dataclass
class _Claim:
    token: str
    run: int
    until: float
    links: int = 0


class RedisServer:
    """One server; all workers ask it."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.index = _Index()
        self.run = 1
        self.down_until = 0.0
        self.lost_answers = 0.0
        """Share of calls that are answered in vain."""
        self.rebuilds = 0
        self._claim: _Claim | None = None
        self._known: set[str] = set()
        self._saved = deepcopy(self.index)

    # --- what happens to it ----------------------------------------------------------------------

    def flush(self) -> None:
        """Somebody flushes it."""
        self.index, self._claim = _Index(), None

    def save(self) -> None:
        """Put the present state on disk."""
        self._saved = deepcopy(self.index)

    def restart(self) -> None:
        """It starts again with what was saved last."""
        self.run += 1
        self.index, self._claim = deepcopy(self._saved), None
        self._known.clear()

    # --- scripts ---------------------------------------------------------------------------------

    def load(self, sha: str) -> None:
        """Learn a script."""
        self._known.add(sha)

    def call(self, sha: str, keys: Sequence[str], args: Sequence[Any], now: float) -> Any:
        """Run a script; raises NoScriptError for one it does not know."""
        if sha not in self._known:
            raise NoScriptError("NOSCRIPT")
        if self._claim is not None and self._claim.until <= now:
            self._claim = None
        run: Callable[[Sequence[str], Sequence[Any], float], Any] = _SCRIPTS[sha].__get__(self)
        return run(keys, args, now)

    def _epoch(self, _keys: Sequence[str], _args: Sequence[Any], _now: float) -> int | None:
        complete = self.index.complete
        return None if complete is None or complete[1] != self.run else complete[0]

    def _confirm(self, _keys: Sequence[str], args: Sequence[Any], now: float) -> int:
        _, epoch, *through = args
        if self._epoch((), (), now) != int(epoch):
            return 0
        published = self.index.published
        for place, offset in zip(through[::2], through[1::2], strict=True):
            published[place] = max(published.get(place, -1), int(offset))
        return 1

    def _begin(self, _keys: Sequence[str], args: Sequence[Any], now: float) -> str:
        _, token, milliseconds = args
        if self._epoch((), (), now) is not None:
            return "complete"
        if self._claim is not None and self._claim.run == self.run:
            return f"busy {self._claim.links}"
        self.index.complete = None
        self._claim = _Claim(token, self.run, now + milliseconds / 1000)
        self.rebuilds += 1
        return "ours"

    def _is_ours(self, token: str) -> bool:
        claim = self._claim
        return claim is not None and claim.token == token and claim.run == self.run

    def _restore(self, keys: Sequence[str], args: Sequence[Any], now: float) -> int:
        prefix, token, milliseconds, links, lines = args
        claim = self._claim
        if claim is None or not self._is_ours(token):
            return -1
        claim.until, claim.links = now + milliseconds / 1000, links
        new = 0
        for key, line in zip(keys, lines.split("\n") if keys else (), strict=True):
            customer, epoch, _seconds = line.split()
            new += self._take_in(key.removeprefix(prefix), customer, int(epoch))
        return new

    def _take_in(self, handle: str, customer: str, epoch: int) -> bool:
        index, book = self.index, self.index.book
        owner, known = book.owners.get(handle), index.epoch_of.get(handle, 0)
        if owner == customer:
            index.epoch_of[handle] = max(known, epoch)
            return False
        if owner is not None and not (epoch > known or (epoch == known and customer < owner)):
            return False
        kind = handle_kind(handle)
        if owner is not None:
            book.counts[owner, kind] -= 1
        book.owners[handle] = customer
        book.counts[customer, kind] = book.counts.get((customer, kind), 0) + 1
        index.epoch_of[handle] = epoch
        index.origin_of.pop(handle, None)
        return True

    def _finish(self, _keys: Sequence[str], args: Sequence[Any], _now: float) -> int:
        _, token, epoch = args
        if not self._is_ours(token):
            return 0
        self.index.complete, self._claim = (int(epoch), self.run), None
        return 1

    def _resolve(self, keys: Sequence[str], args: Sequence[Any], now: float) -> Any:
        epoch = self._epoch((), (), now)
        if epoch is None:
            return None
        prefix, questions = args[0], args[-1]
        handles = [key.removeprefix(prefix) for key in keys]
        ids, linked, over, conflicts = [], list[int](), list[int](), list[int]()
        reported: set[str] = set()
        first = 0
        for question in questions.split("\n"):
            count, origin = question.split(":", 1)
            asked = handles[first : first + int(count)]
            found = self.index.book.resolve(asked)
            ids.append(found.customer_id)
            for handle in found.links:
                self.index.epoch_of[handle] = epoch
                self.index.origin_of[handle] = origin
            for place, handle in enumerate(asked, first + 1):
                if handle in found.conflicts:
                    conflicts.append(place)
                elif handle in found.over_limit:
                    over.append(place)
                elif handle in found.links or self._must_be_told(
                    handle, found.customer_id, reported
                ):
                    linked.append(place)
                    reported.add(handle)
            first += int(count)
        places = (" ".join(map(str, each)) for each in (linked, over, conflicts))
        return ["".join(ids), *places, str(epoch)]

    def _must_be_told(self, handle: str, customer: str, reported: set[str]) -> bool:
        """Whether a link that was here may not be on Kafka yet."""
        index = self.index
        if handle in reported or index.book.owners.get(handle) != customer:
            return False
        place, _, offset = index.origin_of.get(handle, "").rpartition("/")
        return bool(place) and int(offset) > index.published.get(place, -1)

    def owners(self) -> dict[str, str]:
        """Handle -> customer, without conversations."""
        owners = self.index.book.owners
        return {h: customer for h, customer in owners.items() if handle_kind(h) != CONVERSATION}


_SCRIPTS: dict[str, Any] = {
    scripts.RESOLVE.sha: RedisServer._resolve,
    scripts.CONFIRM.sha: RedisServer._confirm,
    scripts.BEGIN.sha: RedisServer._begin,
    scripts.RESTORE.sha: RedisServer._restore,
    scripts.FINISH.sha: RedisServer._finish,
    scripts.EPOCH.sha: RedisServer._epoch,
}
_SHA_OF = {
    script.text: script.sha
    for script in (
        scripts.RESOLVE,
        scripts.CONFIRM,
        scripts.BEGIN,
        scripts.RESTORE,
        scripts.FINISH,
        scripts.EPOCH,
    )
}


class Redis:
    """One worker's client."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._cluster, self._process = here()

    async def script_load(self, text: str) -> None:
        """Tell the server a script."""
        await self._travel()
        self._server.load(_SHA_OF[text])

    async def evalsha(self, sha: str, count: int, *rest: Any) -> Any:
        """Run a script; errors are those of redis."""
        await self._travel()
        server = self._server
        answer = server.call(sha, rest[:count], rest[count:], self._cluster.loop.now)
        if server.lost_answers and server.rng.random() < server.lost_answers:
            await asyncio.sleep(PATIENCE_SECONDS)
            raise RedisTimeoutError("Timeout reading from socket")
        await asyncio.sleep(self._cluster.broker.network.one_way())
        return answer

    @asynccontextmanager
    async def pipeline(self, transaction: bool) -> AsyncIterator["Redis"]:
        """Several calls at once: with so few records there are none of these."""
        yield self

    async def _travel(self) -> None:
        network = self._cluster.broker.network
        await asyncio.sleep(network.one_way())
        if self._cluster.loop.now < self._server.down_until or not network.reaches(self._process):
            raise RedisConnectionError("connection refused")
