"""A lane on its own: what it refuses, notices and commits, with stand-ins for its engine."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from streams.engine import (
    Engine,
    EngineObserver,
    EngineSettings,
    RowsMissingError,
    SourceRewoundError,
    TopicPartition,
)
from streams.engine.envelope import NEVER, applied_of, seal
from streams.engine.lane import Lane
from streams.engine.offsets import Offsets
from streams.engine.rows import LaneRows
from tests.engine.fakes import Record, stage_of

TP = TopicPartition("source", 0)


class Observer(EngineObserver):
    """Remembers gaps."""

    def __init__(self) -> None:
        self.gaps: list[int] = []

    def skipped_ahead(self, lane: Lane, offsets: int) -> None:
        """Note one."""
        self.gaps.append(offsets)


class FakeEngine:
    """A consumer, progress and engine in one, as far as a lane asks them."""

    def __init__(
        self, end: int = 0, position: int = 0, committed: int | None = None, beginning: int = 0
    ) -> None:
        self.settings = EngineSettings(bootstrap_servers="none", group_id="g")
        self.observer = Observer()
        self.consumer = self.progress = self
        self.released: list[int] = []
        self.records: list[Record] = []
        self._end, self._position, self._committed = end, position, committed
        self._beginning = beginning

    def seek(self, _tp: object, offset: int) -> None:
        """Go on from there."""
        self._position = offset

    async def beginning_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the source begins."""
        return dict.fromkeys(tps, self._beginning)

    async def position(self, _tp: object) -> int:
        """Where the consumer stands."""
        return self._position

    async def committed(self, _tp: object) -> int | None:
        """What the group has."""
        return self._committed

    async def end_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the source ends."""
        return dict.fromkeys(tps, self._end)

    async def getmany(self, tp: object, timeout_ms: int, max_records: int) -> dict[Any, Any]:
        """The records prepared, once; the position passes a marker behind them."""
        found, self.records = self.records, []
        if found:
            self._position = found[-1].offset + 1
        return {tp: found} if found else {}

    def release_offset(self, _lane: Lane, offset: int) -> None:
        """Remember."""
        self.released.append(offset)


def lane_on(engine: FakeEngine, applied: int = -1) -> Lane:
    """A lane whose rows have applied so much."""
    state = LaneRows(10)
    if applied >= 0:
        state.apply({b"rk": seal(applied, NEVER, b"x")}, {}, 0)
    return Lane(cast(Engine, engine), stage_of(), TP, None, state)


async def test_a_source_created_anew_is_refused() -> None:
    """Its records would count as replays; better to stop and say so."""
    lane = lane_on(FakeEngine(end=5, position=0), applied=5)
    with pytest.raises(SourceRewoundError, match=r"ends at offset 5, but rows .* offset 5"):
        await lane._find_start()
    await lane_on(FakeEngine(end=6, position=6), applied=5)._find_start()


async def test_the_first_owner_commits_where_it_begins() -> None:
    """So that a partition without records counts as read by everybody who asks the group."""
    fresh, known = FakeEngine(position=7), FakeEngine(position=7, committed=7)
    await lane_on(fresh)._find_start()
    await lane_on(known)._find_start()
    assert (fresh.released, known.released) == ([7], [])


async def test_markers_at_the_end_are_committed_past() -> None:
    """A transaction marker is never handed out, and must not look like lag for ever."""
    engine = FakeEngine(position=7, committed=7)
    lane = lane_on(engine)
    await lane._find_start()
    engine._position = 9
    assert await lane._fetch() == ()
    assert (lane.next_offset, engine.released) == (9, [9])


async def test_missing_offsets_are_told() -> None:
    """A lane slower than the topic's retention loses records; that must not go unnoticed."""
    engine = FakeEngine(position=3, committed=3)
    lane = lane_on(engine)
    await lane._find_start()
    for offset in (3, 4, 10):
        engine.records = [Record(offset)]
        await lane._fetch()
    assert engine.observer.gaps == [5]


async def test_replays_are_left_out_and_passed() -> None:
    """Records at or below the applied offset do not come to the agent, and are committed."""
    engine = FakeEngine(end=9, position=4)
    lane = lane_on(engine, applied=6)
    fresh, skipped = lane._without_replays([Record(offset) for offset in range(4, 9)])
    assert ([record.offset for record in fresh], skipped) == ([7, 8], 3)
    await lane._process([Record(4), Record(5)])
    assert (lane.next_offset, engine.released) == (6, [6])


@pytest.mark.parametrize(("stopping", "crashes"), [(False, 1), (True, 0)])
async def test_a_lane_that_nobody_stopped_does_not_end_in_silence(
    stopping: bool, crashes: int
) -> None:
    """A cancellation that comes out of a client would leave its partition unread for ever."""

    class Cancelled(FakeEngine):
        def __init__(self) -> None:
            super().__init__()
            self.crashes: list[BaseException] = []

        async def restore_lane(self, _lane: Lane) -> None:
            """What aiokafka does now and then."""
            raise asyncio.CancelledError

        async def crash(self, reason: BaseException) -> None:
            """Note it."""
            self.crashes.append(reason)

    engine = Cancelled()
    lane = lane_on(engine)
    lane.stopping = stopping
    lane.start()
    assert lane.task is not None
    await asyncio.wait([lane.task])
    assert len(engine.crashes) == crashes


class Committing:
    """A consumer that takes commits, or not."""

    def __init__(self) -> None:
        self.taken: list[dict[TopicPartition, int]] = []
        self.error: Exception | None = None

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Take or refuse."""
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        self.taken.append(dict(offsets))


async def test_only_what_is_released_and_new_is_committed() -> None:
    """Nothing is committed twice, and nothing of an earlier assignment."""
    consumer, offsets = Committing(), Offsets()
    assert await offsets.commit(consumer) == {}
    offsets.release(TP, 3)
    offsets.release(TP, 5)
    assert offsets.due_since is not None
    assert await offsets.commit(consumer) == {TP: 5}
    assert await offsets.commit(consumer) == {}
    assert offsets.due_since is None
    offsets.release(TP, 8)
    offsets.start_over()
    assert await offsets.commit(consumer) == {}
    assert consumer.taken == [{TP: 5}]


async def test_a_refused_commit_stays_due() -> None:
    """The watchdog sees how long offsets have been waiting."""
    consumer, offsets = Committing(), Offsets()
    consumer.error = OSError("gone")
    offsets.release(TP, 3)
    with pytest.raises(OSError, match="gone"):
        await offsets.commit(consumer)
    assert offsets.due_since is not None


class Log:
    """A changelog that takes rows at once."""

    def __init__(self) -> None:
        self.written: list[dict[bytes, bytes]] = []

    async def write(self, _scope: bytes, sealed: dict[bytes, bytes], _decoded: object) -> None:
        """Remember."""
        self.written.append(sealed)


def logged_lane(engine: FakeEngine, applied: int = -1) -> tuple[Lane, Log]:
    """A lane with a changelog."""
    lane, log = lane_on(engine, applied), Log()
    lane.changelog = cast(Any, log)
    return lane, log


async def test_what_the_changelog_lost_is_folded_again() -> None:
    """The group was further than the rows are: go back to where the rows stand."""
    engine = FakeEngine(end=9, position=8, committed=8)
    lane, _ = logged_lane(engine, applied=4)
    await lane._find_start()
    assert (lane.next_offset, engine._position) == (5, 5)
    complete, _ = logged_lane(engine := FakeEngine(end=9, position=8, committed=8), applied=7)
    await complete._find_start()
    assert (complete.next_offset, engine._position) == (8, 8)


async def test_what_source_and_changelog_lost_is_said() -> None:
    """Nobody can fold it again, so the worker does not go on unless it is told to."""
    engine = FakeEngine(end=9, position=8, committed=8, beginning=6)
    with pytest.raises(RowsMissingError, match=r"only know it up to 5: .* begins at 6"):
        await logged_lane(engine, applied=4)[0]._find_start()
    engine.settings = replace(engine.settings, accept_missing_rows=True)
    lane, _ = logged_lane(engine, applied=4)
    await lane._find_start()
    assert (lane.next_offset, engine._position) == (6, 6)


async def test_nothing_is_committed_that_the_changelog_does_not_know() -> None:
    """The first offset of a partition, and markers at its end, are logged with a guard row."""
    engine = FakeEngine(position=7)
    lane, log = logged_lane(engine)
    await lane._find_start()
    engine._position = 9
    await lane._fetch()
    assert [applied_of(row) for rows in log.written for row in rows.values()] == [6, 8]
    assert engine.released == [7, 9]
    empty = FakeEngine(position=0)
    lane, log = logged_lane(empty)
    await lane._find_start()
    assert (log.written, empty.released) == ([], [0])
