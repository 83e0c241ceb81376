"""Sending records to the topics: batched, acknowledged by all replicas, bounded, counted.

Kafka's own retries may send a record twice; intake recognises it. What could not be sent is counted
and its first reasons are kept, so that a summary never claims more than the broker has.
"""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from schemas import limits
from streams.errors import ExitCode, UserError
from streams.importing.outgoing import CHANNELS, Outgoing, topic_of
from streams.settings import Settings
from streams.topic_plan import open_admin

ALERTS_OFF = ("manyi-alerts", b"off")
"""Marks history: its clocks give verdicts, its alerts page nobody."""

CONTENT_TYPE = ("content-type", b"application/json")

IN_FLIGHT = 10_000
"""Records handed to the client and not acknowledged yet: some 10 MB, and enough to fill batches."""

LINGER_MS = 20
"""Publishing is about throughput: a batch may wait this long to fill up."""

BATCH_BYTES = 131_072
REASONS = 5
"""How many different reasons of failed sends are kept for the summary."""


class Publisher:
    """An async context that sends records and knows what became of them."""

    def __init__(self, settings: Settings, *, alerts: bool = True) -> None:
        self._settings = settings
        # aiokafka takes a list and nothing else.
        self._headers = [CONTENT_TYPE] if alerts else [CONTENT_TYPE, ALERTS_OFF]
        self._producer: AIOKafkaProducer | None = None
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self.sent: Counter[str] = Counter()
        """Acknowledged records, by channel."""
        self.failed: Counter[str] = Counter()
        self.reasons: list[str] = []

    async def __aenter__(self) -> Self:
        await check_topics(self._settings)
        producer = AIOKafkaProducer(
            **self._settings.kafka_clients(),
            acks="all",
            linger_ms=LINGER_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=limits.TOPIC_MESSAGE_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Whatever ended the block, what was handed over is sent and counted before it is left.
        if self._producer is not None:
            await asyncio.shield(self._producer.stop())

    async def send(self, record: Outgoing) -> None:
        """Hand a record over; waits while too many are unacknowledged."""
        assert self._producer is not None, "use it as a context"
        await self._room.acquire()
        try:
            future = await self._producer.send(
                record.topic, record.value, record.key, headers=self._headers
            )
        except MessageSizeTooLargeError as error:
            self._room.release()
            self._fail(record.channel, error)
            return
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda done: self._settle(record.channel, done))

    async def flush(self) -> None:
        """Wait until everything handed over is acknowledged or has failed."""
        assert self._producer is not None, "use it as a context"
        await self._producer.flush()

    def _settle(self, channel: str, done: "asyncio.Future[Any]") -> None:
        self._room.release()
        error = None if done.cancelled() else done.exception()
        if error is None and not done.cancelled():
            self.sent[channel] += 1
            return
        self._fail(channel, error)

    def _fail(self, channel: str, error: BaseException | None) -> None:
        self.failed[channel] += 1
        reason = str(error) if error is not None and str(error) else type(error).__name__
        if reason not in self.reasons and len(self.reasons) < REASONS:
            self.reasons.append(reason)


async def check_topics(settings: Settings) -> None:
    """Raise UserError where a topic that records go to does not exist yet."""
    admin = await open_admin(settings.kafka_clients())
    try:
        present = set(await admin.list_topics())
    finally:
        await admin.close()
    missing = sorted({topic_of(channel) for channel in CHANNELS} - present)
    if missing:
        raise UserError(
            f"The broker has no topic {', '.join(missing)}",
            "Create the topics: manyi topics apply",
            ExitCode.FAILED,
        )
