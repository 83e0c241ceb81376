"""Offsets on their way to the group: released by barriers one by one, committed together."""

import asyncio
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
        self._sending: set[asyncio.Task[None]] = set()

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
            if not await self._send(consumer, offsets):
                return {}
            failpoints.reached("committed")
            self._committed.update(offsets)
        self.due_since = None
        return offsets

    async def _send(self, consumer: Any, offsets: dict[TopicPartition, int]) -> bool:
        """Commit; False when it was abandoned because the partitions went away meanwhile."""
        sending = asyncio.ensure_future(consumer.commit(offsets))
        self._sending.add(sending)
        try:
            await asyncio.wait([sending])
        finally:
            self._sending.discard(sending)
            sending.cancel()
        if sending.cancelled():
            return False
        sending.result()
        return True

    def forget_released(self) -> None:
        """We are not the owner any more: what was not committed is replayed, which is harmless.

        A commit that has no answer yet is abandoned: aiokafka would send it again in the name of
        the next generation, which is not refused, and so take the new owner's offsets back.
        """
        self._released.clear()
        for sending in self._sending:
            sending.cancel()

    def start_over(self) -> None:
        """A new assignment: nothing of the last one may be committed under it."""
        self.forget_released()
        self._committed.clear()
        self.due_since = None
