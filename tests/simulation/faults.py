"""What goes wrong in a run: drawn from the seed before it begins, as (time, fault, numbers).

Swarm testing: every seed uses a few kinds of fault only, so that rare pairs get to meet.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from streams import topics
from streams.engine.failpoints import PLACES

if TYPE_CHECKING:
    from tests.simulation.run import Run

__all__ = ["FAULTS", "Fault", "draw"]


class Fault(NamedTuple):
    """One thing that goes wrong: when, what, whom it hits, and two numbers that shape it."""

    at: float
    kind: str
    worker: int
    size: float
    pick: float


Inflict = Callable[["Run", Fault], object]


def _kill(run: "Run", fault: Fault) -> None:
    run.worker(fault).end("kill -9")


def _kill_in_a_callback(run: "Run", fault: Fault) -> None:
    process = run.worker(fault).process
    process.die_after = process.steps + 1 + int(fault.size * 400)


def _kill_at_a_place(run: "Run", fault: Fault) -> None:
    place = PLACES[int(fault.pick * len(PLACES))]
    run.arm(run.worker(fault).process, place, 1 + int(fault.size * 4))


def _terminate(run: "Run", fault: Fault) -> None:
    run.worker(fault).stopping.set()


def _stop_for_a_moment(run: "Run", fault: Fault) -> None:
    _stop(run, fault, 0.2 + 2.0 * fault.size)


def _stop_beyond_the_session(run: "Run", fault: Fault) -> None:
    _stop(run, fault, run.settings.session_timeout_seconds + 1.0 + 6.0 * fault.size)


def _stop(run: "Run", fault: Fault, seconds: float) -> None:
    process = run.worker(fault).process
    run.loop.stop(process)
    run.loop.at(seconds, run.go_on, process)


def _cut_off(run: "Run", fault: Fault) -> None:
    run.network.cut_until[run.worker(fault).process] = run.loop.now + 0.2 + 9.0 * fault.size


def _lose_answers(run: "Run", fault: Fault) -> None:
    process = run.worker(fault).process
    run.network.lost_answers_until[process] = run.loop.now + 0.1 + 5.0 * fault.size


def _hold_up(run: "Run", fault: Fault) -> None:
    # Longer than the session: a late commit of a generation that goes on would be taken by any
    # broker, and be mended by the next one.
    until = run.loop.now + run.settings.session_timeout_seconds + 0.5 + 3.0 * fault.size
    run.network.held_until[run.worker(fault).process] = until, until + 0.5 + 5.0 * fault.pick


def _broker_down(run: "Run", fault: Fault) -> None:
    run.network.down_until = run.loop.now + 0.1 + 4.0 * fault.size


def _no_leader(run: "Run", fault: Fault) -> None:
    logs = list(run.cluster.broker.logs.values())
    for log in logs[int(fault.pick * len(logs)) :: 3]:
        log.led_from = run.loop.now + 0.1 + 4.0 * fault.size


def _changelog_without_leader(run: "Run", fault: Fault) -> None:
    # One partition alone: effects go out and events come in while rows find nobody to take them.
    logs = [log for tp, log in run.cluster.broker.logs.items() if tp.topic in CHANGELOGS]
    log = logs[int(fault.pick * len(logs))]
    log.led_from = run.loop.now + 0.1 + 8.0 * fault.size


def _lossy(run: "Run", fault: Fault) -> None:
    run.network.loss = 0.02 + 0.1 * fault.size
    run.loop.at(4.0, setattr, run.network, "loss", 0.0)


def _refuse_after_append(run: "Run", fault: Fault) -> None:
    run.cluster.refused_share = 0.2
    run.loop.at(3.0, setattr, run.cluster, "refused_share", 0.0)


def _compact(run: "Run", fault: Fault) -> None:
    run.compact()


def _identity_down(run: "Run", fault: Fault) -> None:
    run.plant.redis.down_until = run.loop.now + 4.0 * fault.size


def _identity_forgets_to_answer(run: "Run", fault: Fault) -> None:
    run.plant.redis.lost_answers = 0.5
    run.loop.at(4.0, setattr, run.plant.redis, "lost_answers", 0.0)


def _identity_flushed(run: "Run", fault: Fault) -> None:
    run.plant.redis.flush()


def _identity_restarts(run: "Run", fault: Fault) -> None:
    run.plant.redis.save()
    run.loop.at(4.0 * fault.size, run.plant.redis.restart)


def _stop_in_a_callback(run: "Run", fault: Fault) -> None:
    process = run.worker(fault).process
    process.stop_after = process.steps + 1 + int(fault.pick * 400)
    process.stop_seconds = run.settings.session_timeout_seconds + 1.0 + 4.0 * fault.size


def _clock_jumps(run: "Run", fault: Fault) -> None:
    run.worker(fault).process.wall_ahead += 40.0 * (fault.size - 0.5)
    run.clocks_agree = False


def _one_more(run: "Run", fault: Fault) -> None:
    run.add_worker()


FAULTS: dict[str, Inflict] = {
    "kill": _kill,
    "kill in a callback": _kill_in_a_callback,
    "kill at a place": _kill_at_a_place,
    "terminate": _terminate,
    "stop for a moment": _stop_for_a_moment,
    "stop beyond the session": _stop_beyond_the_session,
    "stop in a callback": _stop_in_a_callback,
    "cut off": _cut_off,
    "lose answers": _lose_answers,
    "held up": _hold_up,
    "broker down": _broker_down,
    "no leader": _no_leader,
    "changelog without leader": _changelog_without_leader,
    "lossy network": _lossy,
    "refuse after append": _refuse_after_append,
    "compact": _compact,
    "identity down": _identity_down,
    "identity loses answers": _identity_forgets_to_answer,
    "identity flushed": _identity_flushed,
    "identity restarts": _identity_restarts,
    "clock jumps": _clock_jumps,
    "one more worker": _one_more,
}
"""Kind -> what it does."""

CHANGELOGS = (topics.INTAKE_CHANGELOG, topics.CUSTOMERS_CHANGELOG)


def draw(rng: Random, seconds: float, only: Sequence[str] = ()) -> Sequence[Fault]:
    """The faults of a run, in time; one run in nine has none. `only` these kinds, if given."""
    kinds = list(only) or rng.sample(sorted(FAULTS), rng.randint(1, 4))
    count = rng.choice([0, 1, 1, 2, 2, 3, 4, 6, 10])
    found = [
        Fault(
            0.5 + rng.random() * seconds,
            rng.choice(kinds),
            rng.randrange(8),
            rng.random(),
            rng.random(),
        )
        for _ in range(count)
    ]
    return sorted(found)
