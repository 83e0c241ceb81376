"""Publishing as channel systems do: at a pace, and again what was not acknowledged."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import chain

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.traffic import Record

__all__ = ["Feed"]

BURST = 25
"""Records between two looks at the clock."""
LOOK_AGAIN_SECONDS = 1.0

Waiting = list[tuple[Record, "asyncio.Future[object] | None"]]
"""Records and their answers; None where the producer did not even take one."""


class Feed:
    """Publishes to one cluster, and counts what it has."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.fed = 0

    async def publish(self, records: Iterable[Record], per_second: float) -> None:
        """Publish all of these; returns when all are acknowledged, some of them more than once.

        A producer that met a broken broker may be of no use any more, so a fresh one sends again
        what the one before left without an answer.
        """
        began, before = time.monotonic(), self.fed
        source, done = iter(records), False
        while not done:
            waiting: Waiting = []
            async with _producer(self.broker) as producer:
                with contextlib.suppress(KafkaError):
                    done = await self._send(
                        producer, source, waiting, lambda: began + (self.fed - before) / per_second
                    )
            refused = [record for record, answer in waiting if not _is_acknowledged(answer)]
            self.fed -= len(refused)
            source, done = chain(refused, source), done and not refused

    async def _send(
        self,
        producer: AIOKafkaProducer,
        source: Iterator[Record],
        waiting: Waiting,
        due_at: Callable[[], float],
    ) -> bool:
        """Send until nothing is left, which is True; KafkaError when the producer cannot."""
        for record in source:
            waiting.append((record, None))
            self.fed += 1
            answer = await producer.send(record.topic, record.value, record.key)
            waiting[-1] = record, answer
            if self.fed % BURST == 0:
                waiting[:] = [pair for pair in waiting if not _is_acknowledged(pair[1])]
                await asyncio.sleep(max(0.0, due_at() - time.monotonic()))
        return True


@contextlib.asynccontextmanager
async def _producer(broker: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer, as soon as a broker is there; what it was given has an answer afterwards."""
    while True:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker, acks="all", linger_ms=5, max_request_size=10 << 20
        )
        try:
            await producer.start()
            break
        except KafkaError:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    try:
        yield producer
    finally:
        with contextlib.suppress(KafkaError):
            await producer.stop()


def _is_acknowledged(answer: "asyncio.Future[object] | None") -> bool:
    return (
        answer is not None
        and answer.done()
        and not answer.cancelled()
        and answer.exception() is None
    )
