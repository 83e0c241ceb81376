"""A worker that was away too long stops itself."""

import threading
import time
from typing import NoReturn

import pytest

from streams.engine.lease import EXIT_HUNG, EXIT_LEASE_LOST, Lease, LoopGuard


class Exited(Exception):
    """Stands for the end of the process."""


def exit_process(code: int) -> NoReturn:
    """Instead of `os._exit`."""
    raise Exited(code)


class Clock:
    """A clock moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_being_away_longer_than_the_lease_ends_the_process() -> None:
    """At the bound it still holds, beyond it there is no return."""
    clock = Clock()
    lease = Lease(5, clock, exit_process)
    clock.now += 5
    lease.tick()
    clock.now += 5.1
    with pytest.raises(Exited) as exited:
        lease.check()
    assert exited.value.args == (EXIT_LEASE_LOST,)


def test_a_new_assignment_renews_it() -> None:
    """Joining may take long; what counts is the time since."""
    clock = Clock()
    lease = Lease(5, clock, exit_process)
    clock.now += 60
    lease.renew()
    lease.check()


def test_without_a_lease_nothing_ends() -> None:
    """A single worker on its own broker has nobody to yield to."""
    clock = Clock()
    lease = Lease(0, clock, exit_process)
    clock.now += 1_000
    lease.tick()
    assert lease.away_seconds == 0


def test_a_loop_that_does_not_turn_is_ended(capfd: pytest.CaptureFixture[str]) -> None:
    """An agent that never returns blocks heartbeats and everything else; it must not live on."""
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    LoopGuard(Lease(0), 0.03, end, look_seconds=0.01).start()
    assert ended.wait(30)
    assert codes == [EXIT_HUNG]
    assert "test_lease.py" in capfd.readouterr().err  # the traceback says where it hangs


def test_a_loop_that_turns_is_left_alone() -> None:
    """As long as ticks come, however long each takes to come by."""
    lease, codes = Lease(0), list[int]()
    guard = LoopGuard(lease, 5, codes.append, look_seconds=0.01)
    guard.start()
    for _ in range(20):
        lease.tick()
        time.sleep(0.01)
    guard.stop()
    assert codes == []
