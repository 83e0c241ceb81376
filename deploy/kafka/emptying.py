"""Making a local Kafka as good as new, so that tests can share one."""

import asyncio
import contextlib

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.kafka.node import LOOPBACK

__all__ = ["remove_topics"]

REMOVE_SECONDS = 120.0
LOOK_AGAIN_SECONDS = 0.2


async def remove_topics(address: str) -> None:
    """Remove all topics of a broker on loopback, and wait until they are gone.

    Kafka forgets with them what groups have committed. Raises `ValueError` for any other broker,
    which may be somebody's, and `TimeoutError` when the topics do not go away.
    """
    if not all(server.startswith(f"{LOOPBACK}:") for server in address.split(",")):
        raise ValueError(f"only a broker at {LOOPBACK} is emptied, not {address}")
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        async with asyncio.timeout(REMOVE_SECONDS):
            while found := [name for name in await admin.list_topics() if name[:2] != "__"]:
                with contextlib.suppress(KafkaError):  # some are on their way out already
                    await admin.delete_topics(found)
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    finally:
        await admin.close()
