"""Reading in bulk: the same records as aiokafka's own way, and the same positions."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded import EmbeddedServices
from streams.engine import TopicPartition
from streams.engine.lean import LeanConsumer, _Fetched
from tests.engine.local import Playground

TP = TopicPartition("source", 0)


def record_batch(base: int, count: int, *, control: bool = False, holes: int = 0) -> bytearray:
    """A record batch as the broker sends it; the last `holes` records were compacted away."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for number in range(count):
        key = b"\0\0\0\1" if control else b"k%d" % (base + number)
        builder.append(number, 7_000, key, b"v" * number, [("h", b"x")] if number % 2 else [])
    found: bytearray = builder.build()
    found[0:8] = base.to_bytes(8, "big")
    if control or holes:
        found[21:23] = (0x20 if control else 0).to_bytes(2, "big")
        found[23:27] = (count + holes - 1).to_bytes(4, "big")
    return found


class State:
    """A partition's position, as the consumer keeps it."""

    paused = False

    def __init__(self, position: int) -> None:
        self.position = position

    def consumed_to(self, position: int) -> None:
        """Go on from there."""
        self.position = position


def fetched(
    data: bytes, position: int, *, lean: bool, check_crcs: bool = False
) -> tuple[Any, State]:
    """A fetch result of these batches, drained lean or not, and the state it moves."""
    state = State(position)
    assignment = SimpleNamespace(active=True, state_value=lambda _tp: state)
    records = PartitionRecords(
        TP, MemoryRecords(bytes(data)), [], position, None, None, check_crcs, 0
    )
    result = FetchResult(TP, assignment=assignment, partition_records=records, backoff=0)
    if lean:
        _Fetched()[TP] = result
    return result, state


def drain(result: Any, state: State, steps: list[int]) -> list[Any]:
    """What some calls give: the records and the position after each."""
    seen: list[Any] = []
    for wanted in [*steps, None, None]:
        if not result.has_more():
            break
        found = result.getall(wanted)
        seen.append([(r.offset, r.key, r.value, r.timestamp, tuple(r.headers)) for r in found])
        if not found:
            seen.pop()
    return [[one for part in seen for one in part], state.position]


batches = st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.integers(0, 3)), max_size=5)


@given(batches, st.lists(st.integers(1, 9), max_size=6), st.integers(0, 4))
def test_records_and_positions_are_those_of_aiokafka(
    shape: list[tuple[int, bool, int]], steps: list[int], skip: int
) -> None:
    """Whatever batches, markers, holes and step sizes: nothing is lost, added or repeated."""
    data, base = bytearray(), 0
    for count, control, holes in shape:
        data += record_batch(base, 1 if control else count, control=control, holes=holes)
        base += (1 if control else count) + holes
    skip = min(skip, base)
    ours = drain(*fetched(bytes(data), skip, lean=True), steps)
    assert ours == drain(*fetched(bytes(data), skip, lean=False), steps)


def test_a_broken_batch_is_not_passed_over() -> None:
    """It raises, and the next call gives the result back so that it is fetched again."""
    broken = record_batch(3, 3)
    broken[-1] ^= 0xFF
    data = bytes(record_batch(0, 3) + broken + record_batch(6, 3))
    result, state = fetched(data, 0, lean=True, check_crcs=True)
    assert len(result.getall(3)) == 3
    with pytest.raises(CorruptRecordException):
        result.getall(10)
    assert result.getall(10) == []
    assert (result.has_more(), state.position) == (False, 3)


def test_what_was_fetched_goes_without_the_collector() -> None:
    """A worker collects rarely; megabytes must not wait for it, read to the end or not."""
    for steps in ([], [1], [10]):
        result, _ = fetched(bytes(record_batch(0, 3)), 0, lean=True)
        for wanted in steps:
            result.getall(wanted)
        gone = weakref.ref(result)
        records = weakref.ref(result.getall.__self__._records)
        gc.disable()
        try:
            del result
            assert gone() is None
            assert records() is None
        finally:
            gc.enable()


def test_a_result_of_an_assignment_that_is_over_gives_nothing() -> None:
    """After a seek or a rebalance what was fetched before is dropped."""
    result, state = fetched(bytes(record_batch(0, 3)), 0, lean=True)
    state.position = 9
    assert (result.getall(10), state.position) == ([], 9)


@pytest.mark.integration
async def test_a_broker_gives_the_same_both_ways(embedded: EmbeddedServices) -> None:
    """With a real fetcher: same records, and `read_committed` is left to aiokafka."""
    async with Playground(embedded.bootstrap_servers) as play:
        await play.create("source", partitions=1)
        for number in range(50):
            await play.send("source", b"k%d" % number, b"v" * number)
        seen = []
        kinds: list[tuple[Any, dict[str, str]]] = [
            (AIOKafkaConsumer, {}),
            (LeanConsumer, {}),
            (LeanConsumer, {"isolation_level": "read_committed"}),
        ]
        for kind, options in kinds:
            consumer = kind(bootstrap_servers=play.broker, auto_offset_reset="earliest", **options)
            await consumer.start()
            tp = TopicPartition(play.name("source"), 0)
            consumer.assign([tp])
            found: list[Any] = []
            while len(found) < 50:
                got = await consumer.getmany(tp, timeout_ms=500, max_records=7)
                found += got.get(tp, [])
                assert await consumer.position(tp) == len(found)
            await consumer.stop()
            seen.append([(each.offset, each.key, each.value) for each in found])
        assert seen[0] == seen[1] == seen[2]
