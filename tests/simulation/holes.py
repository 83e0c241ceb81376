"""Negative controls: bugs put back on purpose, to see that the simulation finds them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from streams.deadlines import DeadlineService
from streams.engine.changelog import Changelog
from streams.engine.lane import Lane
from streams.engine.offsets import Offsets
from streams.engine.rows import LaneRows, LoggedRow
from streams.engine.writer import Rows
from streams.identity import IdentityIndex, scripts
from tests.simulation.group import Group
from tests.simulation.oracle import Durable

__all__ = ["FOCUS", "HOLES", "hole_open"]


def _commit_first(patch: Callable[[type, str, Any], None]) -> None:
    """Commit a batch before its effects and rows are acknowledged, as auto-commit would."""
    proper = Lane._barrier

    async def barrier(
        self: Lane, batch: Any, sealed: Any, row_bytes: int, before: "asyncio.Task[None] | None"
    ) -> None:
        self.engine.release_offset(self, batch.applied + 1)
        await self.engine.commit()
        await proper(self, batch, sealed, row_bytes, before)

    patch(Lane, "_barrier", barrier)
    # The bystander that sees every commit would tell at once; the consequences must tell, too.
    patch(Durable, "committed", lambda self, tp, offset: None)


def _rows_first(patch: Callable[[type, str, Any], None]) -> None:
    """Log the rows of a batch before its effects are acknowledged."""
    proper = Lane._barrier

    async def barrier(
        self: Lane, batch: Any, sealed: Any, row_bytes: int, before: "asyncio.Task[None] | None"
    ) -> None:
        if before is not None:
            await before
        assert self.changelog is not None
        await self.changelog.write(self.scope, sealed, batch.decoded_rows)
        await proper(self, batch, sealed, row_bytes, None)

    patch(Lane, "_barrier", barrier)


def _swap_first(patch: Callable[[type, str, Any], None]) -> None:
    """Swap rows in and let the offset go before the changelog has acknowledged them.

    Whoever starts again finds the offset ahead of the rows and folds them anew, so a crash hides
    it: rows must be lost by a worker that goes on.
    """

    async def write(self: Changelog, scope: bytes, sealed: Any, decoded: Any) -> None:
        if sealed:
            self.lanes[scope].apply(sealed, decoded, 0)
            asyncio.get_running_loop().create_task(self._append_in_turn(scope, sealed))  # type: ignore[attr-defined]

    async def append_in_turn(self: Changelog, scope: bytes, sealed: Any) -> None:
        async with self._writing:
            await self._append(Rows((scope + key, row) for key, row in sealed.items()))

    patch(Changelog, "_append_in_turn", append_in_turn)
    patch(Changelog, "write", write)
    patch(Durable, "committed", lambda self, tp, offset: None)


def _no_replay_guard(patch: Callable[[type, str, Any], None]) -> None:
    """Fold replayed records again."""
    patch(Lane, "_without_replays", lambda self, records: (records, 0))


def _last_wins(patch: Callable[[type, str, Any], None]) -> None:
    """Restore the last record of a key instead of the newest."""
    proper = LaneRows.merge

    def merge(
        self: LaneRows, records: Iterable[LoggedRow], scope_bytes: int, stale: set[bytes]
    ) -> None:
        for record in records:
            self.sealed.pop((record.key or b"")[scope_bytes:], None)
            proper(self, [record], scope_bytes, stale)

    patch(LaneRows, "merge", merge)


def _no_mending(patch: Callable[[type, str, Any], None]) -> None:
    """Do not notice what a former owner writes to the changelog."""

    def note_foreign(self: Changelog, until: int) -> None:
        """Look away."""

    async def audit(self: Changelog, end: int) -> None:
        """Look away."""

    patch(Changelog, "_note_foreign", note_foreign)
    patch(Changelog, "audit", audit)


def _trusts_kept_rows(patch: Callable[[type, str, Any], None]) -> None:
    """Keep rows for the next assignment although somebody else wrote to their changelog."""
    patch(Changelog, "clean", property(lambda self: True, lambda self, value: None))


def _no_fencing(patch: Callable[[type, str, Any], None]) -> None:
    """Let the group take commits of former members.

    A former member that joins again makes everybody read from its old offset and skip what is in
    the rows, so only a commit that arrives later than that leaves anything wrong behind.
    """
    patch(Group, "fences", False)


def _eager_deadlines(patch: Callable[[type, str, Any], None]) -> None:
    """Fire by the wall clock alone, whatever waits to be read."""

    async def read_through(self: DeadlineService) -> None:
        for tracker in self._lanes.values():
            tracker.through_ms = self._clock_ms()

    patch(DeadlineService, "_read_through", read_through)


def _commit_outlives_assignment(patch: Callable[[type, str, Any], None]) -> None:
    """Let a commit without an answer go on into the next generation (found by seed 84)."""

    async def send(self: Offsets, consumer: Any, offsets: Any) -> bool:
        await consumer.commit(offsets)
        return True

    patch(Offsets, "_send", send)


def _impatient_identity(patch: Callable[[type, str, Any], None]) -> None:
    """Give up when Redis goes away before it was told the script (found by seed 20099)."""
    proper = IdentityIndex._patiently

    async def patiently(self: IdentityIndex, ask: Any) -> Any:
        async def teach_and_ask() -> Any:
            try:
                return await ask()
            except NoScriptError:
                try:
                    await self._client.script_load(scripts.RESOLVE.text)
                except RedisConnectionError as error:
                    raise RuntimeError("nobody waits for this") from error
                raise

        return await proper(self, teach_and_ask)

    patch(IdentityIndex, "_patiently", patiently)


HOLES: dict[str, Callable[[Callable[[type, str, Any], None]], None]] = {
    "commit_first": _commit_first,
    "rows_first": _rows_first,
    "swap_first": _swap_first,
    "no_replay_guard": _no_replay_guard,
    "last_wins": _last_wins,
    "no_mending": _no_mending,
    "trusts_kept_rows": _trusts_kept_rows,
    "no_fencing": _no_fencing,
    "eager_deadlines": _eager_deadlines,
    "commit_outlives_assignment": _commit_outlives_assignment,
    "impatient_identity": _impatient_identity,
}
"""Name -> what it breaks."""

FOCUS = {
    "commit_first": "kill at a place",
    "rows_first": "kill at a place",
    "swap_first": "changelog without leader",
    "no_replay_guard": "kill at a place",
    "last_wins": "stop in a callback,kill",
    "no_mending": "held up",
    "trusts_kept_rows": "stop in a callback",
    "no_fencing": "held up",
    "eager_deadlines": "stop for a moment",
    "commit_outlives_assignment": "broker down,cut off",
    "impatient_identity": "identity restarts,cut off",
}
"""Name -> the faults that show it soonest; seeds with all kinds find it, too, but later."""


@contextmanager
def hole_open(name: str) -> Iterator[None]:
    """Break something for a while; "" breaks nothing, an unknown name is a KeyError."""
    undo: list[tuple[type, str, Any]] = []

    def patch(owner: type, attribute: str, value: Any) -> None:
        undo.append((owner, attribute, owner.__dict__.get(attribute)))
        setattr(owner, attribute, value)

    if name:
        HOLES[name](patch)
    try:
        yield
    finally:
        for owner, attribute, value in reversed(undo):
            if value is None:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, value)
