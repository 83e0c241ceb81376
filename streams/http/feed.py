"""The board, built once a second for all who watch, however many they are.

Nobody watching, nothing built. When Redis does not answer, the last board goes on, marked stale.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from redis.exceptions import RedisError

from schemas.view import Board, Freshness
from streams.views.board import BoardBuilder

log = logging.getLogger(__name__)

BOARD_SECONDS = 1.0
"""A wall is drawn once a second at most."""

BUILD_SECONDS = 5.0
"""A board that takes longer to read is given up; the last one is shown as stale."""

WATCHERS = 200
"""Open streams per worker; beyond it a wall is told to try another worker."""


class BoardFeed:
    """Builds boards while somebody watches."""

    def __init__(self, builder: BoardBuilder, clock: Callable[[], float] = time.time) -> None:
        self._builder = builder
        self._clock = clock
        self._started = f"{int(clock() * 1000):x}"
        self._number = 0
        self._last: Board | None = None
        self._watchers = 0
        self.closed = False
        """The worker stops: streams end, so that it need not wait for them."""
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    @property
    def full(self) -> bool:
        """Whether no further watcher fits."""
        return self._watchers >= WATCHERS

    async def current(self) -> Board:
        """The board now; at most a second old."""
        last = self._last
        now = datetime.fromtimestamp(self._clock(), UTC)
        if last is None or now - last.now_at >= timedelta(seconds=BOARD_SECONDS):
            last = await self._build()
        return last

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For the time of the block somebody watches, so boards are built."""
        self._watchers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="board-feed")
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._stop()

    async def next(self, seen: Board | None, seconds: float) -> Board | None:
        """The newest board if it is not the one seen, else the next; None if none comes in time."""
        if seen is None:
            return await self.current()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self.closed or self._last is not seen)
        return None if self._last is seen else self._last

    async def close(self) -> None:
        """End all streams."""
        self.closed = True
        async with self._news:
            self._news.notify_all()

    def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(BOARD_SECONDS)
            await self._build()
            async with self._news:
                self._news.notify_all()

    async def _build(self) -> Board:
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                board = await self._builder.build()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("the board cannot be read (%s): the last one is shown as stale", error)
            board = self._stale()
        self._number += 1
        self._last = board = replace(board, version=f"{self._started}-{self._number}")
        return board

    def _stale(self) -> Board:
        last = self._last or self._builder.empty()
        return replace(
            last,
            now_at=datetime.fromtimestamp(self._clock(), UTC),
            freshness=Freshness(state="stale", as_of_at=last.freshness.as_of_at),
        )
