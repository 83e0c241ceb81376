"""One run: everything drawn from the seed, the story, and the verdict."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

import mode

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from agents.intake.settings import IntakeSettings
from streams import topics
from streams.deadlines import DeadlineSettings
from streams.engine import EngineSettings, clients, engine, failpoints
from tests.simulation.broker import Broker, Network
from tests.simulation.clocks import Clocks, installed
from tests.simulation.consumer import Admin, Consumer
from tests.simulation.faults import CHANGELOGS, FAULTS, Fault, draw
from tests.simulation.group import Group
from tests.simulation.loop import BOOT, KilledError, Process, Stuck, VirtualLoop, running
from tests.simulation.oracle import Durable, judge
from tests.simulation.producer import Producer
from tests.simulation.records import JUDGED_SECONDS, POLICY, Publication, publications
from tests.simulation.redis import RedisServer
from tests.simulation.worker import Plant, SimulatedWorker, topics_of
from tests.simulation.world import Cluster, Trace, present

__all__ = ["Outcome", "Run", "run_seed", "stage_set"]

FEED_SECONDS = 6.0
HEAL_SECONDS = 12.0
"""When everything is mended."""
PATIENCE_SECONDS = 120.0
"""So long after that all must be read, judged and committed: the promise of liveness."""
COMPACTION_LAG_SECONDS = 30.0
"""Longer than anybody is paused, as `min.compaction.lag.ms` must be."""


@dataclass
class Outcome:
    """What came of a seed."""

    seed: int
    problems: list[str]
    digest: str
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Virtual time it took."""
    callbacks: int = 0
    records: int = 0
    rebalances: int = 0
    replays: int = 0
    mended: int = 0
    lines: list[str] = field(default_factory=list)


@cache
def _rulebook() -> Rulebook:
    return Rulebook(Plan(parse_policy(POLICY, "simulation")), ComplaintRules())


class Run:
    """The world of one seed."""

    def __init__(
        self, seed: int, loop: VirtualLoop, *, keep_trace: bool, only: Sequence[str] = ()
    ) -> None:
        rng = Random(seed)
        self.loop = loop
        self.partitions = rng.choice([1, 2, 2, 3])
        intake = tuple(sorted(rng.sample(topics.INTAKE_TOPICS, rng.randint(1, 3))))
        self.settings = _engine_settings(rng)
        embedded = Random(seed + 4).random() < 0.15
        if embedded:  # no producer ids, and ends that are too low
            self.settings = replace(self.settings, idempotent=False, exact_end_offsets=False)
        self.input: Sequence[Publication] = publications(
            rng, rng.randint(5, 25), FEED_SECONDS, self.partitions, intake
        )
        self.faults = draw(rng, HEAL_SECONDS - 2.0, only)
        workers = rng.choice([1, 2, 2, 3])
        self.network = Network(loop, Random(seed + 1), rng.choice([0.001, 0.004, 0.02, 0.08]))
        broker = Broker(
            loop, self.network, topics_of(self.partitions, intake), COMPACTION_LAG_SECONDS
        )
        broker.tells_exact_ends = not embedded
        trace = Trace(loop, keep_trace)
        self.durable = Durable(intake)
        self.cluster = Cluster(
            loop,
            Random(seed + 2),
            broker,
            Group(broker, self.durable.committed),
            trace,
            watch_append=self.durable.appended,
        )
        self.plant = Plant(
            self.cluster,
            RedisServer(Random(seed + 3)),
            self.settings,
            DeadlineSettings(tick_seconds=2.0, least_seconds=1.0),
            _rulebook(),
            IntakeSettings(),
            intake,
            static=rng.random() < 0.25,
        )
        self.workers: list[SimulatedWorker] = []
        self.replays = self.mended = 0
        self.odd: list[str] = []
        self.healed = False
        self.clocks_agree = True
        """Whether no worker's clock was ever wrong."""
        self._armed: dict[Process, tuple[str, int]] = {}
        self._wanted = workers
        self._restart_seconds = rng.choice([0.1, 0.5, 3.0])
        self._count = 0

    # --- workers ---------------------------------------------------------------------------------

    def worker(self, fault: Fault) -> SimulatedWorker:
        """The worker a fault hits."""
        return self.workers[fault.worker % len(self.workers)]

    def add_worker(self) -> None:
        """Start one more, up to four."""
        if len(self.workers) < 4:
            self.workers.append(self._new_worker(f"w{len(self.workers) + 1}"))

    def _new_worker(self, name: str) -> SimulatedWorker:
        self._count += 1
        process = Process(f"{name}.{self._count}")
        worker = SimulatedWorker(self.plant, process)
        process.on_death = lambda: self._buried(worker)
        worker.boot()
        return worker

    def _buried(self, worker: SimulatedWorker) -> None:
        """What a supervisor does."""
        self.replays += worker.observer.skipped
        self.mended += worker.observer.mended
        self.odd += worker.odd
        if not self.closing:
            self.loop.at(self._restart_seconds, self._restart, worker)

    closing = False

    def _restart(self, dead: SimulatedWorker) -> None:
        if not self.closing:
            place = self.workers.index(dead)
            self.workers[place] = self._new_worker(f"w{place + 1}")

    def go_on(self, process: Process) -> None:
        """Wake a stopped process."""
        if process.stopped:
            self.cluster.trace.add(process, "goes on")
            self.loop.go_on(process)

    def arm(self, process: Process, place: str, passes: int) -> None:
        """Kill a process the so-many-th time it comes to a place."""
        self._armed[process] = (place, passes)

    def reached(self, place: str, stage: str = "") -> None:
        """A process comes to a failpoint."""
        process = running()
        if process is None or not process.alive:
            raise KilledError
        self.cluster.trace.add(process, place, stage)
        armed = self._armed.get(process)
        if armed is None or armed[0] != place:
            return
        self._armed[process] = (place, armed[1] - 1)
        if armed[1] == 1:
            self.cluster.trace.add(process, "killed", f"at {place}")
            self.loop.kill(process)
            raise KilledError

    def compact(self) -> None:
        """Compact the changelogs."""
        dropped = self.cluster.broker.compact(CHANGELOGS)
        self.cluster.trace.add("world", "compacted", dropped)

    # --- the story -------------------------------------------------------------------------------

    async def story(self) -> list[str]:
        """Feed, break, heal, wait, stop, judge; returns what is wrong."""
        broker = self.cluster.broker
        for each in self.input:
            self.loop.at(each.at, broker.publish, each.topic, each.partition, each.key, each.value)
        for _ in range(self._wanted):
            self.add_worker()
        for fault in self.faults:
            self.loop.at(fault.at, self._inflict, fault)
        await asyncio.sleep(HEAL_SECONDS)
        self._heal()
        if problem := await self._settle():
            return [problem, *self.odd, *self.loop.failures]
        await self._stop_all()
        return [*judge(self), *self.odd, *self.loop.failures]

    def _inflict(self, fault: Fault) -> None:
        self.cluster.trace.add("world", f"fault: {fault.kind}", fault.worker, f"{fault.size:.2f}")
        FAULTS[fault.kind](self, fault)

    def _heal(self) -> None:
        self.cluster.trace.add("world", "heals")
        self.network.down_until = self.network.loss = 0.0
        self.network.cut_until.clear()
        self.network.lost_answers_until.clear()
        self.cluster.refused_share = 0.0
        self.plant.redis.down_until = self.plant.redis.lost_answers = 0.0
        for log in self.cluster.broker.logs.values():
            log.led_from = 0.0
        self._armed.clear()
        self.healed = True
        for worker in self.workers:
            worker.process.die_after = 0
            worker.process.wall_ahead = 0.0
            self.go_on(worker.process)

    async def _settle(self) -> str:
        """Wait until everything is read and judged; what is missing if that never comes."""
        last = max(BOOT + HEAL_SECONDS, BOOT + FEED_SECONDS + JUDGED_SECONDS)
        await asyncio.sleep(last - self.loop.now)
        give_up = self.loop.now + PATIENCE_SECONDS
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(1.0)
            waiting = self._unfinished()
            quiet = 0 if waiting else quiet + 1
            if waiting and self.loop.now > give_up:
                return f"not done {PATIENCE_SECONDS:.0f} s after everything was mended: {waiting}"
        return ""

    def _unfinished(self) -> str:
        group, logs = self.cluster.group, self.cluster.broker.logs
        for topic in (*self.plant.intake_topics, topics.CUSTOMER_EVENTS):
            for tp, log in logs.items():
                if tp.topic == topic and group.offsets.get(tp, 0) < log.end:
                    return f"{tp.topic}/{tp.partition} ends at {log.end}, {group.offsets.get(tp)}"
        for worker in self.workers:
            if not worker.ready:
                return f"{worker.process} is not ready"
            assert worker.engine is not None
            now_ms = int((self.loop.now - BOOT) * 1000) + EPOCH_MS
            for lane in worker.engine.lanes.values():
                if (wake := lane.wakeups.next_at_ms()) is not None and wake <= now_ms - 1_000:
                    return f"{lane} has an overdue wake-up"
        return ""

    async def _stop_all(self) -> None:
        self.closing = True
        for worker in self.workers:
            worker.stopping.set()
        for _ in range(150):
            if not any(worker.process.alive for worker in self.workers):
                return
            await asyncio.sleep(0.2)


EPOCH_MS = 1_772_442_000_000


def _engine_settings(rng: Random) -> EngineSettings:
    return EngineSettings(
        bootstrap_servers="simulated",
        group_id="simulated",
        session_timeout_seconds=6.0,
        heartbeat_interval_seconds=1.5,
        rebalance_timeout_seconds=5.0,
        drain_seconds=rng.choice([1.0, 2.0]),
        lease_seconds=rng.choice([None, 0.0]),
        max_records=rng.choice([1, 3, 10, 50]),
        depth=rng.choice([1, 2, 2, 3]),
        poll_seconds=2.0,
        decoded_rows=rng.choice([1, 4, 1_000]),
        idempotent=rng.random() < 0.75,
        effect_batch_bytes=rng.choice([600, 1 << 19]),
        changelog_soft_bytes=rng.choice([4_000, 8 << 20]),
        request_timeout_seconds=rng.choice([3.0, 6.0]),
        ask_seconds=4.0,
        commit_seconds=rng.choice([0.3, 1.0]),
        audit_seconds=3.0,
        restoring_lanes=rng.choice([1, 2, 4]),
        restore_records=rng.choice([3, 5_000]),
        deleted_row_seconds=20.0,
        start_seconds=20.0,
        stall_seconds=rng.choice([5.0, 30.0]),
        hard_exit_seconds=0.0,
        tune_gc=False,
    )


@contextmanager
def stage_set() -> Iterator[Clocks]:
    """Put the invented clients and clocks where the engine finds its own, for many runs."""
    clocks = Clocks()
    fakes = {
        "AIOKafkaConsumer": Consumer,
        "LeanConsumer": Consumer,
        "AIOKafkaProducer": Producer,
        "AIOKafkaAdminClient": Admin,
    }
    before = {name: getattr(clients, name) for name in fakes if hasattr(clients, name)}
    if len(before) < 3:
        raise RuntimeError(f"streams/engine/clients.py has other clients than {set(fakes)}")
    reached = failpoints.reached
    for name in before:
        setattr(clients, name, fakes[name])
    try:
        with installed(clocks), _cheap_sleep():
            yield clocks
    finally:
        failpoints.reached = reached  # type: ignore[misc]
        for name, client in before.items():
            setattr(clients, name, client)


@contextmanager
def _cheap_sleep() -> Iterator[None]:
    """Spare what only costs: a task per `Service.sleep`, ten looks a second at the lease."""
    sleep, tick = mode.Service.sleep, engine._TICK_SECONDS

    async def sleep_or_stop(self: mode.Service, n: float) -> None:
        stopped = self._stopped
        if stopped.is_set():
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        stopped._waiters.append(waiter)
        timer = loop.call_later(n, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            stopped._waiters.remove(waiter)

    mode.Service.sleep = sleep_or_stop  # type: ignore[method-assign, assignment]
    engine._TICK_SECONDS = 0.5
    try:
        yield
    finally:
        mode.Service.sleep = sleep  # type: ignore[method-assign]
        engine._TICK_SECONDS = tick


def _wake(waiter: "asyncio.Future[bool]") -> None:
    if not waiter.done():
        waiter.set_result(False)


def run_seed(
    seed: int, clocks: Clocks, *, keep_trace: bool = False, only: Sequence[str] = ()
) -> Outcome:
    """Run one seed on a stage that is set; `only` faults of these kinds, if given."""
    loop = VirtualLoop()  # type: ignore[abstract]  # no sockets, no threads
    clocks.loop = loop
    run = Run(seed, loop, keep_trace=keep_trace, only=only)
    failpoints.reached = run.reached  # type: ignore[misc]
    present.append(run.cluster)
    try:
        problems = loop.run_world(run.story())
    except Stuck as error:
        problems = [f"stuck: {error}", *loop.failures]
    finally:
        present.pop()
    outcome = Outcome(
        seed,
        problems,
        run.cluster.trace.digest,
        Counter(fault.kind for fault in run.faults),
        loop.now - BOOT,
        loop.callbacks,
        len(run.input),
        run.cluster.group.rebalances,
        run.replays,
        run.mended,
        run.cluster.trace.lines,
    )
    loop.dispose()
    return outcome
