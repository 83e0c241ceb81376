"""When to hand record batches to the producer, so that those for one broker share a request.

aiokafka has one request to a broker under way, with one batch per partition. A batch handed over
meanwhile goes with the next request, and whatever comes for that partition after it only with the
one after that. Held back until the broker has answered, all of it goes with the next.
"""

import asyncio
from typing import Any, Final

from streams.engine.clients import TopicPartition

__all__ = ["Pace"]

PATIENCE_SECONDS: Final = 0.1
"""A partition the broker does not answer for must not hold up its neighbours for longer."""

SETTLE_TURNS: Final = 3
"""Turns of the event loop after an answer: whoever waited for it has asked for the next thing by
then, such as rows after effects, and that goes with the next request, too."""


class Pace:
    """Knows which brokers have been sent batches and have not answered all of them."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._unanswered: dict[Any, int] = {}
        self._waiting: dict[Any, list[asyncio.Future[None]]] = {}

    async def turn(self, topic: str, partition: int) -> None:
        """Wait until the broker of a partition has answered what it was sent, or long enough."""
        broker = self._broker_of(topic, partition)
        if not self._unanswered.get(broker):
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(broker, []).append(turn)
        timer = loop.call_later(PATIENCE_SECONDS, _let_go, turn)
        try:
            await turn
        finally:
            timer.cancel()

    def sent(self, topic: str, partition: int, answer: "asyncio.Future[Any]") -> None:
        """A batch for a partition was handed over; this will be the answer."""
        broker = self._broker_of(topic, partition)
        self._unanswered[broker] = self._unanswered.get(broker, 0) + 1
        answer.add_done_callback(lambda _answer: self._settle(broker, SETTLE_TURNS))

    def _settle(self, broker: Any, turns: int) -> None:
        if turns and self._unanswered[broker] == 1:
            asyncio.get_running_loop().call_soon(self._settle, broker, turns - 1)
            return
        self._unanswered[broker] -= 1
        if not self._unanswered[broker]:
            for turn in self._waiting.pop(broker, ()):
                _let_go(turn)

    def _broker_of(self, topic: str, partition: int) -> Any:
        """Who leads a partition, as far as the producer knows; None where nobody does."""
        client = getattr(self._producer, "client", None)
        if client is None:  # a stand-in that is one broker
            return None
        return client.cluster.leader_for_partition(TopicPartition(topic, partition))


def _let_go(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)
