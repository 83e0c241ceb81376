"""A Kafka consumer that can be stopped at any moment, also while a fetch has just failed."""

import asyncio

from aiokafka import AIOKafkaConsumer

__all__ = ["Consumer"]


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's, but for its end.

    aiokafka 0.14 cancels the fetches that are under way and awaits them. One that waits for its
    next attempt, because a broker is gone or slow, raises CancelledError then, out of `stop`: who
    stops the consumer takes that for its own cancellation, and the connections stay open. So they
    do where nobody wants to wait any longer: `stop` lets a rebalance come to its end first.
    """

    async def stop(self) -> None:
        """Leave the group and disconnect. Safe to call again.

        Cancelled, it disconnects at once; the group learns of it when the session ends.
        """
        stopping = asyncio.ensure_future(super().stop())
        try:
            await asyncio.wait([stopping])
        except asyncio.CancelledError:  # this one is for us
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            await self._disconnect()
            raise
        if stopping.cancelled():
            await self._disconnect()
        else:
            stopping.result()

    async def _disconnect(self) -> None:
        """End what is under way and close the connections; the broker is not asked for anything."""
        parts = [vars(part) for part in (self._coordinator, self._fetcher) if part is not None]
        tasks = [each for part in parts for each in part.values() if isinstance(each, asyncio.Task)]
        tasks += [each for part in parts for each in part.get("_pending_tasks", ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()
