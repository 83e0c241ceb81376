"""One simulated worker: the real engine, pipelines and deadline service on invented ground.

Left out of a real worker: Faust's app and channel (a queue stands there: batches go in, the same
agents take them out), views, notifier and web, which stand behind the barrier. Tests on the
embedded broker and on Apache Kafka cover those.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import mode
from aiokafka.errors import KafkaError

from agents.complaints.settle import Rulebook
from agents.intake.settings import IntakeSettings
from streams import topics, topology
from streams.deadlines import DeadlineService, DeadlineSettings
from streams.engine import Engine, EngineError, EngineObserver, EngineSettings, Lane, Stage
from streams.engine.lease import Lease
from streams.pipeline.customers import CustomerPipeline, encode_deadline
from streams.pipeline.intake import IntakePipeline
from streams.pipeline.views import LiveViews
from tests.simulation.identity import SimulatedIdentities
from tests.simulation.loop import KilledError, Process
from tests.simulation.redis import RedisServer
from tests.simulation.world import Cluster

__all__ = ["Plant", "SimulatedWorker", "topics_of"]

EXIT_SECONDS = 15.0
"""An orderly stop after a crash that takes longer ends by force, as `hard_exit_seconds` does."""


EXPECTED = (KafkaError, EngineError)
"""What a worker may give up for: the broker, or its own watchdog."""


@dataclass(frozen=True)
class Plant:
    """What all workers of a run share."""

    cluster: Cluster
    redis: RedisServer
    settings: EngineSettings
    deadlines: DeadlineSettings
    rulebook: Rulebook
    intake: IntakeSettings
    intake_topics: tuple[str, ...]
    static: bool
    """Whether workers are static members of their group."""


class _Channel:
    """What the engine needs of a Faust channel."""

    def __init__(self, maxsize: int) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue(maxsize)

    async def put(self, value: Any) -> None:
        """Hand a batch over."""
        await self._queue.put(value)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            yield await self._queue.get()


class _Nobody:
    """A view writer nobody looks at."""

    pending = 0

    async def flush(self) -> None:
        """Nothing waits."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_kwargs: None


class _Views(LiveViews):
    """Live views that cost nothing: what is shown is not what is proved here."""

    def customers_changed(self, *_args: Any, **_kwargs: Any) -> None:
        """Show nothing."""


class _NoGuard:
    """The guard of the event loop watches a real clock from a thread."""

    def start(self) -> None:
        """Watch nothing."""

    stop = start


class _Observer(EngineObserver):
    """Traces what the engine says of itself."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.skipped = self.mended = 0

    def restored(self, topic: str, partition: int, records: int, rows: int, seconds: float) -> None:
        """A changelog was read."""
        self.cluster.note("restored", f"{topic}/{partition}", f"{records} records, {rows} rows")

    def folded(self, lane: Lane, records: int, skipped: int, seconds: float) -> None:
        """An agent folded a batch."""
        self.skipped += skipped
        more = f"skipped {skipped}" if skipped else ""
        self.cluster.note("folded", f"{lane.topic}/{lane.partition}", records, more)

    def commit_refused(self, reason: str) -> None:
        """The group says no."""
        self.cluster.note("commit refused", reason)

    def foreign_writes(self, topic: str, partition: int, records: int, mended: int) -> None:
        """Somebody else wrote to a changelog of ours."""
        self.mended += mended
        self.cluster.note("foreign", f"{topic}/{partition}", f"{records} rows, {mended} mended")

    def crashed(self, reason: str) -> None:
        """The engine gives up."""
        self.cluster.note("crash", reason)


class _App(mode.Service):
    """What Faust's app is to a worker: starts its parts in order, stops them in reverse."""

    def _log_mundane(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""


class SimulatedWorker:
    """A process that runs the real parts until it stops, crashes or is killed."""

    def __init__(self, plant: Plant, process: Process) -> None:
        self.plant = plant
        self.process = process
        self.cluster = plant.cluster
        self.engine: Engine | None = None
        self.observer = _Observer(plant.cluster)
        self.odd: list[str] = []
        """What nobody expects of a worker, even in trouble."""
        self.stopping = asyncio.Event()

    def boot(self) -> None:
        """Start it as a process of its own."""
        self.cluster.trace.add(self.process, "boot")
        self.cluster.loop.spawn(self.process, self._live())

    @property
    def ready(self) -> bool:
        """Whether it has all its rows."""
        return self.process.alive and self.engine is not None and self.engine.ready

    def end(self, why: str) -> None:
        """Kill it."""
        if self.process.alive:
            self.cluster.trace.add(self.process, "killed", why)
            self.cluster.loop.kill(self.process)

    # --- inside of the process -------------------------------------------------------------------

    async def _live(self) -> None:
        app, engine = self._build()
        self.engine = engine
        try:
            await app.start()
            self.cluster.note("started")
            asking = asyncio.create_task(self.stopping.wait())
            await asyncio.wait(
                [asking, asyncio.create_task(app.wait_until_stopped())],
                return_when=asyncio.FIRST_COMPLETED,
            )
        except Exception as error:
            self.cluster.note("start failed", type(error).__name__)
        reason = app.crash_reason
        self.cluster.note("stopping", repr(reason))
        if reason is not None and not isinstance(reason, EXPECTED):
            self.odd.append(f"{self.process} crashed: {reason!r}")
        try:
            await asyncio.wait_for(app.stop(), EXIT_SECONDS)
        except TimeoutError:
            self.cluster.note("stop hangs")
        self.end("left")

    def _build(self) -> tuple[_App, Engine]:
        plant = self.plant
        views = _Views(lambda _source: _Nobody())  # type: ignore[arg-type, return-value]
        stages = {
            flow.name: _stage(flow, reads)
            for flow, reads in (
                (topology.INTAKE_STAGE, plant.intake_topics),
                (topology.CUSTOMER_STAGE, topology.CUSTOMER_STAGE.reads),
            )
        }
        settings = plant.settings
        if plant.static:
            settings = replace(settings, group_instance_id=self.process.name.partition(".")[0])
        engine = Engine(settings, list(stages.values()), self.observer)
        engine.lease = Lease(plant.settings.lease, exit_process=self._exit)
        engine._guard = _NoGuard()  # type: ignore[assignment]
        engine.add_listener(views)
        identities = SimulatedIdentities(plant.redis, engine)
        intake = IntakePipeline(identities.index, plant.intake, views)
        customers = CustomerPipeline(plant.rulebook, views)
        deadlines = DeadlineService(
            engine,
            stages["customers"],
            plant.intake_topics,
            encode_deadline,
            settings=plant.deadlines,
            on_fired=lambda lane, late: self.cluster.note(
                "fired", f"{lane.topic}/{lane.partition}", len(late)
            ),
        )
        app = _App()
        for agent, name in ((intake.run, "intake"), (customers.run, "customers")):
            app.add_future(agent(stages[name].channel))  # type: ignore[arg-type]
        app.add_dependency(engine)
        app.add_dependency(identities)
        app.add_dependency(deadlines)
        return app, engine

    def _exit(self, code: int) -> NoReturn:
        self.end(f"exit {code}")
        raise KilledError


def _stage(flow: topology.Flow, reads: tuple[str, ...]) -> Stage:
    flow = replace(flow, reads=reads)
    return Stage(
        name=flow.name,
        topics=flow.reads,
        changelog=flow.changelog,
        tables=flow.tables,
        channel=_Channel(16),
    )


def topics_of(partitions: int, intake_topics: tuple[str, ...]) -> Mapping[str, int]:
    """Every topic of a run with its number of partitions."""
    read = (*intake_topics, topics.CUSTOMER_EVENTS)
    return {
        **dict.fromkeys(read, partitions),
        **dict.fromkeys((topics.INTAKE_CHANGELOG, topics.CUSTOMERS_CHANGELOG), partitions),
        **dict.fromkeys((topics.COMPLAINTS, topics.SLA_ALERTS, topics.IDENTITY_LINKS), 1),
        topics.CONVERSATION_LINKS: 1,
        topics.SATISFACTION_SCORES: 1,
        **{topics.dead_letters_of(name): 1 for name in read},
    }
