"""The view writer: the newest state wins, twice is once, and Redis' absence stops nothing."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from agents.satisfaction.rollup import RowKey
from schemas.satisfaction import Dimension, SatisfactionRow, Window
from streams.views import (
    CustomerItem,
    FlushOutcome,
    SatisfactionItem,
    ViewItem,
    ViewObserver,
    ViewReader,
    ViewWriter,
)
from streams.views.backoff import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from streams.views.doorbell import IDLE_SECONDS
from streams.views.writer import CHUNK_ITEMS, HEARTBEAT_SECONDS
from tests.streams.views.conftest import Clock
from tests.streams.views.examples import card, clock_view, complaint

DAY = RowKey(Window.DAY, 24 * 20_500, Dimension.CHANNEL, "chat")


class Switch:
    """A Redis client whose pipelines can be made to fail."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.broken = False
        self.attempts = 0

    def pipeline(self, **options: Any) -> Any:
        """A pipeline; one that is sent while the switch is off fails."""
        self.attempts += 1
        if self.broken:
            raise RedisConnectionError("Connection refused")
        return self.redis.pipeline(**options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.redis, name)


class Told(ViewObserver):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.dropped = 0
        self.rebuilt_partitions: list[int] = []

    def overflowed(self, dropped: int) -> None:
        """Count dropped views."""
        self.dropped += dropped

    def rebuilt(self, partition: int, items: int, seconds: float) -> None:
        """Remember rebuilt partitions."""
        self.rebuilt_partitions.append(partition)


def nothing(partition: int) -> Iterable[ViewItem]:
    """The rows of an empty partition."""
    return ()


@pytest.fixture
def switch(redis: Redis) -> Switch:
    """A Redis that can be taken away."""
    return Switch(redis)


@pytest.fixture
def writer(switch: Switch, prefix: str, clock: Clock) -> ViewWriter:
    """A writer that owns the only partition, whose rows are empty."""
    writer = ViewWriter(switch, prefix, partitions=1, source=nothing, clock=clock)
    writer.own(0, applied=5)
    return writer


@pytest.fixture
def reader(redis: Redis, prefix: str, clock: Clock) -> ViewReader:
    """A reader of the same views."""
    return ViewReader(redis, prefix, clock=clock)


async def settle(writer: ViewWriter) -> None:
    """Let it work through some rounds, each to its end: what is cut off has to be written again."""
    for _ in range(100):
        await writer.turn()
        if not writer.incomplete and not writer.pending:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the writer did not come to rest")


async def test_the_newest_state_of_a_view_is_written(
    writer: ViewWriter, reader: ViewReader
) -> None:
    """Two states of one view within a flush are one write, of the newer."""
    writer.put_customer(0, card("c-1", name="old"))
    writer.put_customer(0, card("c-1", name="new"))
    assert writer.pending == 1
    assert await writer.flush() is FlushOutcome.WRITTEN
    found = await reader.customer("c-1")
    assert found is not None
    assert found.name == "new"


async def test_writing_again_changes_nothing(
    writer: ViewWriter, reader: ViewReader, redis: Redis, prefix: str
) -> None:
    """A crash before the commit writes the same views again, with the same result."""

    async def contents() -> dict[bytes, Any]:
        found: dict[bytes, Any] = {}
        async for key in redis.scan_iter(f"{prefix}*"):
            found[key] = await redis.dump(key)
        return found

    def put_all() -> None:
        writer.put_customer(0, card("c-1"))
        writer.put_complaint(0, complaint("k-1", clock_view(10)), "Ann")
        writer.put_satisfaction(0, DAY, SatisfactionRow(csat={5: 2}))
        writer.put_intake_counts("interactions.chat.v1", 0, {"received": 3})
        writer.put_customer_counts(0, {"chat": {"accepted": 3}})

    put_all()
    await writer.flush()
    once = await contents()
    put_all()
    await writer.flush()
    assert await contents() == once
    rows = await reader.rows(Window.DAY, [DAY.hour], Dimension.CHANNEL)
    assert rows[DAY.hour]["chat"].csat == {5: 2}


async def test_a_large_batch_is_written_in_chunks(
    writer: ViewWriter, switch: Switch, reader: ViewReader
) -> None:
    """More views than fit one round trip all arrive."""
    for number in range(2 * CHUNK_ITEMS + 1):
        writer.put_customer(0, card(f"c-{number}"))
    assert await writer.flush() is FlushOutcome.WRITTEN
    assert switch.attempts == 3
    assert await reader.customer(f"c-{2 * CHUNK_ITEMS}") is not None


async def test_redis_away_loses_nothing(
    writer: ViewWriter, switch: Switch, reader: ViewReader, clock: Clock
) -> None:
    """While Redis is away flushes fail quickly and rest in between; then everything is written."""
    switch.broken = True
    writer.put_customer(0, card("c-1", name="before"))
    writer.put_customer(0, card("c-2"))
    assert await writer.flush() is FlushOutcome.FAILED
    assert await writer.flush() is FlushOutcome.WAITING
    assert switch.attempts == 1
    writer.put_customer(0, card("c-1", name="while away"))
    switch.broken = False
    clock.now += FIRST_PAUSE_SECONDS
    assert await writer.flush() is FlushOutcome.WRITTEN
    first, second = await reader.customer("c-1"), await reader.customer("c-2")
    assert first is not None
    assert first.name == "while away"
    assert second is not None


async def test_pauses_grow_to_a_limit(writer: ViewWriter, switch: Switch, clock: Clock) -> None:
    """Attempts become rarer, but never rarer than every ten seconds."""
    switch.broken = True
    writer.put_customer(0, card("c-1"))
    assert await writer.flush() is FlushOutcome.FAILED
    pauses = []
    for _ in range(8):
        failed_at = clock.now
        while await writer.flush() is FlushOutcome.WAITING:
            clock.now += 0.1
        pauses.append(clock.now - failed_at)
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(FIRST_PAUSE_SECONDS, abs=0.11)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_SECONDS, abs=0.11)


async def test_progress_is_written_only_behind_everything_else(
    writer: ViewWriter, switch: Switch, reader: ViewReader, clock: Clock
) -> None:
    """Views that could not be written are never confirmed: the reader says stale, not live."""
    await settle(writer)
    assert (await reader.freshness()).state == "live"
    switch.broken = True
    writer.put_customer(0, card("c-1"))
    for _ in range(15):
        clock.now += 1
        await writer.flush()
    assert (await reader.freshness()).state == "stale"
    switch.broken = False
    clock.now += 20
    await writer.flush()
    assert (await reader.freshness()).state == "live"


async def test_a_heartbeat_confirms_quiet_views(
    writer: ViewWriter, reader: ViewReader, clock: Clock
) -> None:
    """With nothing to write the progress still moves, about once a second."""
    await settle(writer)
    before = (await reader.freshness()).as_of_at
    assert before is not None
    clock.now += HEARTBEAT_SECONDS / 2
    assert await writer.flush() is FlushOutcome.NOTHING
    clock.now += HEARTBEAT_SECONDS
    assert await writer.flush() is FlushOutcome.WRITTEN
    after = (await reader.freshness()).as_of_at
    assert after is not None
    assert (after - before).total_seconds() == pytest.approx(1.5)


async def test_lagging_views_are_rebuilt_from_the_rows(
    switch: Switch, prefix: str, clock: Clock, reader: ViewReader
) -> None:
    """A worker killed between commit and write leaves old views; its successor writes them anew."""
    told = Told()

    def rows(partition: int) -> Iterable[ViewItem]:
        yield CustomerItem(card("c-1", name="from the row"))
        yield SatisfactionItem(partition, DAY, SatisfactionRow(contacts=7))

    def started(applied: int) -> ViewWriter:
        writer = ViewWriter(switch, prefix, partitions=1, source=rows, observer=told, clock=clock)
        writer.own(0, applied)
        return writer

    await settle(started(applied=10))
    assert told.rebuilt_partitions == [0], "views nobody confirmed are rebuilt"
    await settle(started(applied=10))
    assert told.rebuilt_partitions == [0], "views that hold everything are not"
    await settle(started(applied=11))
    assert told.rebuilt_partitions == [0, 0], "views that lag behind the rows are"
    found = await reader.customer("c-1")
    assert found is not None
    assert found.name == "from the row"
    assert (await reader.rows(Window.DAY, [DAY.hour], Dimension.CHANNEL))[DAY.hour][
        "chat"
    ].contacts == 7


async def test_a_rebuild_does_not_undo_what_changes_meanwhile(
    switch: Switch, prefix: str, clock: Clock, reader: ViewReader
) -> None:
    """Rows are read little by little; a change that arrives meanwhile is newer and stays."""
    writer = ViewWriter(switch, prefix, partitions=1, source=nothing, clock=clock)
    writer.own(0, applied=1)

    def rows() -> Iterable[ViewItem]:
        yield CustomerItem(card("c-1", name="row as it was"))
        writer.put_customer(0, card("c-2", name="changed meanwhile"))
        yield CustomerItem(card("c-2", name="row as it was"))

    assert await writer.rebuild(0, rows())
    first, second = await reader.customer("c-1"), await reader.customer("c-2")
    assert first is not None
    assert first.name == "row as it was"
    assert second is not None
    assert second.name == "changed meanwhile"


async def test_too_many_waiting_views_are_dropped_and_rebuilt(
    switch: Switch, prefix: str, clock: Clock, reader: ViewReader
) -> None:
    """Memory is bounded while Redis is away; what was dropped comes back from the rows."""
    told = Told()
    writer = ViewWriter(
        switch,
        prefix,
        partitions=1,
        source=lambda _: (CustomerItem(card(f"c-{n}")) for n in range(20)),
        observer=told,
        clock=clock,
        max_pending=10,
    )
    writer.own(0, applied=1)
    switch.broken = True
    for number in range(20):
        writer.put_customer(0, card(f"c-{number}"))
        writer.put_intake_counts("interactions.chat.v1", 0, {"received": number})
        await writer.flush()
    assert writer.pending <= 11
    assert told.dropped
    switch.broken = False
    clock.now += 60
    writer._max_pending = 100
    await settle(writer)
    assert [await reader.customer(f"c-{n}") is not None for n in range(20)] == [True] * 20
    assert (await reader.stats())["chat"].received == 19, "counts are never dropped"


async def test_a_lost_partition_is_not_written_any_more(
    writer: ViewWriter, switch: Switch, reader: ViewReader, clock: Clock
) -> None:
    """What waits for a partition that went to another worker must not overwrite the other's."""
    switch.broken = True
    writer.put_customer(0, card("c-1", name="late"))
    writer.put_customer_counts(0, {"chat": {"accepted": 1}})
    writer.put_intake_counts("interactions.chat.v1", 0, {"received": 1})
    await writer.flush()
    writer.disown(0)
    writer.put_customer(0, card("c-1", name="later still"))
    switch.broken = False
    clock.now += 60
    assert await writer.flush() is FlushOutcome.WRITTEN
    assert await reader.customer("c-1") is None
    stats = await reader.stats()
    assert (stats["chat"].accepted, stats["chat"].received) == (0, 1)


@pytest.mark.parametrize("loss", ["flushed", "another server"])
async def test_views_that_redis_lost_are_written_again(
    switch: Switch, prefix: str, clock: Clock, reader: ViewReader, loss: str
) -> None:
    """What no later change touches comes back from the rows, and until then nothing is fresh."""
    rows = [CustomerItem(card("c-1")), CustomerItem(card("c-2"))]
    told = Told()
    writer = ViewWriter(
        switch, prefix, partitions=1, source=lambda _: rows, clock=clock, observer=told
    )
    lost = []
    writer.on_lost = lambda: lost.append("counts")
    writer.own(0, applied=5)
    await settle(writer)
    assert await reader.customer("c-2") is not None
    if loss == "flushed":
        await switch.redis.delete(*await switch.redis.keys(f"{prefix}*"))
    else:
        writer._presence._run_id = "the one before"
        await switch.redis.delete(f"{prefix}view:customer:c-1", f"{prefix}view:customer:c-2")
    clock.now += HEARTBEAT_SECONDS
    await writer.flush()
    assert writer.incomplete == (0,)
    assert (await reader.freshness()).state == "empty"
    await settle(writer)
    assert lost == ["counts"]
    assert told.rebuilt_partitions == [0, 0]
    assert await reader.customer("c-1") is not None
    assert await reader.customer("c-2") is not None
    assert (await reader.freshness()).state == "live"


@pytest.mark.parametrize("gone", [0, 1])
async def test_a_partition_may_go_while_views_are_looked_after(
    switch: Switch, prefix: str, clock: Clock, gone: int
) -> None:
    """A rebalance takes away the partition that is being rebuilt, or the one that would be next."""
    writer: ViewWriter

    def source(partition: int) -> Iterable[ViewItem]:
        assert partition in writer.incomplete, "the rows of a partition somebody else has"
        return [CustomerItem(card(f"c-{partition}"))]

    async def taken_meanwhile(name: str, key: str) -> Any:
        writer.disown(gone)
        return await switch.redis.hget(name, key)

    writer = ViewWriter(switch, prefix, partitions=2, source=source, clock=clock)
    writer.own(0, applied=5)
    writer.own(1, applied=5)
    switch.hget = taken_meanwhile  # type: ignore[attr-defined]
    await settle(writer)
    assert await switch.redis.keys(f"{prefix}*customer:*") == [
        writer.keys.customer(f"c-{1 - gone}").encode()
    ]


async def test_all_writers_notice_a_flush(
    redis: Redis, prefix: str, clock: Clock, reader: ViewReader
) -> None:
    """Not only the one that writes first: the partitions of the others come back as well."""
    writers = [
        ViewWriter(
            redis,
            prefix,
            partitions=2,
            source=lambda partition: [CustomerItem(card(f"c-{partition}"))],
            clock=clock,
        )
        for _ in range(2)
    ]
    for partition, writer in enumerate(writers):
        writer.own(partition, applied=5)
        await settle(writer)
    await redis.delete(*await redis.keys(f"{prefix}*"))
    clock.now += HEARTBEAT_SECONDS
    for writer in writers:
        await writer.flush()
    assert [writer.incomplete for writer in writers] == [(0,), (1,)]
    assert (await reader.freshness()).state == "empty"
    for writer in writers:
        await settle(writer)
    assert await reader.customer("c-0") is not None
    assert await reader.customer("c-1") is not None


async def test_who_takes_over_after_a_flush_does_not_trust_the_progress_of_before(
    redis: Redis, prefix: str, clock: Clock, reader: ViewReader
) -> None:
    """An owner that dies with the write by which it would have noticed claims nothing."""
    old = ViewWriter(redis, prefix, partitions=1, source=nothing, clock=clock)
    old.own(0, applied=5)
    await settle(old)
    await redis.delete(*await redis.keys(f"{prefix}*"))
    pipe = redis.pipeline(transaction=True)
    old._presence.ask(pipe, server=False)
    old._presence.claim(pipe, old._progress(clock.now))
    await pipe.execute()  # and there it dies
    rows = [CustomerItem(card("c-1"))]
    new = ViewWriter(redis, prefix, partitions=1, source=lambda _: rows, clock=clock)
    new.own(0, applied=5)
    await settle(new)
    assert await reader.customer("c-1") is not None


async def test_waiting_ends_with_the_first_view(writer: ViewWriter) -> None:
    """Whoever waits for views goes on soon after the first is put, and at once where some wait;
    without any, `IDLE_SECONDS` later, so that progress is looked at."""
    waiting = asyncio.ensure_future(writer.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    writer.put_customer(0, card("c-1"))
    await asyncio.wait_for(waiting, IDLE_SECONDS)
    await asyncio.wait_for(writer.wait(), IDLE_SECONDS)  # it still waits to be written
    assert await writer.flush() is FlushOutcome.WRITTEN
    await writer.wait()
    assert writer.pending == 0
