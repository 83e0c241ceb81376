"""A worker that was away too long stops itself."""

from typing import NoReturn

import pytest

from streams.engine.lease import EXIT_LEASE_LOST, Lease


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
