"""What an agent sees and does through a batch."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from streams.engine import (
    BatchAbandonedError,
    EngineError,
    Lane,
    RecordBatch,
    RecordTooLargeError,
    Table,
)
from streams.engine.envelope import NEVER, applied_of, is_deleted, seal, wake_of
from streams.engine.rows import LaneRows
from tests.engine.fakes import OTHERS, ROWS, FakeLane, Record, Row, stage_of


def batch_on(
    state: LaneRows, *older: RecordBatch, offsets: tuple[int, ...] = (7, 9)
) -> RecordBatch:
    """A batch of records at these offsets on top of others."""
    lane = cast(Lane, FakeLane(stage_of(), state))
    return RecordBatch(lane, [Record(offset) for offset in offsets], older, 1_000)


async def test_reads_what_was_put_last() -> None:
    """Staged rows beat those of a batch in flight, which beat the live ones."""
    state = LaneRows(10)
    state.apply({b"rk": seal(1, NEVER, msgspec.msgpack.encode(Row(1)))}, {}, 0)
    first = batch_on(state)
    assert first.get(ROWS, b"k") == Row(1)
    first.put(ROWS, b"k", Row(2))
    second = batch_on(state, first)
    assert second.get(ROWS, b"k") == Row(2)
    second.put(ROWS, b"k", Row(3))
    third = batch_on(state, first, second)
    assert third.get(ROWS, b"k") == Row(3)
    assert batch_on(state).get(ROWS, b"k") == Row(1)


async def test_a_deleted_row_is_absent_for_later_batches() -> None:
    """A deletion in flight hides the live row."""
    state = LaneRows(10)
    state.apply({b"rk": seal(1, NEVER, msgspec.msgpack.encode(Row(1)))}, {}, 0)
    first = batch_on(state)
    first.delete(ROWS, b"k")
    assert batch_on(state, first).get(ROWS, b"k") is None
    assert is_deleted(first.seal_rows()[b"rk"])


async def test_deleting_nothing_writes_nothing() -> None:
    """No row, no changelog record."""
    batch = batch_on(LaneRows(10))
    batch.delete(ROWS, b"k")
    assert batch.seal_rows() == {}


async def test_tables_do_not_see_each_other() -> None:
    """The same key in two tables is two rows."""
    batch = batch_on(LaneRows(10))
    batch.put(ROWS, b"k", Row(1))
    assert batch.get(OTHERS, b"k") is None


async def test_rows_carry_the_last_offset_of_their_batch() -> None:
    """All rows of a batch are applied up to its end, and carry their own wake-up times."""
    batch = batch_on(LaneRows(10))
    batch.put(ROWS, b"a", Row(1), wake_at_ms=500)
    batch.put(OTHERS, b"b", Row(2))
    sealed = batch.seal_rows()
    assert {applied_of(row) for row in sealed.values()} == {9}
    assert wake_of(sealed[b"ra"]) == 500
    assert wake_of(sealed[b"ob"]) == NEVER


async def test_putting_again_without_a_time_takes_the_wake_up_away() -> None:
    """The last put decides, also about being woken."""
    batch = batch_on(LaneRows(10))
    batch.put(ROWS, b"a", Row(1), wake_at_ms=500)
    batch.put(ROWS, b"a", Row(2))
    assert wake_of(batch.seal_rows()[b"ra"]) == NEVER


async def test_an_undeclared_table_is_refused() -> None:
    """A row that no stage could restore must not be written."""
    batch = batch_on(LaneRows(10))
    batch.put(Table(name="unknown", prefix=b"u", row_type=Row), b"a", Row())
    with pytest.raises(EngineError, match="no table with prefix"):
        batch.seal_rows()


async def test_a_record_too_large_is_refused_where_it_is_emitted() -> None:
    """The agent can still do something else about it."""
    batch = batch_on(LaneRows(10))
    with pytest.raises(RecordTooLargeError, match="1001 bytes for out"):
        batch.emit("out", b"k", b"x" * 1_000)
    batch.emit("out", b"k", b"x" * 999)
    assert len(batch.effects) == 1


async def test_success_and_failure_go_back_to_the_lane() -> None:
    """An exception is handed over, and the agent lives on."""
    good = batch_on(LaneRows(10))
    with good:
        pass
    assert good.done.result() is None
    bad = batch_on(LaneRows(10))
    with bad:
        raise ValueError("poison")
    assert isinstance(bad.done.exception(), ValueError)


async def test_an_agent_that_is_cancelled_abandons_its_batch() -> None:
    """Cancelling goes through and nothing counts as done."""
    batch = batch_on(LaneRows(10))

    async def agent() -> None:
        with batch:
            await asyncio.sleep(10)

    task = asyncio.create_task(agent())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(batch.done.exception(), BatchAbandonedError)


async def test_two_agents_may_not_share_a_batch() -> None:
    """Concurrency above one would fold records twice."""
    batch = batch_on(LaneRows(10))
    with batch:
        pass
    with pytest.raises(EngineError, match="concurrency 1"):
        batch.__enter__()


async def test_callbacks_run_in_order_and_the_watermark_never_goes_back() -> None:
    """What is called after the acknowledgement is called as it was registered."""
    batch = batch_on(LaneRows(10))
    seen: list[Any] = []
    batch.on_applied(lambda: seen.append(1))
    batch.on_applied(lambda: seen.append(2))
    batch.advance_watermark(5)
    batch.advance_watermark(3)
    assert seen == []
    batch.applied_now()
    assert (seen, batch.watermark_ms) == ([1, 2], 5)
