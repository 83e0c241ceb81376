"""The engine on the embedded broker, in one process: what it tells, cuts, restores, refuses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from streams.deadlines import DeadlineService, DeadlineSettings
from streams.embedded import EmbeddedServices
from streams.engine import (
    ConfigurationError,
    Effect,
    Engine,
    EngineError,
    EngineObserver,
    Lane,
    RecordBatch,
    RowTooLargeError,
    Stage,
    Table,
    TopicPartition,
)
from tests.engine.local import Playground, until

pytestmark = pytest.mark.integration


class Note(msgspec.Struct, frozen=True):
    """What is kept per key."""

    texts: tuple[str, ...] = ()


NOTES = Table(name="notes", prefix=b"n", row_type=Note)


def remember(batch: RecordBatch) -> None:
    """Append every text to the note of its key; `forget` deletes, `@N` asks to be woken at N."""
    for record in batch.records:
        assert record.key is not None
        assert record.value is not None
        text = record.value.decode()
        if text == "forget":
            batch.delete(NOTES, record.key)
            continue
        wake = int(text[1:]) if text.startswith("@") else None
        note = batch.get(NOTES, record.key) or Note()
        batch.put(NOTES, record.key, Note((*note.texts, text)), wake)


def notes_of(engine: Engine) -> dict[str, tuple[str, ...]]:
    """All notes of all lanes."""
    return {
        key.decode(): note.texts
        for lane in engine.lanes.values()
        if lane.stage.tables
        for key, note in lane.rows(NOTES)
    }


class Events(EngineObserver):
    """Remembers what the engine told."""

    def __init__(self) -> None:
        self.applied_records: list[int] = []
        self.skipped_records = 0
        self.reasons: list[str] = []
        self.restores: list[int] = []

    def applied(
        self, lane: Lane, records: int, effects: int, rows: int, row_bytes: int, seconds: float
    ) -> None:
        """Count."""
        self.applied_records.append(records)

    def folded(self, lane: Lane, records: int, skipped: int, seconds: float) -> None:
        """Count."""
        self.skipped_records += skipped

    def restored(self, topic: str, partition: int, records: int, rows: int, seconds: float) -> None:
        """Count."""
        self.restores.append(records)

    def crashed(self, reason: str) -> None:
        """Remember."""
        self.reasons.append(reason)


@pytest.fixture
async def ground(embedded: EmbeddedServices) -> AsyncIterator[Playground]:
    """Topics of its own on the embedded broker."""
    async with Playground(embedded.bootstrap_servers) as ground:
        yield ground


def notes_stage(ground: Playground, *topics: str) -> Stage:
    """The stage most tests use."""
    return ground.stage("notes", topics or ("in",), remember, "log", [NOTES])


async def test_rows_survive_a_restart_and_deleted_ones_do_not(ground: Playground) -> None:
    """What one engine wrote the next one has; the lane goes on where it was."""
    await ground.create("in", "log")
    async with ground.running([notes_stage(ground)]) as engine:
        await ground.send("in", b"ann", b"one")
        await ground.send("in", b"bob", b"two", partition=1)
        await ground.send("in", b"eve", b"gone")
        await ground.send("in", b"eve", b"forget")
        # As she is before she has written, so the offset says that she was read.
        await until(lambda: engine.lanes[TopicPartition(ground.name("in"), 0)].next_offset == 3)
        await until(lambda: notes_of(engine) == {"ann": ("one",), "bob": ("two",)})
    events = Events()
    async with ground.running([notes_stage(ground)], events) as engine:
        assert notes_of(engine) == {"ann": ("one",), "bob": ("two",)}
        lane = engine.lanes[TopicPartition(ground.name("in"), 0)]
        assert lane.get(NOTES, b"ann") == Note(("one",))
        assert (lane.applied, lane.next_offset) == (2, 3)
        await ground.send("in", b"ann", b"three")
        await until(lambda: notes_of(engine)["ann"] == ("one", "three"))
    assert events.applied_records == [1]
    assert sum(events.restores) > 0


async def test_replayed_records_are_skipped(ground: Playground) -> None:
    """A group that lost its offsets reads everything again and changes nothing."""
    await ground.create("in", "log")
    for number in range(20):
        await ground.send("in", b"k%d" % (number % 3), b"%d" % number)
    async with ground.running([notes_stage(ground)]) as engine:
        await until(lambda: sum(map(len, notes_of(engine).values())) == 20)
        before = notes_of(engine)
    events = Events()
    other = {"group_id": f"{ground.prefix}-2"}
    async with ground.running([notes_stage(ground)], events, limits=other) as engine:
        await until(lambda: events.skipped_records == 20)
        assert notes_of(engine) == before
    assert events.applied_records == []


async def test_lanes_of_several_topics_share_a_changelog(ground: Playground) -> None:
    """The same key and partition of two topics are two rows, also after a restart."""
    await ground.create("in", "more", "log")
    for _ in range(2):
        async with ground.running([notes_stage(ground, "in", "more")]) as engine:
            await ground.send("in", b"k", b"a")
            await ground.send("more", b"k", b"b")
            lanes = [engine.lanes[TopicPartition(ground.name(t), 0)] for t in ("in", "more")]
            await until(lambda lanes=lanes: all(lane.in_flight == [] for lane in lanes))  # type: ignore[misc]
            await asyncio.sleep(0.5)
    async with ground.running([notes_stage(ground, "in", "more")]) as engine:
        found = [
            engine.lanes[TopicPartition(ground.name(topic), 0)].get(NOTES, b"k")
            for topic in ("in", "more")
        ]
        assert found == [Note(("a", "a")), Note(("b", "b"))]


async def test_a_batch_whose_rows_do_not_fit_is_folded_in_halves(ground: Playground) -> None:
    """One changelog record batch per source batch, also when rows are larger than thought."""
    await ground.create("in", "log")

    def inflate(batch: RecordBatch) -> None:
        for record in batch.records:
            assert record.key is not None
            batch.put(NOTES, record.key, Note(("x" * 3_000,)))
            batch.emit(ground.name("out"), record.key, b"done")

    await ground.create("out")
    for number in range(8):
        await ground.send("in", b"k%d" % number, b"small")
    stage = ground.stage("notes", ("in",), inflate, "log", [NOTES])
    events = Events()
    limits = {"changelog_batch_bytes": 7_000, "changelog_soft_bytes": 7_000}
    async with ground.running([stage], events, limits=limits) as engine:
        await until(lambda: len(notes_of(engine)) == 8)
        assert max(events.applied_records) <= 2
        assert sum(events.applied_records) == 8


async def test_a_row_too_large_stops_the_worker_and_is_named(ground: Playground) -> None:
    """The error says which record and which row; nothing is committed."""
    await ground.create("in", "log")

    def inflate(batch: RecordBatch) -> None:
        batch.put(NOTES, b"huge", Note(("x" * 9_000,)))

    await ground.send("in", b"k", b"small")
    stage = ground.stage("notes", ("in",), inflate, "log", [NOTES])
    events = Events()
    limits = {"changelog_batch_bytes": 7_000, "changelog_soft_bytes": 7_000}
    engine = Engine(ground.settings(**limits), [stage], events)
    agent = asyncio.create_task(ground.channels["notes"].agent())
    try:
        await engine.start()
        await until(lambda: bool(events.reasons))
        assert isinstance(engine.crash_reason, RowTooLargeError)
        assert "b'huge' of table notes" in str(engine.crash_reason)
        committed = await engine.progress.group_offsets([ground.name("in")])
        assert committed[TopicPartition(ground.name("in"), 0)] <= 0
    finally:
        await engine.stop()
        agent.cancel()


async def test_missing_topics_and_unequal_partitions_are_refused(ground: Playground) -> None:
    """The worker does not start, and says what to create."""
    await ground.create("in")
    with pytest.raises(ConfigurationError, match=rf"do not exist: {ground.name('log')}"):
        await _start_and_stop(Engine(ground.settings(), [notes_stage(ground)]))
    await ground.create("log", partitions=3)
    with pytest.raises(ConfigurationError, match="same number of partitions"):
        await _start_and_stop(Engine(ground.settings(), [notes_stage(ground)]))


async def _start_and_stop(engine: Engine) -> None:
    try:
        await engine.start()
    finally:
        await engine.stop()


async def test_an_engine_that_does_not_run_says_so(ground: Playground) -> None:
    """A command given too early or too late is refused, not lost."""
    await ground.create("in", "log")
    command = [Effect(ground.name("in"), None, b"ann", b"one", ())]
    idle = Engine(ground.settings(), [notes_stage(ground)])
    assert await idle.lag() == {}
    with pytest.raises(EngineError, match="not running"):
        await idle.publish(command)
    async with ground.running([notes_stage(ground)]) as engine:
        await engine.publish(command)
        await until(lambda: notes_of(engine) == {"ann": ("one",)})
    with pytest.raises(EngineError, match="not running"):
        await engine.publish(command)


async def test_listeners_see_complete_rows_and_lag_is_counted(ground: Playground) -> None:
    """Views may rebuild from a restored lane; lag counts what is appended and not applied."""
    await ground.create("in", "log")
    async with ground.running([notes_stage(ground)]) as engine:
        await ground.send("in", b"ann", b"one")
        await until(lambda: bool(notes_of(engine)))
    seen: list[Any] = []

    class Listener:
        async def on_restored(self, lane: Lane) -> None:
            seen.append(("restored", lane.partition, dict(lane.rows(NOTES))))

        async def on_revoked(self, lane: Lane) -> None:
            seen.append(("revoked", lane.partition))

    def prepare(engine: Engine) -> None:
        engine.add_listener(Listener())

    stage = notes_stage(ground)
    async with ground.running([stage], prepare=prepare) as engine:
        restored = sorted((each for each in seen), key=lambda each: each[1])
        assert restored == [("restored", 0, {b"ann": Note(("one",))}), ("restored", 1, {})]
        gate = ground.channels["notes"].gate
        gate.clear()
        await ground.send("in", b"bob", b"two")
        await until(lambda: any(lane.folding_since for lane in engine.lanes.values()))
        assert sum((await engine.lag()).values()) == 1
        gate.set()
        await until(lambda: len(notes_of(engine)) == 2)
        assert sum((await engine.lag()).values()) == 0
    assert sorted(seen[2:]) == [("revoked", 0), ("revoked", 1)]


async def test_deadlines_wait_for_upstream_and_then_fire(ground: Playground) -> None:
    """A due key is woken on its own lane, but not while an upstream record is still unread."""
    await ground.create("up", "in", "log")

    def forward(batch: RecordBatch) -> None:
        for record in batch.records:
            batch.emit(ground.name("in"), record.key, record.value, partition=batch.partition)

    upstream = ground.stage("up", ("up",), forward)
    stage = notes_stage(ground)
    now = {"ms": 1_000}
    late: list[float] = []
    services: list[DeadlineService] = []

    def prepare(engine: Engine) -> None:
        services.append(
            DeadlineService(
                engine,
                stage,
                upstream.topics,
                lambda key, wake_at_ms, _through: b"woken %d" % wake_at_ms,
                settings=DeadlineSettings(tick_seconds=0.1),
                clock_ms=lambda: now["ms"],
                on_fired=lambda _lane, seconds: late.extend(seconds),
            )
        )

    async with ground.running([upstream, stage], prepare=prepare) as engine:
        service = services[0]
        await service.start()
        try:
            await ground.send("up", b"ann", b"@5000")
            await until(lambda: notes_of(engine) == {"ann": ("@5000",)})
            ground.channels["up"].gate.clear()
            await ground.send("up", b"ann", b"reply")
            now["ms"] = 6_000
            await asyncio.sleep(1.0)  # several ticks: the reply is appended, and nobody has read it
            assert notes_of(engine) == {"ann": ("@5000",)}
            ground.channels["up"].gate.set()
            await until(lambda: len(notes_of(engine)["ann"]) > 1)
            assert notes_of(engine)["ann"][1] == "reply"
            await asyncio.sleep(0.5)
            assert notes_of(engine) == {"ann": ("@5000", "reply")}  # putting it again took the wake
            await ground.send("up", b"bob", b"@7000", partition=1)
            await until(lambda: "bob" in notes_of(engine))
            now["ms"] = 7_500
            await until(lambda: notes_of(engine)["bob"] == ("@7000", "woken 7000"))
            assert late == [0.5]
        finally:
            await service.stop()
