"""The service: one consumer group member and one producer, lanes that come and go, and commits."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import mode
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
)

from streams.engine.batch import Effect
from streams.engine.clients import (
    Rebalanced,
    TopicPartition,
    build_admin,
    build_consumer,
    build_producer,
    check_topics,
    describe_error,
    start_patiently,
)
from streams.engine.collector import tune
from streams.engine.errors import ConfigurationError, EngineError, LaneStalledError
from streams.engine.gathering import LOOK_SECONDS, Gathering
from streams.engine.lane import Lane
from streams.engine.lease import Lease, LoopGuard, hard_exit_after
from streams.engine.observer import EngineObserver, LaneListener
from streams.engine.offsets import Offsets
from streams.engine.ownership import OwnedLanes
from streams.engine.progress import Progress
from streams.engine.settings import EngineSettings
from streams.engine.shelves import Shelves
from streams.engine.stage import Stage
from streams.engine.writer import Writer

__all__ = ["Engine"]

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
_WATCH_SECONDS = 1.0
_STRIKES = 5  # looks in a row that must find the same before the watchdog acts


class Engine(mode.Service):
    """Runs stages: fetch, fold, publish, log, commit, each source partition in a lane of its own.

    A `mode.Service`, so it lives beside Faust: `app.service(engine)` in an app whose BootStrategy
    has `enable_kafka = False`. It starts after the agents and stops before them.
    """

    def __init__(
        self,
        settings: EngineSettings,
        stages: Sequence[Stage],
        observer: EngineObserver | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.stages = tuple(stages)
        self.observer = observer or EngineObserver()
        self.stage_of: dict[str, Stage] = {}
        for stage in self.stages:
            for topic in stage.topics:
                if topic in self.stage_of:
                    raise ConfigurationError(f"two stages read {topic}")
                self.stage_of[topic] = stage
        if not self.stage_of:
            raise ConfigurationError("an engine needs at least one stage")
        self.lease = Lease(settings.lease)
        self.consumer: Any = None
        self.producer: Any = None
        self.admin: Any = None
        self.writer: Writer
        self.progress: Progress
        """Where partitions end and how far the group has come."""
        self._owned = OwnedLanes(self)
        self._offsets = Offsets()
        self._listeners: list[LaneListener] = []
        self._refused_at: float | None = None
        self._strikes = 0
        self._connected = False
        self._assigned_once = False
        self._closing = False
        self._guard = LoopGuard(self.lease, settings.stall_seconds)
        self._hard_exit: Any = None

    # --- what others may ask ---------------------------------------------------------------------

    @property
    def lanes(self) -> Mapping[TopicPartition, Lane]:
        """The lanes this worker owns now, by source partition."""
        return self._owned.lanes

    @property
    def ready(self) -> bool:
        """Whether the group has given us lanes (or none) and all of them have their rows."""
        return (
            self._assigned_once
            and not self._closing
            and all(lane.restored and not lane.stopping for lane in self.lanes.values())
        )

    def add_listener(self, listener: LaneListener) -> None:
        """Tell `listener` when lanes get and lose their rows; add it before the engine starts."""
        self._listeners.append(listener)

    async def lag(self) -> dict[TopicPartition, int]:
        """Source records appended but not applied yet, for every lane of this worker."""
        lanes = dict(self.lanes)
        if not lanes:
            return {}
        ends = await self.progress.end_offsets(lanes)
        return {tp: max(0, ends[tp] - lane.next_offset) for tp, lane in lanes.items()}

    async def publish(self, effects: Sequence[Effect]) -> None:
        """Publish records outside of a batch and wait until they are acknowledged.

        Raises `EngineError` before the engine has started and once it stops.
        """
        if self._closing or not self._connected:
            raise EngineError("the engine is not running: nothing can be published now")
        await self.writer.publish(effects)

    # --- life ------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Connect, check the topics, join the group."""
        settings = self.settings
        self._open_channels()
        self.admin = build_admin(settings)
        await start_patiently("the engine", self.admin.start, settings.start_seconds)
        wanted = {
            stage.name: (*stage.topics, *([stage.changelog] if stage.changelog else []))
            for stage in self.stages
        }
        partitions = await check_topics(self.admin, wanted)
        self.producer = build_producer(settings)
        await start_patiently("the producer", self.producer.start, settings.start_seconds)
        self.writer = Writer(self.producer, settings, self.lease, partitions)
        self.consumer = build_consumer(settings)
        await start_patiently("the consumer", self.consumer.start, settings.start_seconds)
        await self._open_shelves()
        self.progress = Progress(settings, self.consumer, self.admin, partitions, self.lanes)
        self._connected = True
        tune(self.settings)
        self.lease.renew()
        self._guard.start()
        self.consumer.subscribe(
            list(self.stage_of), listener=Rebalanced(self._on_revoked, self._on_assigned)
        )

    async def _open_shelves(self) -> None:
        if self.settings.state_store != "memory":
            cluster = (await self.admin.describe_cluster()).get("cluster_id") or ""
            self._owned.shelves = shelves = Shelves(self.settings, cluster)
            await asyncio.to_thread(shelves.clean)

    def _open_channels(self) -> None:
        """Faust keeps channels shut until its own recovery is done, which never runs here.

        Opening also clears every queue, so it happens once and before the first batch.
        """
        apps = {id(app): app for stage in self.stages if (app := _app_of(stage)) is not None}
        for app in apps.values():
            app.flow_control.resume()

    async def on_stop(self) -> None:
        """Finish what is in flight (bounded), commit it, leave the group."""
        self._closing = True
        self._guard.stop()
        await self._release_lanes()
        self._owned.close()
        for client in (self.consumer, self.producer, self.admin):
            if client is None:
                continue
            close = client.close if client is self.admin else client.stop
            try:
                await asyncio.wait_for(close(), self.settings.drain_seconds)
            except Exception as error:  # we leave anyway; what was not committed is replayed
                log.warning("closing a Kafka client: %r", error)

    async def on_shutdown(self) -> None:
        """The orderly stop did not hang."""
        if self._hard_exit is not None:
            self._hard_exit.cancel()

    async def crash(self, reason: BaseException) -> None:
        """Stop the whole worker; what was not acknowledged is not committed."""
        if self.settings.hard_exit_seconds and self._hard_exit is None:
            self._hard_exit = hard_exit_after(self.settings.hard_exit_seconds)
        for lane in self.lanes.values():
            lane.stopping = True
        self.observer.crashed(type(reason).__name__)
        await super().crash(reason)

    # --- membership ------------------------------------------------------------------------------

    async def _on_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        try:
            await self._release_lanes()
        except Exception as error:  # aiokafka would swallow it
            await self.crash(error)

    def _on_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Create lanes and return at once: no restore in here, heartbeats have not started yet."""
        if self._closing:  # a rebalance while we stop must not start lanes on a closed consumer
            return
        try:
            self._start_lanes(sorted(assigned))
        except Exception as error:
            task = asyncio.ensure_future(self.crash(error))
            self.add_future(_observe(task))

    def _start_lanes(self, assigned: Sequence[TopicPartition]) -> None:
        self._offsets.start_over()
        self._refused_at = None
        self.lease.renew()
        self._owned.take(assigned)
        self._assigned_once = True
        self.observer.assigned(len(assigned))
        for lane in list(self.lanes.values()):
            lane.start()

    async def restore_lane(self, lane: Lane) -> None:
        """Make the rows of a lane complete, then tell the listeners."""
        if lane.changelog is not None:
            await self._owned.restore(lane.changelog)
        for listener in self._listeners:
            await listener.on_restored(lane)

    def lane_restored(self, lane: Lane) -> None:
        """Called by a lane that has its rows; freezes them once all lanes have theirs."""
        log.info("%r is ready, %d rows", lane, len(lane.state.sealed))
        if self.ready:
            tune(self.settings)

    async def _release_lanes(self) -> None:
        """Drain all lanes (bounded), commit, tell listeners, drop rows."""
        lanes = await self._owned.drain()
        await self.commit()
        self._offsets.forget_released()
        self._owned.keep_rows(lanes)
        for lane in lanes:
            for listener in self._listeners:
                await listener.on_revoked(lane)

    # --- offsets ---------------------------------------------------------------------------------

    def release_offset(self, lane: Lane, offset: int) -> None:
        """Everything of this lane below `offset` is done: the next commit may say so."""
        self._offsets.release(lane.tp, offset)

    async def commit(self) -> None:
        """Commit what barriers have released."""
        started = time.perf_counter()
        try:
            offsets = await self._offsets.commit(self.consumer)
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError) as error:
            self._commit_refused(error)
            return
        if offsets:
            self.observer.committed(
                {(tp.topic, tp.partition): offset for tp, offset in offsets.items()},
                time.perf_counter() - started,
            )

    def _commit_refused(self, error: Exception) -> None:
        """We are not the owner any more: forget; replay is harmless. A rebalance follows."""
        log.warning("commit refused, lanes stop until the next assignment: %r", error)
        for lane in self.lanes.values():
            lane.stopping = True
        self._offsets.forget_released()
        self._refused_at = time.monotonic()
        self.observer.commit_refused(type(error).__name__)

    # --- background ------------------------------------------------------------------------------

    async def _repeat(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        while not self.should_stop:
            await self.sleep(seconds)
            if not self.should_stop:
                await action()

    @mode.Service.task
    async def _committer(self) -> None:
        await self._repeat(self.settings.commit_seconds, self.commit)

    @mode.Service.task
    async def _lease_keeper(self) -> None:
        while not self.should_stop:
            self.lease.tick()
            await asyncio.sleep(_TICK_SECONDS)

    @mode.Service.task
    async def _gatherer(self) -> None:
        await self._repeat(LOOK_SECONDS, Gathering(self.settings, self.consumer).adjust)

    @mode.Service.task
    async def _auditor(self) -> None:
        await self._repeat(self.settings.audit_seconds, self._audit)

    async def _audit(self) -> None:
        """Ask where our changelogs end: an idle owner would not notice a foreign write."""
        changelogs = self._owned.audited()
        if not changelogs:
            return
        try:
            ends = await self.progress.end_offsets([changelog.tp for changelog in changelogs])
            for changelog in changelogs:
                if self._owned.changelogs.get(changelog.tp) is changelog:
                    await changelog.audit(ends[changelog.tp])
        except KafkaError as error:  # nothing depends on it now: look again in a while
            log.warning("changelogs could not be audited: %s", describe_error(error))

    @mode.Service.task
    async def _watchdog(self) -> None:
        await self._repeat(_WATCH_SECONDS, self._watch)

    async def _watch(self) -> None:
        """Stop a worker that makes no progress: a fresh one is better than a silent one."""
        # A process that was suspended finds everything old when it wakes: give it a moment.
        self._strikes = self._strikes + 1 if (stalled := self._stalled()) else 0
        if stalled and self._strikes >= _STRIKES:
            await self.crash(LaneStalledError(stalled))

    def _stalled(self) -> str:
        """What has made no progress for `stall_seconds`, in words; empty when all is well."""
        now, bound = time.monotonic(), self.settings.stall_seconds
        for lane in self.lanes.values():
            if (age := lane.oldest_seconds(now)) > bound:
                return (
                    f"{lane!r} has had a batch unfinished for {age:.0f} s; is its agent running, "
                    "does the broker answer?"
                )
        for what, since in (
            ("offsets uncommitted", self._offsets.due_since),
            ("no new assignment after a refused commit", self._refused_at),
        ):
            if since is not None and now - since > bound:
                return f"{what} for {now - since:.0f} s; check the group"
        return ""


def _app_of(stage: Stage) -> Any:
    """The Faust app behind a channel, None for other channels."""
    return getattr(stage.channel, "app", None)


async def _observe(task: "asyncio.Future[None]") -> None:
    await task
