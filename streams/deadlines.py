"""Waking keys when their time has come, and not before everything that came earlier was read.

A row says when its key wants to be woken (`RecordBatch.put(…, wake_at_ms=…)`). A wake-up due at D
is fired when D has passed *and* this lane has read past D; then nothing can still arrive that
happened in time but was only waiting in a queue. Two things tell how far a lane has read:

- **read-through**, by wall clock: at T0 note where all upstream partitions end. Once the whole
  group has committed past those ends (or own lanes applied them), everything appended before T0 is
  downstream. Note where the lane's own partition ends then; once the lane has applied that, it has
  read through T0. With lag, deadlines are late by as much as the lag, and right.
- **the watermark**, by event time: only for a deadline that has waited long enough, because one
  partition that nobody can read must not silence every alarm. Then what this lane has seen counts,
  and evidence that comes later retracts.

So a lane that is catching up raises no false alarm, and an idle one fires by wall clock. Firing
means publishing one record to the lane's own source partition, under the woken key; what it means
is the step's decision. The step must move the wake-up time on, or the key stays silent until the
lane is restored again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import mode
from aiokafka.errors import KafkaError

from streams.engine import Effect, Engine, Lane, Stage, TopicPartition

__all__ = ["DeadlineService", "DeadlineSettings", "GroupReadThrough", "LaneReadThrough"]

log = logging.getLogger(__name__)

NOTHING_READ = -1
"""The instant before any: nothing is known to be read."""
MAX_SAMPLES = 64
"""Enough to follow a lag of a minute by the tick, and one of an hour by two minutes."""
LOOKS = 5
"""Looks at the own lanes for one question to the broker: they reach in between what it answered,
and looking costs nothing."""
OVERDUE_SHARE = 4
"""Who is overdue waits for records to be read: asking again after a quarter of that wait makes it a
quarter longer at most, and a long one is not spent asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSettings:
    """Limits of the deadline service. Durations in seconds."""

    tick_seconds: float = 1.0
    """How often to ask how far the group has read while nothing is due."""
    least_seconds: float = 0.05
    """The shortest rest between two questions: about how late a deadline is without lag."""
    max_fired_per_tick: int = 5_000
    """Per lane: a storm of due deadlines must leave room for records."""
    wait_seconds: float = 900.0
    """How long a due deadline waits for unread records, before event time decides."""
    out_of_orderness_seconds: float = 60.0
    """How far event time may run backwards in a lane; the watermark stays so far behind."""


class GroupReadThrough:
    """The latest instant such that all records appended upstream before it were processed.

    Pure: it is told the time, ends and committed offsets. It keeps a bounded number of samples at
    even distances, so that it follows a lag of any length: the longer, the more coarsely.
    """

    __slots__ = ("_passed", "_samples", "_stride", "through_ms")

    def __init__(self) -> None:
        self.through_ms = NOTHING_READ
        self._samples: list[tuple[int, Mapping[TopicPartition, int]]] = []
        self._stride = 1  # one in so many samples is kept
        self._passed = 0

    def sample(self, at_ms: int, ends: Mapping[TopicPartition, int]) -> None:
        """Note that the partitions ended at `ends` at some moment not before `at_ms`."""
        self._passed += 1
        if self._samples and self._passed < self._stride:
            return
        if len(self._samples) >= MAX_SAMPLES:
            del self._samples[1::2]
            self._stride *= 2
        self._samples.append((at_ms, ends))
        self._passed = 0

    def observe(self, reached: Callable[[TopicPartition, int], bool]) -> bool:
        """Ask `reached(partition, end)`; True when `through_ms` moved on."""
        before = self.through_ms
        while self._samples and all(reached(tp, end) for tp, end in self._samples[0][1].items()):
            self.through_ms = max(self.through_ms, self._samples.pop(0)[0])
        if self._stride > 1 and len(self._samples) < MAX_SAMPLES // 4:
            self._stride //= 2
        return self.through_ms > before


class LaneReadThrough:
    """The latest instant a lane has read through, given ends of its own partition to get to.

    Keeps the oldest unanswered end, so that a lane which is always a little behind still moves on,
    and the newest, so that it jumps when it has caught up.
    """

    __slots__ = ("_waiting", "since_ms", "through_ms")

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        """When the lane began."""
        self.through_ms = NOTHING_READ
        self._waiting: list[tuple[int, int]] = []  # (instant, end), at most two

    def expect(self, through_ms: int, end: int) -> None:
        """Once the lane has applied everything below `end`, it has read through `through_ms`."""
        del self._waiting[1:]
        self._waiting.append((through_ms, end))

    def observe(self, reached: Callable[[int], bool]) -> bool:
        """Ask `reached(end)` for what is waiting; True when `through_ms` moved on."""
        before = self.through_ms
        while self._waiting and reached(self._waiting[0][1]):
            self.through_ms = max(self.through_ms, self._waiting.pop(0)[0])
        return self.through_ms > before


def horizon_ms(
    now_ms: int, lane: LaneReadThrough, watermark_ms: int, limits: DeadlineSettings
) -> int:
    """Up to which wake-up time a lane may fire; -1 when nothing is known yet."""
    patience_ms = int(limits.wait_seconds * 1000)
    if watermark_ms < 0 or now_ms - lane.since_ms < patience_ms:
        return lane.through_ms
    by_events_ms = watermark_ms - int(limits.out_of_orderness_seconds * 1000)
    return max(lane.through_ms, min(by_events_ms, now_ms - patience_ms))


def rest_seconds(due_in_seconds: float | None, limits: DeadlineSettings) -> float:
    """How long to rest between two looks when the next wake-up is due in so long (or None is)."""
    if due_in_seconds is None or due_in_seconds > 0:
        return limits.tick_seconds
    return min(limits.tick_seconds, max(limits.least_seconds, -due_in_seconds / OVERDUE_SHARE))


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class DeadlineService(mode.Service):
    """Fires due wake-ups of the lanes of one stage. Add it to the app after the engine.

    `upstream` are the source topics whose records become records of this stage (read by the same
    consumer group). `encode(key, wake_at_ms, read_through_ms)` gives the value of the record to
    publish; it must be deterministic, because after a crash the same wake-up may fire again.
    """

    def __init__(
        self,
        engine: Engine,
        stage: Stage,
        upstream: Sequence[str],
        encode: Callable[[bytes, int, int], bytes],
        *,
        settings: DeadlineSettings | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        clock_ms: Callable[[], int] = _wall_clock_ms,
        on_fired: Callable[[Lane, Sequence[float]], None] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]  # beacon and loop, given by Faust
        self.engine = engine
        self.stage = stage
        self.upstream = tuple(upstream)
        self.settings = settings or DeadlineSettings()
        self._encode = encode
        self._headers = tuple(headers)
        self._clock_ms = clock_ms
        self._on_fired = on_fired
        self._group = GroupReadThrough()
        self._lanes: dict[Lane, LaneReadThrough] = {}
        self._looked_at_ms = NOTHING_READ
        engine.add_listener(self)

    # --- lanes come and go -----------------------------------------------------------------------

    async def on_restored(self, lane: Lane) -> None:
        """Begin to look after a lane; it has read nothing yet."""
        if lane.stage is self.stage:
            self._lanes[lane] = LaneReadThrough(self._clock_ms())

    async def on_revoked(self, lane: Lane) -> None:
        """Forget a lane: its next owner fires."""
        self._lanes.pop(lane, None)

    # --- what others may ask ---------------------------------------------------------------------

    def read_through_ms(self, lane: Lane) -> int:
        """The instant a lane has read through by wall clock; -1 when unknown."""
        tracker = self._lanes.get(lane)
        return NOTHING_READ if tracker is None else tracker.through_ms

    def overdue_seconds(self) -> dict[Lane, float]:
        """How long the earliest unfired wake-up of each lane has been due; 0 when none is."""
        now_ms = self._clock_ms()
        overdue: dict[Lane, float] = {}
        for lane in self._lanes:
            next_ms = lane.wakeups.next_at_ms()
            overdue[lane] = 0.0 if next_ms is None else max(0, now_ms - next_ms) / 1000
        return overdue

    # --- work ------------------------------------------------------------------------------------

    @mode.Service.task
    async def _ticker(self) -> None:
        rested = 0.0
        while not self.should_stop:
            try:
                rested = await self.rest_or_tick(rested)
            except Exception as error:
                if not self.engine.should_stop:  # else it is on its way down already
                    await self.engine.crash(error)
                return

    async def rest_or_tick(self, rested_seconds: float) -> float:
        """Rest, then tick if a wake-up has come due or it is time; returns how long it has rested.

        The lanes' own memory is looked at every `least_seconds`, because a batch may bring a
        wake-up that is nearer than all others, and more often while one is due; the broker is asked
        only when there is a reason.
        """
        due_in, least = self._due_in(), self.settings.least_seconds
        is_due = due_in is not None and due_in <= 0
        pause = least / LOOKS if is_due else min(due_in or least, least)
        await self.sleep(pause)
        rested = rested_seconds + pause
        if self.should_stop:
            return rested
        if rested < rest_seconds(self._due_in(), self.settings):
            await self.look()
            return rested
        await self.tick()
        return 0.0

    def _due_in(self) -> float | None:
        """Seconds until the next wake-up of all lanes, negative when it is overdue."""
        times = [at for lane in self._lanes if (at := lane.wakeups.next_at_ms()) is not None]
        return (min(times) - self._clock_ms()) / 1000 if times else None

    async def tick(self) -> int:
        """Move the read-through on and fire what is due; returns how many were fired."""
        if not self._lanes:
            return 0
        try:
            await self._read_through()
        except KafkaError as error:  # only questions so far: ask again, meanwhile nothing fires
            log.warning("cannot tell how far the group has read: %s", error)
        return await self._fire(list(self._lanes))

    async def look(self) -> int:
        """Fire for lanes that have read on to where the broker was asked for; how many fired."""
        if self._clock_ms() < self._looked_at_ms:  # set back: nothing counts before it was asked
            return 0
        moved = self._observe_lanes()
        return await self._fire(moved) if moved else 0

    async def _read_through(self) -> None:
        progress = self.engine.progress
        at_ms = self._clock_ms()  # before the ends: whatever was appended earlier is below them
        if at_ms < self._looked_at_ms:
            self._forget_times(self._looked_at_ms - at_ms)
        group, self._looked_at_ms = self._group, at_ms
        upstream = progress.partitions_of(self.upstream)
        group.sample(at_ms, await progress.end_offsets(upstream))
        done = await self._done_offsets(upstream)
        if group.observe(lambda tp, end: progress.has_reached(tp, done[tp], end)):
            own = {lane.tp: lane for lane in self._lanes}
            for tp, end in (await progress.end_offsets(own)).items():
                if (tracker := self._lanes.get(own[tp])) is not None:
                    tracker.expect(group.through_ms, end)
        self._observe_lanes()

    def _observe_lanes(self) -> list[Lane]:
        """Note how far the lanes have read by themselves; returns those that moved on."""
        has_reached = self.engine.progress.has_reached
        return [
            lane
            for lane, tracker in self._lanes.items()
            if tracker.observe(partial(has_reached, lane.tp, lane.next_offset))
        ]

    def _forget_times(self, by_ms: int) -> None:
        """The clock was set back: instants it told before may never have been, so nothing counts
        as read until it has been looked at again."""
        log.warning("the clock was set back by %.1f s; looking anew what is read", by_ms / 1000)
        self._group = GroupReadThrough()
        for lane in self._lanes:
            self._lanes[lane] = LaneReadThrough(self._clock_ms())

    async def _done_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Below which offsets everything is downstream: what the group has committed, and what own
        lanes have applied, which they know sooner than their commit."""
        lanes = self.engine.lanes
        done = {tp: lane.next_offset for tp in tps if (lane := lanes.get(tp)) is not None}
        if len(done) < len(tps):
            for tp, offset in (await self.engine.progress.group_offsets(self.upstream)).items():
                done[tp] = max(0, offset, done.get(tp, 0))
        return done

    async def _fire(self, lanes: Sequence[Lane]) -> int:
        """Wake what is due in these lanes, all at once; returns how many."""
        now_ms, effects = self._clock_ms(), list[Effect]()
        fired: list[tuple[Lane, Sequence[float]]] = []
        for lane in lanes:
            if lane.stopping or (tracker := self._lanes.get(lane)) is None:
                continue
            through_ms = horizon_ms(now_ms, tracker, lane.watermark_ms, self.settings)
            due = lane.wakeups.take_due(through_ms, self.settings.max_fired_per_tick)
            if not due:
                continue
            self._warn_of_unread(lane, sum(wake_ms > tracker.through_ms for _, wake_ms in due))
            effects += [self._wake(lane, key, wake_ms, through_ms) for key, wake_ms in due]
            fired.append((lane, [(now_ms - wake_ms) / 1000 for _, wake_ms in due]))
        if effects:
            await self.engine.publish(effects)
        if self._on_fired is not None:
            for lane, late_seconds in fired:
                self._on_fired(lane, late_seconds)
        return len(effects)

    def _wake(self, lane: Lane, key: bytes, wake_at_ms: int, through_ms: int) -> Effect:
        key = key[1:]  # without the table prefix
        value = self._encode(key, wake_at_ms, through_ms)
        return Effect(lane.topic, lane.partition, key, value, self._headers)

    def _warn_of_unread(self, lane: Lane, unread: int) -> None:
        if unread:
            log.warning(
                "%r: %d deadlines have waited %.0f s for records nobody reads; firing on what is "
                "known. Look at the lag of %s",
                lane,
                unread,
                self.settings.wait_seconds,
                ", ".join(self.upstream),
            )
