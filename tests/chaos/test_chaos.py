"""Workers on a real Kafka that are killed, paused, added and removed while records flow.

How much of it is a matter of time: `CHAOS_EVENTS` (default 5) faults per test, at about one in two
seconds, `CHAOS_RATE` (default 1,000) records a second. The seed is printed with a failure.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable

import pytest

from deploy.kafka import LocalKafka
from streams.engine.failpoints import PLACES
from tests.engine.harness import Bench, Verdict

pytestmark = pytest.mark.kafka

EVENTS = int(os.environ.get("CHAOS_EVENTS", "5"))
RATE = float(os.environ.get("CHAOS_RATE", "1000"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or int(time.time())
GAP_SECONDS = 2.2
PAUSE_SECONDS = 6.0
DEATH_SECONDS = 120.0
"""An armed worker that has not come to its failpoint by then never will."""
WORKERS = ("one", "two", "three")

Fault = Callable[[Bench, random.Random], Awaitable[None]]


async def storm(bench: Bench, fault: Fault, workers: tuple[str, ...] = WORKERS) -> Verdict:
    """Feed, let faults happen, wait until everything is read, stop cleanly, judge."""
    chance = random.Random(SEED)
    print(f"CHAOS_SEED={SEED}")
    for name in workers:
        bench.start(name)
    feeding = asyncio.create_task(bench.feed(int((EVENTS + 3) * GAP_SECONDS * RATE), RATE))
    await asyncio.sleep(4)
    for _ in range(EVENTS):
        await fault(bench, chance)
        pause_until = time.monotonic() + GAP_SECONDS * chance.uniform(0.4, 1.6)
        while time.monotonic() < pause_until:
            bench.restart_the_dead()
            await asyncio.sleep(0.1)
    await feeding
    await bench.wait_until_done()
    await asyncio.sleep(3)  # an auditor's turn, to mend what a paused worker wrote last
    await bench.stop_all()
    verdict = await bench.judge()
    print(verdict, dict(bench.exits))
    return verdict


async def kill(bench: Bench, chance: random.Random) -> None:
    """Kill -9 one worker; it is started again at once."""
    bench.workers[chance.choice(sorted(bench.workers))].kill()


async def join_or_leave(bench: Bench, chance: random.Random) -> None:
    """Stop a worker in order, or start one."""
    name = chance.choice(WORKERS)
    if name not in bench.workers:
        bench.start(name)
    elif len(bench.workers) > 1 and bench.is_up(name):
        assert await bench.stop(name) == 0, bench.log_of(name)[-3_000:]


async def pause(bench: Bench, chance: random.Random) -> None:
    """Stop a worker in mid-air for longer than its session, then let it go on."""
    worker = bench.workers[chance.choice(sorted(bench.workers))]
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(PAUSE_SECONDS)
    worker.send_signal(signal.SIGCONT)


async def test_killing_workers_loses_nothing(bench: Bench) -> None:
    """After kill -9 at random moments rows and outputs equal the oracle's."""
    verdict = await storm(bench, kill)
    assert verdict.wrong == {}
    assert verdict.rows_wrong_if_last_wins == 0


@pytest.mark.slow
async def test_killing_static_members_loses_nothing(bench: Bench) -> None:
    """The same where a worker that comes back gets its partitions back."""
    start = bench.start

    def start_static(name: str, **environment: str) -> object:
        return start(name, INSTANCE=name, **environment)

    bench.start = start_static  # type: ignore[method-assign,assignment]
    verdict = await storm(bench, kill)
    assert verdict.wrong == {}


@pytest.mark.slow
async def test_joining_and_leaving_repeats_nothing(bench: Bench) -> None:
    """Clean stops and starts: exactly once, in the records as well as in the rows."""
    verdict = await storm(bench, join_or_leave)
    assert verdict.wrong == {}
    assert verdict.purchases == verdict.lines
    assert verdict.totals_twice == 0


@pytest.mark.slow
async def test_a_paused_worker_does_no_harm(bench: Bench) -> None:
    """With the lease a worker that was away stops itself; what it still wrote is mended."""
    verdict = await storm(bench, pause)
    assert verdict.wrong == {}
    assert verdict.rows_wrong_if_last_wins == 0


@pytest.mark.slow
async def test_a_paused_worker_without_a_lease_does_no_harm_either(bench: Bench) -> None:
    """The lease only narrows the window; applied offsets in the rows close it."""
    bench.environment["LEASE"] = "0"
    verdict = await storm(bench, pause)
    assert verdict.wrong == {}
    assert verdict.rows_wrong_if_last_wins == 0


@pytest.mark.slow
@pytest.mark.parametrize("bench", ["compacting"], indirect=True)
async def test_a_worker_that_wakes_when_all_is_over_does_no_harm(bench: Bench) -> None:
    """It writes old rows after newer ones, into a log that compacts: the owner mends in time."""
    bench.environment["LEASE"] = "0"
    for name in WORKERS:
        bench.start(name)
    feeding = asyncio.create_task(bench.feed(int(RATE * 15), RATE))
    await asyncio.sleep(10)
    sleeper = bench.workers.pop("one")
    sleeper.send_signal(signal.SIGSTOP)
    await feeding
    await bench.wait_until_done()
    sleeper.send_signal(signal.SIGCONT)
    bench.workers["one"] = sleeper
    await asyncio.sleep(10)
    await bench.stop_all()
    verdict = await bench.judge()
    print(verdict, "stale rows in the log:", verdict.rows_stale)
    assert verdict.wrong == {}
    assert verdict.rows_wrong_if_last_wins == 0


@pytest.mark.parametrize("place", PLACES)
async def test_kill_9_at_every_step_leaves_the_right_rows(bench: Bench, place: str) -> None:
    """Proof by failpoint as on the embedded broker, with two workers, idempotent producers."""
    where = f"{place}:4" if "commit" in place else f"count/{place}:9"
    armed = {"ENGINE_FAILPOINT": where}
    bench.start("one", **armed)
    bench.start("two")
    deaths, give_up = 0, time.monotonic() + DEATH_SECONDS
    feeding = asyncio.create_task(bench.feed(int(RATE), RATE))
    while (died := bench.exits[-signal.SIGKILL]) < 3:
        if feeding.done():
            feeding = asyncio.create_task(bench.feed(int(RATE), RATE))
        if died > deaths:
            give_up, deaths = time.monotonic() + DEATH_SECONDS, died
        assert time.monotonic() < give_up, f"nobody came to {where}"
        bench.restart_the_dead(**armed)
        await asyncio.sleep(0.1)
    bench.workers["one"].kill()
    await feeding
    await bench.wait_until_done()
    await bench.stop_all()
    verdict = await bench.judge()
    print(verdict, dict(bench.exits))
    assert verdict.wrong == {}
    assert verdict.rows_wrong_if_last_wins == 0


@pytest.mark.slow
@pytest.mark.parametrize("hard", [False, True], ids=["restarted", "killed"])
async def test_a_broker_that_goes_and_comes_back_loses_nothing(
    bench: Bench, kafka: LocalKafka, hard: bool
) -> None:
    """Workers wait for it, or end with an error and are started again."""
    for name in WORKERS[:2]:
        bench.start(name)
    feeding = asyncio.create_task(bench.feed(int(RATE * 6), RATE))
    await asyncio.sleep(6)
    await feeding
    kafka.bounce(hard=hard, pause_seconds=2)  # in this thread: the broker dies with its starter
    await bench.feed(int(RATE * 2), RATE)
    await bench.wait_until_done()
    await bench.stop_all()
    verdict = await bench.judge()
    print(verdict, dict(bench.exits))
    assert verdict.wrong == {}
