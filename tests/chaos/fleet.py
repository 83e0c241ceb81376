"""Several `manyi worker` processes on a real Kafka and Valkey, a feed, and a supervisor."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from aiokafka.errors import KafkaError

from deploy.kafka import remove_topics
from streams.demo import free_port
from streams.engine.lease import EXIT_LEASE_LOST
from streams.settings import Settings, load_settings
from streams.worker import ensure_topics
from tests.chaos import reading
from tests.chaos.feed import Feed
from tests.chaos.traffic import Record
from tests.chaos.worker import write_clock

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("one", "two", "three")
PARTITIONS = 6
STATIC = ("one", "two")
"""Members with a name in the group: their partitions wait for them while they are started again."""
PATIENCE_SECONDS = 180.0
MOST_PATIENCE = 5
STOP_SECONDS = 180.0
"""A worker gives its own stop half a minute; a busy machine may need longer to carry that out."""
QUIET_LOOKS = 4
"""Looks in a row that must find nothing unread: deadlines still come."""
LOOK_SECONDS = 0.5
TAIL_LINES = 25
POLICY = """
version: 1
policies: [{name: all, targets: {first_response: {within: 30m}, total_resolution: {within: 5h}}}]
"""


class Stuck(AssertionError):
    """Something did not happen in time; the message says how things stand."""


@dataclass
class Fleet:
    """Workers by name on one broker; everything they left is wiped when the next fleet begins."""

    broker: str
    redis_url: str
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    session_seconds: float = 6.0
    partitions: int = PARTITIONS

    def __post_init__(self) -> None:
        """Names that no other run has."""
        mark = uuid.uuid4().hex[:8]
        self.group = f"chaos-{mark}"
        self.redis_prefix = f"chaos-{mark}:"
        self.policy = self.directory / "policy.yaml"
        self.policy.write_text(POLICY)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.exits: Counter[int] = Counter()
        self.redis_was_emptied = False
        self.starts = 0
        self._feed = Feed(self.broker)
        self._ports: dict[str, int] = {}
        self._resting: set[str] = set()
        self._next_life: dict[str, dict[str, str]] = {}
        self._beside: list[asyncio.Task[None]] = []

    @property
    def settings(self) -> Settings:
        """The settings all workers share."""
        return load_settings(self._variables())

    async def __aenter__(self) -> "Fleet":
        """Empty topics, and a supervisor that starts again what ends."""
        await remove_topics(self.broker)
        await ensure_topics(self.settings)
        self._beside.append(asyncio.create_task(self._supervise()))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what was started."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        for worker in self.workers.values():
            worker.kill()
            worker.wait()

    # --- workers ---------------------------------------------------------------------------------

    def start(self, *names: str, **environment: str) -> None:
        """Start workers; each is started again when it ends, without this extra environment."""
        for name in names:
            self._ports.setdefault(name, free_port("127.0.0.1", 0))
            clock = self.directory / f"{name}.clock"
            if not clock.exists():
                write_clock(clock, 0.0)
            env = {
                **{k: v for k, v in os.environ.items() if not k.startswith(("MANYI_", "KAFKA_"))},
                **self._variables(),
                "MANYI_PORT": str(self._ports[name]),
                **({"MANYI_INSTANCE_ID": name} if name in STATIC else {}),
                "CHAOS_SESSION": str(self.session_seconds),
                "CHAOS_CLOCK": str(clock),
                "PYTHONPATH": str(ROOT),
                **self.environment,
                **environment,
            }
            with (self.directory / f"{name}.log").open("ab") as log:
                self.workers[name] = subprocess.Popen(
                    [sys.executable, "-m", "tests.chaos.worker"],
                    cwd=ROOT,
                    env=env,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            self.starts += 1
            self._resting.discard(name)

    def kill(self, name: str) -> None:
        """Kill -9; the supervisor starts it again."""
        self.workers[name].kill()

    def rearm(self, name: str, **environment: str) -> None:
        """Give the next life of a worker, and that one alone, some more variables."""
        self._next_life[name] = environment

    async def stop(self, name: str) -> int:
        """Stop a worker as an operator would, for good; its exit status."""
        self._resting.add(name)
        worker = self.workers.pop(name)
        worker.terminate()
        try:
            status = await asyncio.to_thread(worker.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            raise Stuck(f"{name} did not stop:\n{self.tail(name)}") from None
        self.exits[status] += 1
        return status

    async def stop_all(self) -> None:
        """Once all are ready, stop them together; each must end well.

        A busy machine may keep a worker away for longer than its lease just then. It says so and
        ends; the others take over what it had, and are stopped in order another time.
        """
        names = tuple(self.workers)
        for _ in range(MOST_PATIENCE):
            await self.until_ready()
            statuses = dict(zip(names, await asyncio.gather(*map(self.stop, names)), strict=True))
            if EXIT_LEASE_LOST not in statuses.values():
                break
            self.start(*names)
            await self.settle()
        for name, status in statuses.items():
            assert status == 0, f"{name} ended with {status}:\n{self.tail(name)}"

    async def pause(self, name: str, seconds: float) -> None:
        """Stop a worker in mid-air, then let it go on, if it is still there."""
        worker = self.workers[name]
        worker.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        worker.send_signal(signal.SIGCONT)

    def set_clock(self, name: str, wrong_by_seconds: float) -> None:
        """Set the wall clock of one worker wrong, at once; 0 is right."""
        write_clock(self.directory / f"{name}.clock", wrong_by_seconds)

    async def until_ready(self, *names: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until these workers (all by default) have their partitions and rows.

        Raises `Stuck` when a worker says the same for so many seconds, or is not ready after
        `MOST_PATIENCE` times as many.
        """
        for name in names or tuple(self.workers):
            said, said_at = "", time.monotonic()
            give_up = said_at + seconds * MOST_PATIENCE
            while says := await asyncio.to_thread(self.why_not_ready, name):
                now = time.monotonic()
                if says != said:
                    said, said_at = says, now
                if now > min(said_at + seconds, give_up):
                    raise Stuck(f"{name} is not ready: {says}\n{await self.diagnosis()}")
                await asyncio.sleep(0.2)

    def why_not_ready(self, name: str) -> str:
        """What a worker says itself; nothing when it is ready."""
        url = f"http://127.0.0.1:{self._ports[name]}/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return "" if answer.status == 200 else f"status {answer.status}"
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode(errors="replace")
        except (OSError, urllib.error.URLError, HTTPException):
            return "no answer"

    async def _supervise(self) -> None:
        while True:
            for name, worker in list(self.workers.items()):
                if name not in self._resting and (status := worker.poll()) is not None:
                    self.exits[status] += 1
                    self.start(name, **self._next_life.pop(name, {}))
            await asyncio.sleep(0.1)

    # --- records ---------------------------------------------------------------------------------

    async def feed(self, records: Iterable[Record], per_second: float) -> None:
        """Publish these at that pace, all of them."""
        await self._feed.publish(records, per_second)

    def feed_meanwhile(self, records: Iterable[Record], per_second: float) -> "asyncio.Task[None]":
        """The same beside what a test does; it ends with the fleet, also where the test fails."""
        feeding = asyncio.create_task(self.feed(records, per_second))
        self._beside.append(feeding)
        return feeding

    @property
    def fed(self) -> int:
        """Records that were published, the second copies of some not counted."""
        return self._feed.fed

    async def lag(self) -> dict[str, int]:
        """Records that are not committed, by partition, where there are any."""
        upto = await reading.ends(self.broker, *reading.SOURCES)
        done = await reading.committed(self.broker, self.group, upto)
        return {f"{tp.topic}/{tp.partition}": n for tp, e in upto.items() if (n := e - done[tp])}

    async def settle(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until everything is read and committed, and no deadline comes for a while.

        Raises `Stuck` when nothing has become less for so many seconds.
        """
        give_up, quiet, least = time.monotonic() + seconds, 0, sys.maxsize
        while quiet < QUIET_LOOKS:
            unread = -1
            with contextlib.suppress(KafkaError):
                unread = sum((await self.lag()).values())
            quiet = quiet + 1 if unread == 0 else 0
            if 0 <= unread < least:
                give_up, least = time.monotonic() + seconds, unread
            if time.monotonic() > give_up:
                raise Stuck(f"nothing is read for {seconds:.0f} s\n{await self.diagnosis()}")
            await asyncio.sleep(LOOK_SECONDS)

    # --- what to say when it does not work -------------------------------------------------------

    async def diagnosis(self) -> str:
        """How things stand: what is unread, who runs, what they said last."""
        try:
            async with asyncio.timeout(10):
                unread = str(await self.lag() or "nothing")
        except (KafkaError, TimeoutError) as error:
            unread = f"unknown: {error!r}"
        lines = [f"unread: {unread}", f"exits so far: {dict(self.exits)}"]
        for name, worker in self.workers.items():
            says = await asyncio.to_thread(self.why_not_ready, name)
            state = f"runs as {worker.pid}" if worker.poll() is None else f"ended {worker.poll()}"
            lines += [f"--- {name}: {state}, {says or 'ready'}", self.tail(name)]
        return "\n".join(lines)

    def tail(self, name: str) -> str:
        """The last lines a worker said."""
        said = (self.directory / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(said[-TAIL_LINES:])

    def _variables(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker,
            "REDIS_URL": self.redis_url,
            "MANYI_GROUP": self.group,
            "MANYI_REDIS_PREFIX": self.redis_prefix,
            "MANYI_PARTITIONS": str(self.partitions),
            "MANYI_POLICY": str(self.policy),
            "MANYI_REGION": "CN",
            "MANYI_MAX_RECORDS": "500",
            "MANYI_ALERTS": "off",
        }
