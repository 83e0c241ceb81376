"""Negative controls: put a known hole back into the engine, to see that the oracle finds it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from streams.engine.lane import Lane
from streams.engine.rows import LaneRows, LoggedRow


def commit_first() -> None:
    """Commit a batch before its effects and rows are acknowledged, as auto-commit would."""
    proper = Lane._barrier

    async def barrier(
        self: Lane,
        batch: Any,
        sealed: dict[bytes, bytes],
        row_bytes: int,
        before: "asyncio.Task[None] | None",
    ) -> None:
        self.engine.release_offset(self, batch.applied + 1)
        await self.engine.commit()
        await proper(self, batch, sealed, row_bytes, before)

    Lane._barrier = barrier  # type: ignore[method-assign]


def no_skip() -> None:
    """Fold replayed records again."""

    def without_replays(self: Lane, records: Any) -> Any:
        return records, 0

    Lane._without_replays = without_replays  # type: ignore[method-assign]


def last_wins() -> None:
    """Restore the last record of a key instead of the newest."""
    proper = LaneRows.merge

    def merge(
        self: LaneRows, records: Iterable[LoggedRow], scope_bytes: int, stale: set[bytes]
    ) -> None:
        for record in records:
            self.sealed.pop((record.key or b"")[scope_bytes:], None)
            proper(self, [record], scope_bytes, stale)

    LaneRows.merge = merge  # type: ignore[method-assign]


HOLES: dict[str, Callable[[], None]] = {
    "commit_first": commit_first,
    "no_skip": no_skip,
    "last_wins": last_wins,
}


def open_hole(name: str) -> None:
    """Open one; a misspelt name is an error, or the control would prove nothing."""
    HOLES[name]()
