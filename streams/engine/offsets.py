"""Offsets on their way to the group: released by barriers one by one, committed together."""

import time
from typing import Any

from streams.engine import failpoints
from streams.engine.clients import TopicPartition

__all__ = ["Offsets"]


class Offsets:
    """What may be committed and what is. Only finished barriers put something in."""

    def __init__(self) -> None:
        self.due_since: float | None = None
        """When the oldest uncommitted offset was released (monotonic), None when there is none."""
        self._released: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    def release(self, tp: TopicPartition, offset: int) -> None:
        """Everything of `tp` below `offset` is done."""
        self._released[tp] = offset
        if self.due_since is None:
            self.due_since = time.monotonic()

    async def commit(self, consumer: Any) -> dict[TopicPartition, int]:
        """Commit what is new, explicit offsets only, and return it. Errors are the consumer's."""
        offsets = {
            tp: offset for tp, offset in self._released.items() if self._committed.get(tp) != offset
        }
        if offsets:
            failpoints.reached("before_commit")
            await consumer.commit(offsets)
            failpoints.reached("committed")
            self._committed.update(offsets)
        self.due_since = None
        return offsets

    def forget_released(self) -> None:
        """We are not the owner any more: what was not committed is replayed, which is harmless."""
        self._released.clear()

    def start_over(self) -> None:
        """A new assignment: nothing of the last one may be committed under it."""
        self._released.clear()
        self._committed.clear()
        self.due_since = None
