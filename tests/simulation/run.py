"""One run: everything drawn from the seed, the story, and the verdict."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from random import Random

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from agents.intake.settings import IntakeSettings
from streams import topics
from streams.deadlines import DeadlineSettings
from tests.simulation.broker import Broker, Network
from tests.simulation.drawn import engine_settings
from tests.simulation.faults import CHANGELOGS, FAULTS, Fault, draw
from tests.simulation.group import Group
from tests.simulation.loop import BOOT, EPOCH, KilledError, Process, VirtualLoop, running
from tests.simulation.oracle import Durable, judge
from tests.simulation.records import JUDGED_SECONDS, POLICY, Publication, publications
from tests.simulation.redis import RedisServer
from tests.simulation.worker import Plant, SimulatedWorker, topics_of
from tests.simulation.world import Cluster, Trace

__all__ = ["Run"]

FEED_SECONDS = 6.0
HEAL_SECONDS = 12.0
"""When everything is mended."""
PATIENCE_SECONDS = 120.0
"""So long after that all must be read, judged and committed: the promise of liveness."""
QUIET_SECONDS = 5
"""Longer than the time between two audits of a changelog (3 s), and what they take."""
COMPACTION_LAG_SECONDS = 30.0
"""Longer than anybody is paused, as `min.compaction.lag.ms` must be."""


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
        self.settings = engine_settings(rng)
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
        judged = BOOT + max(HEAL_SECONDS, FEED_SECONDS + JUDGED_SECONDS)
        last = max(judged, self.network.quiet_from)
        await asyncio.sleep(last - self.loop.now)
        give_up = self.loop.now + PATIENCE_SECONDS
        quiet, before = 0, self._logged()
        while quiet < QUIET_SECONDS:
            await asyncio.sleep(1.0)
            waiting, now = self._unfinished(), self._logged()
            quiet, before = 0 if waiting or now != before else quiet + 1, now
            if waiting and self.loop.now > give_up:
                return f"not done {PATIENCE_SECONDS:.0f} s after everything was mended: {waiting}"
        return ""

    def _logged(self) -> list[int]:
        """Where the changelogs end: what a former owner writes last is mended after that."""
        return [log.end for tp, log in self.cluster.broker.logs.items() if tp.topic in CHANGELOGS]

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
            now_ms = int((self.loop.now - BOOT + EPOCH) * 1000)
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
