"""One worker: the Faust app with engine, deadlines, views, notifier and web, in order.

This is the composition root: the only place that knows which concrete thing stands behind which
name.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mode
from redis.asyncio import Redis

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import HISTORY_SETTLE, Rulebook
from agents.complaints.sla.plan import Plan
from agents.intake.settings import IntakeSettings
from schemas.codec import encode_json
from schemas.command import Command
from schemas.policy import PolicySet
from streams import topics
from streams.app import create_app
from streams.deadlines import DeadlineService
from streams.engine import ConfigurationError, Effect, EngineSettings, require_rocksdb
from streams.errors import UserError
from streams.http import Services, install
from streams.identity import IdentityService
from streams.metrics import Metrics
from streams.notifier import Notifier, NotifierSettings
from streams.observers import (
    EngineMetrics,
    IdentityMetrics,
    NotifierMetrics,
    PipelineMetrics,
    PolicyMetrics,
    ViewMetrics,
)
from streams.pipeline.customers import CustomerPipeline, encode_deadline
from streams.pipeline.intake import IntakePipeline
from streams.pipeline.tables import CUSTOMERS_STAGE, INTAKE_STAGE
from streams.pipeline.views import LiveViews
from streams.policies import PolicyFile, PolicyService, PolicySettings
from streams.settings import Settings
from streams.topic_plan import Fit, apply, open_admin
from streams.topology import Topology, build
from streams.views import RebuildSource, ViewReader, ViewWriter

log = logging.getLogger(__name__)

EMBEDDED_SESSION_SECONDS = 10.0
"""The embedded broker waits out these timeouts when members join; 10 s is the best it does."""
JSON_HEADERS = (("content-type", b"application/json"),)
STOP_SECONDS = 30.0
"""An orderly stop takes a few seconds; one that hangs must not keep the supervisor waiting."""
PROGRESS_SECONDS = 0.5
"""How often the views are told how far the worker has read."""


def engine_settings(settings: Settings) -> EngineSettings:
    """The engine's limits for this installation."""
    limits: dict[str, Any] = {}
    if settings.embedded:
        limits = {
            "session_timeout_seconds": EMBEDDED_SESSION_SECONDS,
            "rebalance_timeout_seconds": EMBEDDED_SESSION_SECONDS,
            "heartbeat_interval_seconds": 2.0,
            "idempotent": False,
            "exact_end_offsets": False,
        }
    if settings.state_store == "rocksdb":
        try:
            require_rocksdb()
        except ConfigurationError as error:
            raise UserError(str(error), "docs/operations.md tells what it is good for") from error
        limits |= {"state_store": "rocksdb", "state_dir": str(settings.state_dir)}
    return EngineSettings(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=settings.group,
        client_id=f"manyi-{settings.instance_id or 'worker'}",
        security=settings.kafka_security(),
        group_instance_id=settings.instance_id,
        max_records=settings.max_records,
        accept_missing_rows=settings.accept_missing_rows,
        **limits,
    )


def notifier_settings(settings: Settings, *, terminal: bool) -> NotifierSettings:
    """Where this installation sends its alerts."""
    return NotifierSettings(
        kafka=settings.kafka_clients(),
        group=f"{settings.group}-notifier",
        redis_prefix=settings.redis_prefix,
        alertmanager_urls=settings.alertmanager_urls,
        webhook_url=settings.webhook_url,
        webhook_secret=settings.webhook_secret,
        terminal=terminal,
        link=settings.public_url,
        zone=settings.timezone,
    )


async def ensure_topics(settings: Settings) -> None:
    """Create missing topics; a topic that differs in a harmful way is a UserError."""
    admin = await open_admin(settings.kafka_clients())
    try:
        fits = await apply(admin, topics.topics(settings.partitions), settings.replication)
    finally:
        await admin.close()
    failed = [fit for fit in fits if fit.fit is Fit.FAILED]
    if failed:
        raise UserError(
            "; ".join(f"topic {fit.topic.name}: {fit.error}" for fit in failed),
            "Let the worker create topics, or make them: `manyi topics plan` shows what it needs",
        )


class Worker:
    """The parts of a running worker, for whoever runs it: the demo, the import, the tests."""

    def __init__(self, settings: Settings, policy: PolicySet, *, terminal: bool = False) -> None:
        self.settings = settings
        self._directory = TemporaryDirectory(prefix="manyi-", dir=settings.data_dir)
        self.redis: Redis = Redis.from_url(settings.redis_url)
        self.metrics = Metrics()
        self.live = LiveViews(self._writer)
        self.views = self.live.writer
        self.app = create_app(
            settings.bootstrap_servers,
            host=settings.host,
            port=settings.port,
            directory=Path(self._directory.name),
        )
        counted = PipelineMetrics(self.metrics)
        self.engine_metrics = EngineMetrics(self.metrics)
        self.identities = IdentityService(
            self.redis,
            settings.redis_prefix,
            lambda: self.engine,
            settings.kafka_clients(),
            INTAKE_STAGE,
            IdentityMetrics(self.metrics),
        )
        self.intake = IntakeSettings(default_region=settings.default_region)
        self.topology: Topology = build(
            self.app,
            engine_settings(settings),
            IntakePipeline(self.identities.index, self.intake, self.live, counted),
            CustomerPipeline(Rulebook(Plan(policy), ComplaintRules()), self.live, counted),
            self.engine_metrics,
        )
        self.engine = self.topology.engine
        self.engine.add_listener(self.live)
        self.deadlines = DeadlineService(
            self.engine, self.topology.customers, topics.INTAKE_TOPICS, encode_deadline
        )
        alerts = notifier_settings(settings, terminal=terminal)
        install(self.app, self._http())
        self.notifier = Notifier(alerts, self.redis, observer=NotifierMetrics(self.metrics))
        self.policies = PolicyService(
            self.engine,
            settings.kafka_clients(),
            policy,
            None if settings.policy is None else PolicyFile(settings.policy),
            settings=PolicySettings(poll_seconds=settings.policy_poll_seconds),
            observer=PolicyMetrics(self.metrics),
        )
        for service in (self.engine, self.identities, self.deadlines, self.policies, _Views(self)):
            self.app.service(service)
        if settings.alerts and alerts.sends:
            self.app.service(self.notifier)

    def _http(self) -> Services:
        settings = self.settings
        return Services(
            reader=ViewReader(self.redis, settings.redis_prefix),
            publish=self.give_command,
            not_ready=self.not_ready,
            notes=lambda: self.policies.notes(),
            registry=self.metrics.registry,
            metrics=self.metrics,
            customer_of=self.identities.index.customer_of,
            intake=self.intake,
            timezone=settings.timezone,
        )

    def not_ready(self) -> list[str]:
        """Why this worker cannot serve yet; nothing when it can."""
        reasons = self.identities.not_ready()
        if not self.engine.ready:
            restored = sum(1 for lane in self.engine.lanes.values() if lane.restored)
            lanes = len(self.engine.lanes)
            reasons.append(f"restoring its partitions: {restored} of {lanes} are ready")
        return reasons

    async def give_command(self, command: Command) -> None:
        """Publish a command; returns once the broker has it."""
        key = (command.complaint_id or command.customer_id or command.id).encode()
        await self.engine.publish(
            [Effect(topics.COMMANDS, None, key, encode_json(command), JSON_HEADERS)]
        )

    def _writer(self, source: RebuildSource) -> ViewWriter:
        settings = self.settings
        return ViewWriter(
            self.redis,
            settings.redis_prefix,
            partitions=settings.partitions,
            source=source,
            observer=ViewMetrics(self.metrics),
        )

    @property
    def ready(self) -> bool:
        """Whether every partition this worker owns has its rows."""
        return self.engine.ready

    async def start(self) -> None:
        """Create what is missing, then start everything in order."""
        await ensure_topics(self.settings)
        await self.policies.prepare()
        await self.app.start()

    async def stop(self) -> None:
        """Finish what is in flight (bounded), commit, leave, show the last changes."""
        try:
            await asyncio.wait_for(self.app.stop(), STOP_SECONDS)
        except TimeoutError:
            log.error("the worker did not stop within %.0f s; leaving it", STOP_SECONDS)
        await self.redis.aclose()
        self._directory.cleanup()

    async def wait(self, until: asyncio.Event) -> None:
        """Wait for `until`; raises what made the worker crash, if it does."""
        result = await self.app.wait(until.wait())
        if result.stopped and self.app.crash_reason is not None:
            raise self.app.crash_reason

    async def progress(self) -> None:
        """Tell the views how far every customer partition has been read."""
        lag = await self.engine.lag()
        self.engine_metrics.lag({(tp.topic, tp.partition): count for tp, count in lag.items()})
        for tp, lane in list(self.engine.lanes.items()):
            if lane.stage.name == CUSTOMERS_STAGE and lane.restored:
                through = self.deadlines.read_through_ms(lane)
                self.engine_metrics.read_through(lane.partition, max(0, through) / 1000)
                self.live.progressed(
                    lane.partition,
                    lane.next_offset - 1,
                    datetime.fromtimestamp(through / 1000, UTC) if through >= 0 else None,
                    lag.get(tp, 0),
                )

    async def settled(self) -> bool:
        """Whether everything appended so far has been read, applied and shown."""
        if not self.ready or any((await self.engine.lag()).values()):
            return False
        # Intake may have published between the two questions; ask once more.
        if any((await self.engine.lag()).values()) or self.views.incomplete:
            return False
        await self.views.flush()
        return not self.views.pending and not self.views.incomplete

    def judged(self) -> bool:
        """Whether no clock of this worker waits for a verdict that is due, history's included."""
        now_ms = datetime.now(UTC).timestamp() * 1000
        soon_ms = now_ms + HISTORY_SETTLE.total_seconds() * 1000
        wakes = (
            lane.wakeups.next_at_ms()
            for lane in self.engine.lanes.values()
            if lane.stage.name == CUSTOMERS_STAGE
        )
        return all(wake is None or wake > soon_ms for wake in wakes)


class _Views(mode.Service):
    """Writes the live views while the worker runs, and once more when it stops."""

    def __init__(self, worker: Worker, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._worker = worker

    @mode.Service.task
    async def _write(self) -> None:
        # Ended by a flag, not by being cancelled: a Redis call may take that for its own.
        while not self.should_stop:
            await self._worker.views.wait()
            await self._worker.views.turn()

    @mode.Service.task
    async def _tell_progress(self) -> None:
        while not self.should_stop:
            await self.sleep(PROGRESS_SECONDS)
            try:
                await self._worker.progress()
            except Exception as error:  # a question that failed; the next one may not
                log.debug("cannot tell how far the worker has read: %r", error)

    async def on_stop(self) -> None:
        """Show what was applied last."""
        await self._worker.views.flush()


@contextlib.asynccontextmanager
async def running(
    settings: Settings, policy: PolicySet, *, terminal: bool = False
) -> AsyncIterator[Worker]:
    """A started worker for the time of the block; it is stopped in order whatever happens.

    `terminal` prints every alert on standard error.
    """
    worker = Worker(settings, policy, terminal=terminal)
    try:
        await worker.start()
        yield worker
    finally:
        await worker.stop()
