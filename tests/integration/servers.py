"""A broker and a Valkey of a test's own, apart from each other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from deploy.kafka import LocalKafka
from streams.embedded import EmbeddedServices


@dataclass
class Servers:
    """A broker, and a Valkey that can be killed without it."""

    broker: EmbeddedServices | LocalKafka
    valkey: EmbeddedServices

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address."""
        return self.broker.bootstrap_servers

    @property
    def redis_url(self) -> str:
        """The Valkey's address, the same after a restart."""
        return self.valkey.redis_url

    async def restart_valkey_empty(self) -> None:
        """Kill it; what it knew is gone. Start another one at the same place."""
        port = int(self.redis_url.rsplit(":", 1)[1].partition("/")[0])
        await asyncio.to_thread(self.valkey.stop)
        await asyncio.sleep(0.5)
        self.valkey = await asyncio.to_thread(EmbeddedServices(broker=False, redis_port=port).start)


@contextlib.asynccontextmanager
async def servers(kafka: LocalKafka | None = None) -> AsyncIterator[Servers]:
    """Both, for the time of the block; with a real Kafka in place of the embedded broker."""
    async with contextlib.AsyncExitStack() as stack:
        broker: EmbeddedServices | LocalKafka
        broker = kafka if kafka else await stack.enter_async_context(EmbeddedServices())
        found = Servers(broker, await asyncio.to_thread(EmbeddedServices(broker=False).start))
        try:
            yield found
        finally:
            await asyncio.to_thread(found.valkey.stop)
