"""Doing together what is asked for at the same time: fewer and larger requests, no timer.

While one round is under way, what is asked for meanwhile gathers, and goes together with the next.
So nobody waits for longer than the round before, and the busier it is, the larger rounds become.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Asked", "Rounds"]

T = TypeVar("T")
R = TypeVar("R")


class Asked(Generic[T, R]):
    """One request of a round, and its answer."""

    __slots__ = ("_future", "item")

    def __init__(self, item: T, future: "asyncio.Future[R]") -> None:
        self.item = item
        self._future = future

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still awaited: not given yet, and whoever asked is still there."""
        return not self._future.done()

    def answer(self, result: R) -> None:
        """Let whoever asked go on."""
        if self.is_waiting:
            self._future.set_result(result)

    def fail(self, error: Exception) -> None:
        """Raise this where it was asked."""
        if self.is_waiting:
            self._future.set_exception(error)


class Rounds(Generic[T, R]):
    """Calls `do` with everything that waits, one call at a time.

    `gate` is awaited before each: what comes until it opens goes with that round. `do` answers or
    fails each request; what it leaves open, its own error fails. Requests that were cancelled while
    they waited are not handed to it, and may be cancelled while it runs.
    """

    __slots__ = ("_do", "_gate", "_task", "_waiting")

    def __init__(
        self,
        do: Callable[[Sequence[Asked[T, R]]], Awaitable[None]],
        gate: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._do = do
        self._gate = gate
        self._waiting: list[Asked[T, R]] = []
        self._task: asyncio.Task[None] | None = None

    def ask(self, item: T) -> "asyncio.Future[R]":
        """Take part in the next round; the future is its answer or error, and may be cancelled."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(Asked(item, future))
        if self._task is None:
            # It runs in the next turn of the loop: what else is asked in this one goes with it.
            self._task = asyncio.create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._gate is not None:
                    await self._gate()
                round_ = [asked for asked in self._waiting if asked.is_waiting]
                self._waiting = []
                if round_:
                    await self._one(round_)
        finally:
            self._task = None
            for asked in self._waiting:  # only where this task was cancelled
                asked.fail(asyncio.InvalidStateError("nobody answers any more"))

    async def _one(self, round_: Sequence[Asked[T, R]]) -> None:
        error: Exception = RuntimeError("this round was not brought to its end")
        try:
            await self._do(round_)
        except Exception as reason:
            error = reason
        finally:
            for asked in round_:
                asked.fail(error)
