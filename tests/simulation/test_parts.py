"""The invented world keeps the rules of the real one, as far as the engine relies on them."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest
from aiokafka.errors import IllegalGenerationError, RequestTimedOutError, UnknownMemberIdError

from streams.engine import TopicPartition
from tests.simulation.broker import Broker, Connection, Draft, Network, PartitionLog
from tests.simulation.group import Group, Joined
from tests.simulation.loop import BOOT, Process, Stuck, VirtualLoop

TP = TopicPartition("t", 0)


def draft(key: bytes, value: bytes | None = b"v") -> Draft:
    """A record to append."""
    return key, value, (), 0


def a_loop() -> VirtualLoop:
    """A loop at the beginning of time."""
    return VirtualLoop()  # type: ignore[abstract]


def turn(loop: VirtualLoop, coro: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine of the world to its end."""
    try:
        return loop.run_world(coro)
    finally:
        loop.dispose()


def test_time_passes_only_while_everybody_waits() -> None:
    """An hour of sleep takes no time, and the clock shows it."""
    loop = a_loop()
    turn(loop, asyncio.sleep(3_600.0))
    assert loop.now == BOOT + 3_600.0


def test_nothing_to_wait_for_is_an_error() -> None:
    """A deadlock ends the run instead of hanging it."""
    loop = a_loop()

    async def wait_for_nothing() -> None:
        await loop.create_future()

    with pytest.raises(Stuck):
        turn(loop, wait_for_nothing())


def test_nothing_of_a_killed_process_runs() -> None:
    """Not even its `finally`, as with kill -9."""
    loop, process, said = a_loop(), Process("p"), []

    async def live() -> None:
        try:
            await asyncio.sleep(1.0)
            said.append("woke")
        finally:
            said.append("finally")

    async def story() -> list[str]:
        loop.spawn(process, live())
        await asyncio.sleep(0.5)
        loop.kill(process)
        await asyncio.sleep(5.0)
        return list(said)

    assert turn(loop, story()) == []


def test_a_stopped_process_finds_everything_waiting() -> None:
    """What became due while it was stopped runs when it goes on, in order."""
    loop, process, said = a_loop(), Process("p"), list[tuple[str, float]]()

    async def live() -> None:
        for name in ("one", "two"):
            await asyncio.sleep(1.0)
            said.append((name, loop.now - BOOT))

    async def story() -> None:
        loop.spawn(process, live())
        loop.at(0.5, loop.stop, process)
        loop.at(4.0, loop.go_on, process)
        await asyncio.sleep(9.0)

    turn(loop, story())
    assert said == [("one", 4.0), ("two", 5.0)]


def test_a_batch_sent_again_stands_in_the_log_once() -> None:
    """The broker knows an idempotent producer's sequence; without an id it appends twice."""
    log = PartitionLog(TP)
    assert [log.append([draft(b"a")], 0.0, producer=1, sequence=0) for _ in range(2)] == [0, 0]
    assert [log.append([draft(b"a")], 0.0) for _ in range(2)] == [1, 2]


def test_compaction_keeps_the_last_record_of_a_key() -> None:
    """Offsets stay, and what is younger than the lag stays whole."""
    log = PartitionLog(TP)
    for at, key in enumerate((b"a", b"b", b"a", b"a")):
        log.append([draft(key)], float(at))
    assert log.compact(before=3.0) == 1
    assert [record.offset for record in log.read(0, 9)] == [1, 2, 3]


def test_a_request_without_an_answer_may_have_been_done() -> None:
    """Its sender learns of a time-out only."""
    loop = a_loop()
    network = Network(loop, Random(0))
    process, done, heard = Process("p"), list[int](), list[Any]()
    network.lost_answers_until[process] = BOOT + 60.0

    def apply(answer: Callable[[Any], None]) -> None:
        done.append(1)
        answer("yes")

    async def story() -> None:
        Connection(network, process).request(apply, lambda _, error: heard.append(error))
        await asyncio.sleep(9.0)

    turn(loop, story())
    assert done == [1]
    assert [type(error) for error in heard] == [RequestTimedOutError]


def test_the_group_refuses_former_members() -> None:
    """Who was silent for its session, or is of an older generation, commits nothing."""
    loop = a_loop()
    group = Group(Broker(loop, Network(loop, Random(0)), {"t": 2}, 30.0))
    joined: list[Joined] = []

    async def story() -> None:
        for _ in range(2):
            group.join("", ["t"], (), -1, 6.0, 5.0, None, joined.append)
        await asyncio.sleep(1.0)
        one, two = joined
        assert {tp.partition for tp in (*one.assigned, *two.assigned)} == {0, 1}
        group.commit(one.member_id, one.generation, {TP: 3}, lambda _: None)
        with pytest.raises(IllegalGenerationError):
            group.commit(one.member_id, one.generation - 1, {TP: 9}, lambda _: None)
        await asyncio.sleep(20.0)
        with pytest.raises(UnknownMemberIdError):
            group.commit(one.member_id, one.generation, {TP: 9}, lambda _: None)

    turn(loop, story())
    assert group.offsets == {TP: 3}


def test_a_static_member_finds_its_partitions_again() -> None:
    """A restart within the session is no rebalance."""
    loop = a_loop()
    group = Group(Broker(loop, Network(loop, Random(0)), {"t": 2}, 30.0))
    joined: list[Joined] = []

    async def story() -> None:
        for _ in range(2):
            group.join("", ["t"], (), -1, 6.0, 5.0, "w1", joined.append)
            await asyncio.sleep(1.0)

    turn(loop, story())
    one, two = joined
    assert one.member_id != two.member_id
    assert (one.generation, one.assigned) == (two.generation, two.assigned)
