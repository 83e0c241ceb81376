"""Handing over: what several lanes have for a broker goes with one request."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

from streams.engine import TopicPartition
from streams.engine.pace import PATIENCE_SECONDS, Pace


class Cluster:
    """Even partitions on one broker, odd ones on the other."""

    def leader_for_partition(self, tp: TopicPartition) -> int:
        """Who leads it."""
        partition: int = tp.partition
        return partition % 2


def pace() -> Pace:
    """A pace over two brokers."""
    return Pace(SimpleNamespace(client=SimpleNamespace(cluster=Cluster())))


def wait_for_turn(pace: Pace, partition: int) -> Callable[[], bool]:
    """Wait beside the test; the result says whether the turn has come."""
    task = asyncio.create_task(pace.turn("t", partition))
    return task.done


def answer() -> "asyncio.Future[None]":
    """What the producer promises."""
    return asyncio.get_running_loop().create_future()


async def turns(count: int = 8) -> None:
    """Let the event loop turn so often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_broker_with_an_answer_outstanding_is_not_sent_more() -> None:
    """All who waited go on when the last answer is there; other brokers' lanes never wait."""
    one, first, second = pace(), answer(), answer()
    one.sent("t", 0, first)
    one.sent("t", 2, second)
    waiting, elsewhere = wait_for_turn(one, 4), wait_for_turn(one, 1)
    await turns()
    assert (waiting(), elsewhere()) == (False, True)
    first.set_result(None)
    await turns()
    assert not waiting()
    second.set_exception(OSError("an error is an answer, too"))
    await turns()
    assert waiting()
    assert isinstance(second.exception(), OSError)


async def test_whoever_got_the_answer_may_join_the_next_request() -> None:
    """Rows follow effects: who asks for them right after the answer goes with those who waited."""
    one, first = pace(), answer()
    one.sent("t", 0, first)
    order: list[str] = []

    async def effects_then_rows() -> None:
        await first
        await one.turn("t", 2)
        order.append("rows")

    async def somebody_else() -> None:
        await one.turn("t", 4)
        order.append("else")

    tasks = [asyncio.create_task(each()) for each in (somebody_else, effects_then_rows)]
    await turns()
    first.set_result(None)
    while not order:  # noqa: ASYNC110  # turn by turn: both in the same one
        await asyncio.sleep(0)
    assert sorted(order) == ["else", "rows"]
    await asyncio.gather(*tasks)


async def test_a_silent_broker_holds_nobody_up_for_long() -> None:
    """One partition without an answer must not stop the others of its broker."""
    one = pace()
    one.sent("t", 0, answer())
    await asyncio.wait_for(one.turn("t", 2), 100 * PATIENCE_SECONDS)
