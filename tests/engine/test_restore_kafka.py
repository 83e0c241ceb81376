"""Restores on a real Apache Kafka, with its own compaction, deletion of records and of topics."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import PolicyViolationError

from deploy.kafka import LocalKafka
from streams.engine import (
    Engine,
    EngineObserver,
    RecordBatch,
    RowsMissingError,
    Stage,
    Table,
    TopicPartition,
)
from streams.engine.envelope import applied_of, seal
from tests.engine.harness import EAGER_COMPACTION, Bench
from tests.engine.local import Playground, until

pytestmark = pytest.mark.kafka

ON_KAFKA: dict[str, Any] = {"idempotent": True, "exact_end_offsets": True}
KILLS = 4
CLEANER_SECONDS = 60.0
"""The cleaner looks every second, and takes what stood in closed segments."""


class Count(msgspec.Struct, frozen=True):
    """How many records a key had."""

    records: int = 0


COUNTS = Table(name="counts", prefix=b"c", row_type=Count)


def count(batch: RecordBatch) -> None:
    """One more per record; `forget` deletes. Every count is published."""
    for record in batch.records:
        assert record.key is not None
        if record.value == b"forget":
            batch.delete(COUNTS, record.key)
            continue
        row = Count((batch.get(COUNTS, record.key) or Count()).records + 1)
        batch.put(COUNTS, record.key, row)
        batch.emit(f"{batch.topic}.out", record.key, b"%d" % row.records)


def counts_of(engine: Engine) -> dict[bytes, int]:
    """All rows of all lanes."""
    lanes = engine.lanes.values()
    return {key: row.records for lane in lanes for key, row in lane.rows(COUNTS)}


class Restores(EngineObserver):
    """Remembers how many records each restore read."""

    def __init__(self) -> None:
        self.records: list[int] = []

    def restored(self, topic: str, partition: int, records: int, rows: int, seconds: float) -> None:
        """Note one."""
        self.records.append(records)


@pytest.fixture
async def ground(kafka: LocalKafka) -> AsyncIterator[Playground]:
    """Topics of its own: one partition each, the changelog compacted as soon as can be."""
    async with Playground(kafka.bootstrap_servers) as ground:
        await ground.create("in", "in.out", partitions=1)
        await create_changelog(ground)
        yield ground


async def create_changelog(ground: Playground) -> None:
    """An empty changelog, known to the broker."""
    name, configs = ground.name("log"), {"cleanup.policy": "compact", **EAGER_COMPACTION}
    await ground.admin.create_topics([NewTopic(name, 1, 1, topic_configs=configs)])
    async with asyncio.timeout(CLEANER_SECONDS):
        while (await ground.admin.describe_topics([name]))[0]["error_code"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def stage(ground: Playground) -> Stage:
    """Counts per key."""
    return ground.stage("counts", ["in"], count, "log", [COUNTS])


async def feed(ground: Playground, keys: Sequence[bytes], value: bytes = b"x") -> None:
    """One record per key."""
    for key in keys:
        await ground.send("in", key, value)


async def applied(engine: Engine, offset: int) -> None:
    """Wait until the only lane has applied so much."""
    await until(lambda: all(lane.applied >= offset for lane in engine.lanes.values()))


async def read_all(ground: Playground, topic: str) -> list[Any]:
    """All records of a topic's only partition."""
    tp = TopicPartition(ground.name(topic), 0)
    reader = AIOKafkaConsumer(bootstrap_servers=ground.broker, auto_offset_reset="earliest")
    await reader.start()
    try:
        reader.assign([tp])
        end = (await reader.end_offsets([tp]))[tp]
        found: list[Any] = []
        while await reader.position(tp) < end:
            found += (await reader.getmany(tp, timeout_ms=500)).get(tp, [])
        return found
    finally:
        await reader.stop()


async def compacted(ground: Playground, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """Wait until the cleaner has taken enough from the changelog; returns what is left."""
    async with asyncio.timeout(CLEANER_SECONDS):
        while not enough(records := await read_all(ground, "log")):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    return records


async def cut(ground: Playground, topic: str, before: int) -> None:
    """Remove what stands before an offset, as a wrong cleanup.policy does; without one, Kafka
    refuses to do that to a compacted topic."""
    tp = TopicPartition(ground.name(topic), 0)
    policy = ConfigResource(ConfigResourceType.TOPIC, tp.topic, {"cleanup.policy": "delete"})
    await ground.admin.alter_configs([policy])
    async with asyncio.timeout(CLEANER_SECONDS):
        while True:
            try:
                await ground.admin.delete_records({tp: RecordsToDelete(before_offset=before)})
                return
            except PolicyViolationError:  # the new policy has not arrived yet
                await asyncio.sleep(0.1)


async def refusal(ground: Playground, **limits: Any) -> BaseException:
    """Start an engine that must not come up; returns why it did not."""
    engine = Engine(ground.settings(**ON_KAFKA, **limits), [stage(ground)])
    try:
        await engine.start()
        await until(lambda: engine.crash_reason is not None)
        reason = engine.crash_reason
        assert reason is not None
        return reason
    finally:
        await engine.stop()


async def test_a_compacted_changelog_gives_all_rows_and_no_deleted_one(ground: Playground) -> None:
    """The cleaner takes old versions and tombstones; a restore gives what was there."""
    limits = {**ON_KAFKA, "deleted_row_seconds": 0.0, "audit_seconds": 0.2}
    async with ground.running([stage(ground)], limits=limits) as engine:
        await feed(ground, [b"gone", b"a", b"b"])
        await feed(ground, [b"gone"], b"forget")
        await applied(engine, 3)
        for round_ in range(4):  # writes close the segments before them
            await feed(ground, [b"a", b"b"])
            await applied(engine, 5 + 2 * round_)
            await asyncio.sleep(1.1)
        left = await compacted(
            ground,
            lambda found: b"cgone" not in {record.key for record in found} and len(found) < 8,
        )
        assert counts_of(engine) == {b"a": 5, b"b": 5}
    assert left[0].offset > 0
    async with ground.running([stage(ground)], limits=ON_KAFKA) as engine:
        assert counts_of(engine) == {b"a": 5, b"b": 5}
        await feed(ground, [b"a"])
        await applied(engine, 12)
        assert counts_of(engine) == {b"a": 6, b"b": 5}


async def test_a_deleted_row_guards_its_offset_past_compaction(ground: Playground) -> None:
    """What a former owner writes late does not come back, although the cleaner ran in between."""
    async with ground.running([stage(ground)], limits=ON_KAFKA) as engine:
        await feed(ground, [b"gone", b"gone"])
        await feed(ground, [b"gone"], b"forget")
        await applied(engine, 2)
        for number in range(3):
            await feed(ground, [b"a"])
            await applied(engine, 3 + number)
            await asyncio.sleep(1.1)
        left = await compacted(
            ground, lambda found: sum(record.key == b"cgone" for record in found) == 1
        )
    guard = next(record for record in left if record.key == b"cgone")
    assert applied_of(guard.value) == 2
    late = seal(1, -1, msgspec.msgpack.encode(Count(2)))
    await ground.producer.send_and_wait(ground.name("log"), late, key=b"cgone", partition=0)
    async with ground.running([stage(ground)], limits=ON_KAFKA) as engine:
        assert counts_of(engine) == {b"a": 3}
    assert applied_of((await read_all(ground, "log"))[-1].value) == 2  # and it was mended


async def test_a_cut_changelog_is_refused_until_it_is_accepted(ground: Playground) -> None:
    """Removed rows are counted; the error names the topic; nothing is folded onto holes."""
    async with ground.running([stage(ground)], limits=ON_KAFKA) as engine:
        for number in range(4):
            await feed(ground, [b"k%d" % number])
            await applied(engine, number)
    await cut(ground, "log", before=2)
    reason = await refusal(ground)
    assert isinstance(reason, RowsMissingError)
    assert f"{ground.name('log')}/0: the newest batch speaks of 4 rows" in str(reason)
    accept = {**ON_KAFKA, "accept_missing_rows": True}
    async with ground.running([stage(ground)], limits=accept) as engine:
        assert counts_of(engine) == {b"k2": 1, b"k3": 1}


async def test_a_changelog_created_anew_is_folded_again(ground: Playground) -> None:
    """The source still has everything: the same rows again, and the same effects a second time."""
    async with ground.running([stage(ground)], limits=ON_KAFKA) as engine:
        await feed(ground, [b"a", b"b", b"a"])
        await applied(engine, 2)
    effects = [record.value for record in await read_all(ground, "in.out")]
    await ground.admin.delete_topics([ground.name("log")])
    await asyncio.sleep(1.0)
    await create_changelog(ground)
    async with ground.running([stage(ground)], limits=ON_KAFKA) as engine:
        await applied(engine, 2)
        assert counts_of(engine) == {b"a": 2, b"b": 1}
    assert [record.value for record in await read_all(ground, "in.out")] == 2 * effects


async def test_an_empty_changelog_beside_a_cut_source_is_refused(ground: Playground) -> None:
    """Neither of them can give the rows: say so instead of beginning with holes."""
    async with ground.running([stage(ground)], limits=ON_KAFKA) as engine:
        await feed(ground, [b"a", b"b", b"a"])
        await applied(engine, 2)
    await cut(ground, "in", before=2)
    await cut(ground, "log", before=await log_end(ground))
    reason = await refusal(ground)
    assert isinstance(reason, RowsMissingError)
    assert "source begins at 2" in str(reason)


async def log_end(ground: Playground) -> int:
    """Where the changelog ends."""
    return int((await read_all(ground, "log"))[-1].offset) + 1


async def test_rows_on_disk_survive_restarts_and_not_another_changelog(
    ground: Playground, tmp_path: Path
) -> None:
    """A restart reads a few records; on a changelog created anew the rows are wiped."""
    disk = {**ON_KAFKA, "state_store": "rocksdb", "state_dir": str(tmp_path)}
    keys = [b"k%d" % number for number in range(300)]
    async with ground.running([stage(ground)], limits={**disk, "max_records": 50}) as engine:
        await feed(ground, keys)
        await applied(engine, 299)
    again = Restores()
    async with ground.running([stage(ground)], again, limits=disk) as engine:
        assert counts_of(engine) == dict.fromkeys(keys, 1)
    assert sum(again.records) < 50
    await ground.admin.delete_topics([ground.name("log")])
    await asyncio.sleep(1.0)
    await create_changelog(ground)
    async with ground.running([stage(ground)], limits=disk) as engine:
        await applied(engine, 299)
        assert counts_of(engine) == dict.fromkeys(keys, 1)
    assert len({record.key for record in await read_all(ground, "log")}) == 300


async def test_killed_workers_with_rows_on_disk_lose_nothing(
    kafka: LocalKafka, tmp_path: Path
) -> None:
    """Lanes move between workers of one machine, over directories that outlive their owners."""
    environment = {"SESSION": "3", "MAX_RECORDS": "200", "STATE_DIR": str(tmp_path / "state")}
    async with Bench(
        kafka.bootstrap_servers, tmp_path, environment, idempotent=True, partitions=4, keys=500
    ) as bench:
        for name in ("one", "two"):
            bench.start(name)
        feeding = asyncio.create_task(bench.feed(KILLS * 2_000, per_second=800))
        for number in range(KILLS):
            await asyncio.sleep(2.5)
            bench.workers["one" if number % 2 else "two"].kill()
            await asyncio.sleep(0.1)
            bench.restart_the_dead()
        await feeding
        await bench.wait_until_done()
        await bench.stop_all()
        verdict = await bench.judge()
        assert verdict.wrong == {}
        assert verdict.rows_wrong_if_last_wins == 0
