"""Deadlines fire when they are due and everything that came earlier was read; not before."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deadlines import (
    MAX_SAMPLES,
    DeadlineService,
    DeadlineSettings,
    GroupReadThrough,
    LaneReadThrough,
    horizon_ms,
    rest_seconds,
)
from streams.engine import Effect, Engine, Lane, TopicPartition
from streams.engine.envelope import NEVER, seal
from streams.engine.rows import LaneRows
from tests.engine.fakes import stage_of

STAGE = stage_of("events")
UPSTREAM = [TopicPartition("channel", 0), TopicPartition("channel", 1)]
LANE = TopicPartition("events", 0)


class FakeLane:
    """A lane whose progress is moved by hand."""

    def __init__(self) -> None:
        self.stage, self.topic, self.partition, self.tp = STAGE, "events", 0, LANE
        self.state = LaneRows(10)
        self.wakeups = self.state.wakeups
        self.next_offset, self.watermark_ms, self.stopping = 0, -1, False

    def wake(self, key: bytes, at_ms: int) -> None:
        """Put a row that wants to be woken."""
        self.state.apply({b"r" + key: seal(0, at_ms, b"x")}, {}, 0)


class World:
    """Two upstream partitions, an intake, one lane and a clock: a model of the whole pipeline."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.appended: list[list[int]] = [[], []]  # per upstream partition: when each came
        self.committed = [0, 0]
        self.events: list[int] = []  # in the lane's partition: when their upstream record came
        self.lane = FakeLane()
        self.published: list[Effect] = []
        self.broken = False
        self.progress = self
        self.late: list[float] = []
        self.lanes: dict[TopicPartition, Any] = {}  # of this worker, upstream's included
        self.asked = 0

    # --- what the deadline service asks the engine -----------------------------------------------

    def add_listener(self, _listener: object) -> None:
        """Nothing comes or goes by itself."""

    def partitions_of(self, topics: Sequence[str]) -> list[TopicPartition]:
        """The upstream partitions."""
        return UPSTREAM if topics else []

    async def end_offsets(self, tps: Any) -> dict[TopicPartition, int]:
        """Ends now."""
        self.asked += 1
        if self.broken:
            raise KafkaConnectionError("gone")
        ends = {tp: len(self.appended[tp.partition]) for tp in UPSTREAM}
        ends[LANE] = len(self.events)
        return {tp: ends[tp] for tp in tps}

    async def group_offsets(self, _topics: object) -> dict[TopicPartition, int]:
        """Committed offsets; -1 before the first commit."""
        return {tp: self.committed[tp.partition] or -1 for tp in UPSTREAM}

    def has_reached(self, _tp: TopicPartition, offset: int, end: int) -> bool:
        """An exact broker."""
        return offset >= end

    async def publish(self, effects: Sequence[Effect]) -> None:
        """Remember."""
        self.published += effects

    async def crash(self, reason: BaseException) -> None:
        """Nobody must come here."""
        raise reason

    # --- what happens ----------------------------------------------------------------------------

    def append(self, partition: int) -> None:
        """A channel publishes."""
        self.appended[partition].append(self.now_ms)

    def intake(self, partition: int, commit: bool = True) -> None:
        """Intake moves everything of a partition on, and commits it or not yet."""
        done = self.committed[partition]
        self.events += self.appended[partition][done:] if commit else []
        if commit:
            self.committed[partition] = len(self.appended[partition])

    def apply(self, count: int) -> None:
        """The lane applies some events."""
        self.lane.next_offset = min(len(self.events), self.lane.next_offset + count)

    def applied_everything_before(self, at_ms: int) -> bool:
        """Whether every record appended before an instant is in the lane's rows."""
        applied = sum(at < at_ms for at in self.events[: self.lane.next_offset])
        return applied == sum(at < at_ms for part in self.appended for at in part)

    def service(self, **limits: float) -> DeadlineService:
        """The service on this world."""
        return DeadlineService(
            cast(Engine, self),
            STAGE,
            ["channel"],
            lambda key, wake, through: b"%s %d" % (key, wake),
            settings=DeadlineSettings(**limits),  # type: ignore[arg-type]
            clock_ms=lambda: self.now_ms,
            on_fired=lambda _lane, late: self.late.extend(late),
            headers=(("kind", b"deadline"),),
        )

    async def started(self, **limits: float) -> DeadlineService:
        """The service with its lane restored."""
        service = self.service(**limits)
        await service.on_restored(cast(Lane, self.lane))
        return service

    def fired(self) -> list[bytes]:
        """What was published so far."""
        return [effect.value or b"" for effect in self.published]


async def test_an_idle_lane_fires_by_wall_clock() -> None:
    """Without any traffic a deadline fires when its time has come, to its own partition."""
    world = World()
    service = await world.started()
    world.lane.wake(b"ann", 1_500)
    await service.tick()
    assert world.fired() == []
    world.now_ms = 1_500
    await service.tick()
    (effect,) = world.published
    assert effect == Effect("events", 0, b"ann", b"ann 1500", (("kind", b"deadline"),))
    assert world.late == [0.0]
    world.now_ms = 9_000
    await service.tick()
    assert len(world.published) == 1


class Clock:
    """Runs the service by itself: its sleep moves the world's time, at once."""

    def __init__(self, world: World, service: DeadlineService) -> None:
        self.world, self.service = world, service
        vars(service)["sleep"] = self._sleep
        self._rested = 0.0

    async def _sleep(self, seconds: float | object) -> None:
        assert isinstance(seconds, float)
        assert seconds > 0, "a loop that never sleeps burns a core"
        self.world.now_ms += max(1, round(seconds * 1000))

    async def run(self, until_ms: int) -> None:
        """Until so late."""
        while self.world.now_ms < until_ms:
            self._rested = await self.service.rest_or_tick(self._rested)


async def test_a_deadline_fires_when_it_is_due_not_at_the_next_tick() -> None:
    """However slow the tick: the service wakes with the wake-up, and a rest apart of each other."""
    world = World()
    service = await world.started(tick_seconds=10.0, least_seconds=0.05)
    for number in range(100):
        world.lane.wake(b"k%02d" % number, 2_000 + 7 * number)
    await Clock(world, service).run(until_ms=4_000)
    assert len(world.published) == 100
    assert max(world.late) <= 0.05
    assert world.late[0] == 0.0


async def test_a_wake_up_that_comes_while_the_service_rests_is_not_late() -> None:
    """A batch may bring a wake-up that is nearer than the one the service was waiting for."""
    world = World()
    service = await world.started(tick_seconds=10.0, least_seconds=0.05)
    clock = Clock(world, service)
    world.lane.wake(b"far", 9_000)
    await clock.run(until_ms=3_000)
    world.lane.wake(b"near", world.now_ms + 60)
    await clock.run(until_ms=5_000)
    assert world.fired() == [b"near 3060"]
    assert max(world.late) <= 0.05


async def test_nothing_due_asks_the_broker_once_a_tick() -> None:
    """Looking at the lanes' own memory is free; questions to the broker are not."""
    world = World()
    service = await world.started(tick_seconds=1.0, least_seconds=0.05)
    world.lane.wake(b"ann", 10**9)
    await Clock(world, service).run(until_ms=61_000)
    assert world.asked <= 2 * 60


def test_who_waits_long_asks_rarely() -> None:
    """An overdue wake-up waits for records to be read; asking adds a quarter at most."""
    limits = DeadlineSettings(tick_seconds=1.0, least_seconds=0.05)
    assert rest_seconds(None, limits) == rest_seconds(0.01, limits) == 1.0
    assert rest_seconds(0.0, limits) == rest_seconds(-0.2, limits) == 0.05
    assert rest_seconds(-2.0, limits) == 0.5
    assert rest_seconds(-3_600.0, limits) == 1.0


async def test_own_lanes_are_known_before_their_commit() -> None:
    """What this worker has applied is downstream, whether or not the commit is out."""
    world = World()
    service = await world.started()
    world.append(0)
    world.append(1)
    world.lane.wake(b"ann", 1_000)
    world.intake(0)
    world.intake(1)
    world.apply(2)
    world.committed = [0, 0]  # the commit is on its way
    assert await service.tick() == 0
    world.lanes = {tp: SimpleNamespace(next_offset=1) for tp in UPSTREAM[:1]}
    assert await service.tick() == 0  # the other partition is another worker's
    world.lanes = {tp: SimpleNamespace(next_offset=1) for tp in UPSTREAM}
    assert await service.tick() == 1


async def test_unread_upstream_records_hold_a_deadline_back() -> None:
    """A reply that is still in a queue must not become a false alarm."""
    world = World()
    service = await world.started()
    world.append(1)
    world.lane.wake(b"ann", 1_500)
    world.now_ms = 2_000
    await service.tick()
    assert world.fired() == []
    world.intake(1)
    await service.tick()
    assert world.fired() == []  # it is in the lane's partition now, but not in its rows
    world.apply(1)
    world.now_ms = 2_100
    await service.tick()
    await service.tick()
    assert world.fired() == [b"ann 1500"]


async def test_a_partition_nobody_reads_does_not_silence_alarms_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After a while event time decides, minus the out-of-orderness; and it is said aloud."""
    world = World()
    service = await world.started(wait_seconds=900, out_of_orderness_seconds=60)
    world.append(0)  # and nobody ever reads it
    world.lane.wake(b"ann", 100_000)
    world.lane.wake(b"bob", 100_001)
    world.lane.watermark_ms = 160_000
    world.now_ms = 900_000
    await service.tick()
    assert world.fired() == []
    world.now_ms = 1_001_000
    await service.tick()
    assert world.fired() == [b"ann 100000"]
    assert "Look at the lag of channel" in caplog.text
    world.lane.watermark_ms = 10**9  # an event that claims to come from the future
    world.lane.wake(b"eve", 101_001)
    await service.tick()
    assert world.fired() == [b"ann 100000", b"bob 100001"]


def test_event_time_counts_only_for_what_has_waited() -> None:
    """Not in the first minutes of a lane, and never beyond the present minus the patience."""
    limits = DeadlineSettings(wait_seconds=10, out_of_orderness_seconds=1)
    lane = LaneReadThrough(since_ms=50_000)
    lane.through_ms = 52_000
    assert horizon_ms(59_999, lane, 10**9, limits) == 52_000
    assert horizon_ms(70_000, lane, 10**9, limits) == 60_000
    assert horizon_ms(70_000, lane, 58_000, limits) == 57_000
    assert horizon_ms(70_000, lane, 10_000, limits) == 52_000
    assert horizon_ms(70_000, lane, -1, limits) == 52_000


def test_a_steady_lag_is_followed_closely() -> None:
    """Each tick moves on by about a tick, however long the lag; samples stay bounded."""
    group = GroupReadThrough()
    lag = 500
    for at in range(4_000):
        group.sample(at, {UPSTREAM[0]: at})
        group.observe(lambda _tp, end, at=at: at - lag >= end)  # type: ignore[misc]
        assert len(group._samples) <= MAX_SAMPLES
        if at > 2 * lag:
            assert lag <= at - group.through_ms <= lag + 4 * lag // MAX_SAMPLES + 1
    for at in range(4_000, 4_020):  # it has caught up: by the tick again
        group.sample(at, {UPSTREAM[0]: at})
        group.observe(lambda _tp, _end: True)
    assert group.through_ms == 4_019


async def test_a_storm_is_spread_over_ticks() -> None:
    """Each tick fires at most so many, earliest first."""
    world = World()
    service = await world.started(max_fired_per_tick=10)
    for number in range(25):
        world.lane.wake(b"k%02d" % number, 100 + number)
    assert [await service.tick() for _ in range(4)] == [10, 10, 5, 0]
    assert world.fired() == [b"k%02d %d" % (number, 100 + number) for number in range(25)]


async def test_a_lost_lane_fires_nothing() -> None:
    """After a rebalance the next owner fires."""
    world = World()
    service = await world.started()
    world.lane.wake(b"ann", 100)
    await service.on_revoked(cast(Lane, world.lane))
    assert await service.tick() == 0
    await service.on_restored(cast(Lane, world.lane))
    world.lane.stopping = True
    assert await service.tick() == 0


async def test_a_broker_that_does_not_answer_delays_only() -> None:
    """Questions are asked again; nothing fires on a guess, nothing is lost."""
    world = World()
    service = await world.started()
    world.lane.wake(b"ann", 100)
    world.broken = True
    assert await service.tick() == 0
    world.broken = False
    assert await service.tick() == 1


async def test_what_is_overdue_can_be_seen() -> None:
    """The earliest wanted wake-up tells how late a lane is."""
    world = World()
    service = await world.started()
    world.append(0)
    assert list(service.overdue_seconds().values()) == [0.0]
    world.lane.wake(b"ann", 1_500)
    world.now_ms = 4_500
    await service.tick()
    assert list(service.overdue_seconds().values()) == [3.0]
    assert service.read_through_ms(cast(Lane, world.lane)) == -1


def test_a_lane_that_is_always_behind_still_moves_on() -> None:
    """The oldest end waited for is kept while newer ones replace each other."""
    lane = LaneReadThrough(since_ms=0)
    for at in range(1, 6):
        lane.expect(at * 100, at * 10)
    lane.observe(lambda end: end <= 10)
    assert lane.through_ms == 100
    lane.expect(600, 60)
    lane.observe(lambda end: end <= 55)
    assert lane.through_ms == 500
    lane.observe(lambda end: end <= math.inf)
    assert lane.through_ms == 600


moves = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 1)),
        st.tuples(st.just("intake"), st.integers(0, 1)),
        st.tuples(st.just("apply"), st.just(1)),
        st.tuples(st.just("pass"), st.integers(1, 20)),
        st.tuples(st.just("wake"), st.integers(0, 20)),
        st.tuples(st.just("tick"), st.just(0)),
    ),
    min_size=10,
    max_size=60,
)


@settings(max_examples=300)
@given(moves)
async def test_nothing_fires_before_all_that_came_earlier_is_applied(
    script: list[tuple[str, int]],
) -> None:
    """In any interleaving: what fires was due and its lane had read past it; none is lost."""
    world = World()
    service = await world.started()
    wanted: dict[bytes, int] = {}
    for number, (move, amount) in enumerate(script):
        if move == "append":
            world.append(amount)
        elif move == "intake":
            world.intake(amount)
        elif move == "apply":
            world.apply(amount)
        elif move == "pass":
            world.now_ms += amount
        elif move == "wake":
            key = b"k%d" % number
            wanted[key] = world.now_ms + amount
            world.lane.wake(key, wanted[key])
        else:
            before = len(world.published)
            await service.tick()
            for effect in world.published[before:]:
                at_ms = wanted[effect.key or b""]
                assert at_ms <= world.now_ms
                assert world.applied_everything_before(at_ms)
    for partition in (0, 1):
        world.intake(partition)
    world.apply(1_000)
    world.now_ms += 1_000
    await service.tick()  # may still wait for an older sample
    await service.tick()
    assert sorted(effect.key or b"" for effect in world.published) == sorted(wanted)
    assert NEVER not in wanted.values()
