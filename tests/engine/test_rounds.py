"""Rounds: what is asked for at the same time is done together, and nobody is forgotten."""

import asyncio
from collections.abc import Sequence

import pytest

from streams.engine import Asked, Rounds


class Clerk:
    """Doubles numbers, a round at a time, when it is let."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.may_go_on = asyncio.Event()
        self.doubles = Rounds(self.double)

    async def double(self, asked: Sequence[Asked[int, int]]) -> None:
        """Answer all but zero, which is left open; 13 is an error."""
        self.rounds.append([each.item for each in asked])
        await self.may_go_on.wait()
        if any(each.item == 13 for each in asked):
            raise ValueError("13")
        for each in asked:
            if each.item:
                each.answer(2 * each.item)


async def test_what_is_asked_while_a_round_is_out_goes_with_the_next() -> None:
    """One round at a time, and each takes all that waits, in order."""
    clerk = Clerk()
    first = [clerk.doubles.ask(number) for number in (1, 2)]
    await asyncio.sleep(0)
    later = [clerk.doubles.ask(number) for number in (3, 4, 5)]
    await asyncio.sleep(0)
    assert clerk.rounds == [[1, 2]]
    clerk.may_go_on.set()
    assert await asyncio.gather(*first, *later) == [2, 4, 6, 8, 10]
    assert clerk.rounds == [[1, 2], [3, 4, 5]]


async def test_an_error_fails_its_round_and_no_other() -> None:
    """Everybody in the round is told; whoever asks next gets an answer."""
    clerk = Clerk()
    clerk.may_go_on.set()
    results = await asyncio.gather(
        clerk.doubles.ask(1), clerk.doubles.ask(13), return_exceptions=True
    )
    assert [str(result) for result in results] == ["13", "13"]
    assert await clerk.doubles.ask(4) == 8


async def test_who_was_cancelled_while_waiting_is_not_asked_for() -> None:
    """A lane that was let go must not write through a round that begins later."""
    clerk = Clerk()
    first = clerk.doubles.ask(1)
    await asyncio.sleep(0)
    gone, stays = clerk.doubles.ask(2), clerk.doubles.ask(3)
    gone.cancel()
    clerk.may_go_on.set()
    assert (await first, await stays) == (2, 6)
    assert clerk.rounds == [[1], [3]]


async def test_who_was_left_without_an_answer_is_told() -> None:
    """Forgetting somebody is an error there, never a wait without end."""
    clerk = Clerk()
    clerk.may_go_on.set()
    with pytest.raises(RuntimeError, match="not brought to its end"):
        await clerk.doubles.ask(0)
