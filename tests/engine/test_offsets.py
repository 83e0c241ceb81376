"""Offsets on their way to the group."""

import asyncio

from streams.engine import TopicPartition
from streams.engine.offsets import Offsets

TP = TopicPartition("source", 0)


class Group:
    """A consumer whose commits are answered when somebody says so."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.offsets: dict[TopicPartition, int] = {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """As aiokafka does, go on asking until there is an answer, whatever happens meanwhile."""
        await self.answer.wait()
        self.offsets |= offsets


async def test_only_what_is_new_is_committed() -> None:
    """An offset that is committed already is not sent again."""
    offsets, group = Offsets(), Group()
    group.answer.set()
    offsets.release(TP, 5)
    assert await offsets.commit(group) == {TP: 5}
    offsets.release(TP, 5)
    assert await offsets.commit(group) == {}
    assert offsets.due_since is None


async def test_a_commit_without_an_answer_ends_with_the_assignment() -> None:
    """It would be sent again in the name of the next generation and take offsets back."""
    offsets, group = Offsets(), Group()
    offsets.release(TP, 5)
    committing = asyncio.create_task(offsets.commit(group))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    offsets.forget_released()
    assert await committing == {}
    group.answer.set()
    await asyncio.sleep(0)
    assert group.offsets == {}


async def test_after_an_abandoned_commit_the_offset_is_sent_again() -> None:
    """What was abandoned counts as uncommitted when the partition comes back."""
    offsets, group = Offsets(), Group()
    offsets.release(TP, 5)
    committing = asyncio.create_task(offsets.commit(group))
    await asyncio.sleep(0)
    offsets.start_over()
    await committing
    group.answer.set()
    offsets.release(TP, 5)
    assert await offsets.commit(group) == {TP: 5}
    assert group.offsets == {TP: 5}
