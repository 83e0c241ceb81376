"""The real identity service of a worker, on the stand-in for Redis, reading links its own way."""

from collections.abc import AsyncIterator

import msgspec

from schemas.events import IdentityLink
from streams import topics
from streams.engine import Engine, TopicPartition
from streams.identity import IdentityService, Link
from streams.identity.rebuild import Keep
from tests.simulation.consumer import Consumer
from tests.simulation.redis import Redis, RedisServer

__all__ = ["SimulatedIdentities"]

_decode = msgspec.json.Decoder(IdentityLink).decode


class SimulatedIdentities(IdentityService):
    """`read_links` asks a consumer for all partitions at once; here it goes one by one."""

    abstract = False

    def __init__(self, server: RedisServer, engine: Engine) -> None:
        super().__init__(Redis(server), "", lambda: engine, {}, "intake")  # type: ignore[arg-type]

    async def _read(self, keep: Keep) -> AsyncIterator[list[Link]]:
        tps = [
            TopicPartition(topic, 0) for topic in (topics.IDENTITY_LINKS, topics.CONVERSATION_LINKS)
        ]
        reader = Consumer()
        await reader.start()
        try:
            await reader.end_offsets(tps)  # for the time it takes; the answer may be too low
            ends = {tp: reader.broker.logs[tp].end for tp in tps}
            reader.assign(tps)
            for tp, end in ends.items():
                reader.seek(tp, 0)
                while await reader.position(tp) < end:
                    got = await reader.getmany(tp, timeout_ms=200, max_records=20)
                    await keep()
                    yield [
                        Link(link.handle, link.customer_id, link.epoch)
                        for record in got.get(tp, ())
                        if record.value is not None
                        for link in [_decode(record.value)]
                    ]
        finally:
            await reader.stop()
