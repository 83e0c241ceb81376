"""The engine in the test's own process, with plain queues and functions instead of Faust."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.engine import Engine, EngineObserver, EngineSettings, RecordBatch, Stage, Table


class QueueChannel:
    """The least a stage needs: batches go in, an agent task takes them out."""

    def __init__(self, fold: Callable[[RecordBatch], None]) -> None:
        self.fold = fold
        self.gate = asyncio.Event()
        self.gate.set()
        self._queue: asyncio.Queue[RecordBatch] = asyncio.Queue(16)

    async def put(self, value: RecordBatch) -> None:
        """Hand over a batch."""
        await self._queue.put(value)

    async def agent(self) -> None:
        """Fold batch after batch while the gate is open."""
        while True:
            batch = await self._queue.get()
            await self.gate.wait()
            with batch:
                self.fold(batch)


class Playground:
    """Topics, a producer, and engines that come and go in this process."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.prefix = f"l{uuid.uuid4().hex[:8]}"
        self.channels: dict[str, QueueChannel] = {}

    async def __aenter__(self) -> "Playground":
        """Connect."""
        self.admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await self.admin.start()
        self.producer = AIOKafkaProducer(
            bootstrap_servers=self.broker, acks="all", max_request_size=16 << 20
        )
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self.producer.stop()
        await self.admin.close()
        await asyncio.sleep(0.05)  # aiokafka's connections close with the loop's next turns

    def name(self, topic: str) -> str:
        """A topic name of this test alone."""
        return f"{self.prefix}.{topic}"

    async def create(self, *topics: str, partitions: int = 2) -> None:
        """Create topics."""
        await self.admin.create_topics([NewTopic(self.name(t), partitions, 1) for t in topics])

    async def send(self, topic: str, key: bytes, value: bytes, partition: int = 0) -> None:
        """Publish one record."""
        await self.producer.send_and_wait(self.name(topic), value, key=key, partition=partition)

    def stage(
        self,
        name: str,
        topics: Sequence[str],
        fold: Callable[[RecordBatch], None],
        changelog: str | None = None,
        tables: Sequence[Table[Any]] = (),
    ) -> Stage:
        """A stage whose agent is a plain function."""
        channel = self.channels[name] = QueueChannel(fold)
        return Stage(
            name=name,
            topics=tuple(self.name(topic) for topic in topics),
            channel=channel,
            changelog=self.name(changelog) if changelog else None,
            tables=tuple(tables),
        )

    def settings(self, **limits: Any) -> EngineSettings:
        """Quick to join on the embedded broker, and without the parts that end the process."""
        chosen: dict[str, Any] = {
            "bootstrap_servers": self.broker,
            "group_id": self.prefix,
            "session_timeout_seconds": 2.0,
            "heartbeat_interval_seconds": 0.5,
            "rebalance_timeout_seconds": 3.0,
            "drain_seconds": 2.0,
            "lease_seconds": 0,
            "idempotent": False,
            "exact_end_offsets": False,
            "hard_exit_seconds": 0,
            "tune_gc": False,
            "audit_seconds": 0.3,
            **limits,
        }
        return EngineSettings(**chosen)

    @contextlib.asynccontextmanager
    async def running(
        self,
        stages: Sequence[Stage],
        observer: EngineObserver | None = None,
        prepare: Callable[[Engine], None] | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Engine]:
        """An engine with its agents, ready when the block begins, stopped when it ends."""
        engine = Engine(self.settings(**(limits or {})), stages, observer)
        if prepare is not None:
            prepare(engine)
        agents = [asyncio.create_task(self.channels[stage.name].agent()) for stage in engine.stages]
        try:
            await engine.start()
            await until(lambda: engine.ready)
            yield engine
        finally:
            await engine.stop()
            for agent in agents:
                agent.cancel()
            await asyncio.gather(*agents, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something, with patience but not for ever."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the engine offers no event for everything
            await asyncio.sleep(0.05)
