"""What a worker keeps in memory of what it has done: nothing but rows."""

import gc
from collections import Counter

import pytest

from streams.embedded import EmbeddedServices
from tests.integration.world import a_world, an_email

pytestmark = pytest.mark.integration

WAVES = 6
MAILS = 40
OURS = ("agents.", "schemas.", "streams.")


async def test_a_batch_is_gone_once_it_is_applied() -> None:
    """Nothing of it is left to the collector, which seldom looks at what outlives the wait for the
    broker."""
    async with EmbeddedServices() as services, a_world(services) as world:
        gc.collect()
        gc.disable()
        try:
            for wave in range(WAVES):
                for number in range(MAILS):
                    name = f"m{wave}-{number}"
                    sender = {"address": f"{name}@example.com", "name": "李雷"}
                    mail = an_email(name, "我要投诉！订单一直没有发货。") | {"from": sender}
                    await world.send("interactions.email.v1", mail)
                await world.settle()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            found = Counter(name for each in gc.garbage if (name := _kind(each)).startswith(OURS))
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert found == {}


def _kind(each: object) -> str:
    return f"{type(each).__module__}.{type(each).__qualname__}"
