"""The stage of a run: invented clients and clocks where the engine finds its own; and its end."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import mode

from streams.engine import clients, engine, failpoints
from tests.simulation.clocks import Clocks, installed
from tests.simulation.consumer import Admin, Consumer
from tests.simulation.loop import BOOT, Stuck, VirtualLoop
from tests.simulation.producer import Producer
from tests.simulation.run import Run
from tests.simulation.world import present

__all__ = ["Outcome", "run_seed", "stage_set"]


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
