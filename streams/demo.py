"""The demo: broker, store, one worker and a simulated contact centre on this machine."""

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer
from rich.console import Console

from agents.simulation import SimulatedEvent, simulate
from streams import topics
from streams.embedded import EmbeddedServices, RunningInstance, publish
from streams.policy_files import require_policy
from streams.report import Books, close_books, print_books, print_tables
from streams.settings import load_settings
from streams.signals import stop_on_signals
from streams.views import ViewReader
from streams.worker import Worker, running

DEMO_POLICY = Path(__file__).parents[1] / "agents" / "complaints" / "policies" / "demo.yaml"
HISTORY = timedelta(hours=24)
HISTORY_CONTACTS_PER_DAY = 400.0
"""About 1,600 records of yesterday: enough for full tables within a second or two."""
MOST_EVENTS = 10_000_000
"""A demo left running over a long weekend ends its traffic here, not its worker."""
SETTLE_SECONDS = 60.0
SETTLE_POLL_SECONDS = 0.2
JUDGE_SECONDS = 60.0
"""History is left alone for some seconds before its running clocks are judged."""
LINE_SECONDS = 5.0
FLUSH_SECONDS = 30.0
"""The broker is on this machine: what is not acknowledged by then never will be."""
QUIET = [("manyi-alerts", b"off")]

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What `manyi demo` can be told."""

    seconds: float | None
    """How long the traffic runs; None until Ctrl-C."""
    seed: int
    contacts_per_day: float
    policy: Path | None
    port: int | None
    messy_share: float


class Traffic:
    """Publishes the simulated contact centre: yesterday at once and quietly, then today as it
    happens."""

    def __init__(self, bootstrap_servers: str, options: DemoOptions) -> None:
        self.sent: Counter[str] = Counter()
        self._options = options
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what waits and disconnect."""
        await self._producer.stop()

    async def history(self, now: datetime) -> None:
        """Publish the day before `now`."""
        options = self._options
        events = simulate(
            options.seed,
            MOST_EVENTS,
            now - HISTORY,
            contacts_per_day=HISTORY_CONTACTS_PER_DAY,
            messy_share=options.messy_share,
        )
        for event in takewhile(lambda event: event.at < now, events):
            await self._send(event, QUIET)
        await self._producer.flush()

    async def live(self, now: datetime, stop: asyncio.Event) -> None:
        """Publish events at the time they happen, until told to stop."""
        options = self._options
        events = simulate(
            options.seed + 1,
            MOST_EVENTS,
            now,
            contacts_per_day=options.contacts_per_day,
            messy_share=options.messy_share,
        )
        for event in events:
            wait = (event.at - datetime.now(UTC)).total_seconds()
            if stop.is_set() or (wait > 0 and await _set_within(stop, wait)):
                break
            await self._send(event, [])
        async with asyncio.timeout(FLUSH_SECONDS):
            await self._producer.flush()

    async def _send(self, event: SimulatedEvent, headers: list[tuple[str, bytes]]) -> None:
        record = event.record
        value = record if isinstance(record, bytes) else _encode(record)
        await self._producer.send(
            topic_of(event.channel), value, event.key.encode(), headers=headers
        )
        self.sent[event.channel] += 1


def topic_of(channel: str) -> str:
    """The topic of a channel, or of commands."""
    return topics.COMMANDS if channel == "commands" else f"interactions.{channel}.v1"


def free_port(host: str, wanted: int) -> int:
    """`wanted` if nobody listens there, else one that the system gives."""
    with socket.socket() as probe:
        try:
            probe.bind((host, wanted))
        except OSError:
            probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def embedded_worker(
    environ: dict[str, str] | None = None,
    *,
    port: int | None = None,
    policy: Path | None = None,
    terminal: bool = False,
) -> AsyncIterator[Worker]:
    """Broker, store and a started worker on this machine; other commands find it by itself."""
    async with EmbeddedServices() as services:
        settings = load_settings(dict(os.environ) if environ is None else environ, servers=services)
        wanted = settings.port if port is None else port
        settings = replace(settings, port=free_port(settings.host, wanted))
        instance = RunningInstance(
            pid=os.getpid(),
            bootstrap_servers=services.bootstrap_servers,
            redis_url=services.redis_url,
            http_port=settings.port,
        )
        settings = replace(settings, policy=policy or settings.policy)
        promised = require_policy(settings.policy)
        with publish(instance):
            async with running(settings, promised, terminal=terminal) as worker:
                await until_ready(worker)
                yield worker


async def until_ready(worker: Worker) -> None:
    """Wait until the worker has its partitions and their rows; raises what makes it crash."""
    ready = asyncio.Event()

    async def look() -> None:
        await _until(lambda: worker.ready)
        ready.set()

    task = asyncio.create_task(look())
    try:
        await worker.wait(ready)
    finally:
        task.cancel()


async def until_settled(worker: Worker, seconds: float = SETTLE_SECONDS) -> bool:
    """Wait until everything sent is read, applied and shown; False when it takes too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _until(worker.settled)
            return True
    return False


async def until_judged(worker: Worker, seconds: float = JUDGE_SECONDS) -> bool:
    """Wait until running clocks of a history have their verdicts; False when it takes too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _until(worker.judged)
            return await until_settled(worker, seconds)
    return False


async def _until(is_so: Callable[[], bool | Awaitable[bool]]) -> None:
    """Ask until it is so: what is asked about lives in other processes, which tell no event."""
    while True:
        answer = is_so()
        if answer if isinstance(answer, bool) else await answer:
            return
        await asyncio.sleep(SETTLE_POLL_SECONDS)


async def run_demo(options: DemoOptions, console: Console) -> Books:
    """Run the demo to its end and return its books, printed."""
    console.print("Starting a broker, a store and a worker on this machine …")
    stop = asyncio.Event()
    started = asyncio.get_running_loop().time()
    policy = options.policy or DEMO_POLICY
    with stop_on_signals(stop, console.print):
        async with embedded_worker(port=options.port, policy=policy, terminal=True) as worker:
            took = asyncio.get_running_loop().time() - started
            settings = worker.settings
            console.print(
                f"Ready after {took:.0f} s. Wallboard: http://localhost:{settings.port}/"
                f"   API: http://localhost:{settings.port}/v1/satisfaction?by=channel"
            )
            return await _traffic(worker, options, stop, console)


async def _traffic(
    worker: Worker, options: DemoOptions, stop: asyncio.Event, console: Console
) -> Books:
    reader = ViewReader(worker.redis, worker.settings.redis_prefix)
    traffic = Traffic(worker.settings.bootstrap_servers, options)
    await traffic.start()
    try:
        now = datetime.now(UTC)
        await traffic.history(now)
        console.print(f"Yesterday is in ({sum(traffic.sent.values()):,} records). Now it is live.")
        async with asyncio.TaskGroup() as group:
            live = group.create_task(traffic.live(now, stop))
            group.create_task(_lines(traffic, reader, console, stop))
            if options.seconds is not None:
                group.create_task(_stop_after(options.seconds, stop))
            group.create_task(_watch(worker, stop))
            await live
            stop.set()
    finally:
        await traffic.stop()
    console.print("Traffic ended; reading the rest …")
    settled = await until_settled(worker)
    books = await close_books(reader, traffic.sent)
    if not settled:
        books = msgspec.structs.replace(
            books, faults=[f"not everything was read within {SETTLE_SECONDS:.0f} s", *books.faults]
        )
    await print_tables(console, reader)
    print_books(console, books)
    return books


async def _stop_after(seconds: float, stop: asyncio.Event) -> None:
    await _set_within(stop, seconds)
    stop.set()


async def _watch(worker: Worker, stop: asyncio.Event) -> None:
    try:
        await worker.wait(stop)
    finally:
        stop.set()


async def _lines(
    traffic: Traffic, reader: ViewReader, console: Console, stop: asyncio.Event
) -> None:
    """One line now and then, so that a terminal shows the numbers move as well.

    It ends by the event, not by being cancelled: a client in the middle of an answer may take a
    cancellation for its own and go on.
    """
    while not await _set_within(stop, LINE_SECONDS):
        console.print(await _line(traffic, reader))


async def _set_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long for `stop`; whether it is set then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


async def _line(traffic: Traffic, reader: ViewReader) -> str:
    counts = await reader.stats()
    facts = await reader.open_facts()
    breached = sum(1 for fact in facts if fact.breached)
    received = sum(count.received for count in counts.values())
    rejected = sum(count.rejected for count in counts.values())
    now = datetime.now().astimezone()
    return (
        f"{now:%H:%M:%S}  sent {sum(traffic.sent.values()):,}  received {received:,}  "
        f"rejected {rejected:,}  open complaints {len(facts):,}  breached {breached:,}"
    )
