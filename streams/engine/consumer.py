"""A Kafka consumer that can be stopped at any moment, also while a fetch has just failed."""

import asyncio

from aiokafka import AIOKafkaConsumer

__all__ = ["Consumer"]


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's, but for its end.

    aiokafka 0.14 cancels the fetches that are under way and awaits them. One that waits for its
    next attempt, because a broker is gone or slow, raises CancelledError then, out of `stop`: who
    stops the consumer takes that for its own cancellation, and the connections stay open.
    """

    async def stop(self) -> None:
        """Leave the group and disconnect. Safe to call again."""
        stopping = asyncio.ensure_future(super().stop())
        try:
            await asyncio.wait([stopping])
        except asyncio.CancelledError:  # this one is for us
            stopping.cancel()
            raise
        if stopping.cancelled():
            await self._client.close()
        else:
            stopping.result()
