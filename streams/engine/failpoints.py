"""Places where a test may kill the process, and one environment variable that arms one of them.

`ENGINE_FAILPOINT=changelog_acked:7` kills the process with SIGKILL the seventh time it comes to
that place, `ENGINE_FAILPOINT=intake/folded:2` the second time in the stage of that name. Unset,
which is always so outside of tests, each place costs one call of a function that does nothing.
"""

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Final

Reached = Callable[..., None]
"""Called with a place and, within a stage, its name."""

__all__ = ["PLACES", "VARIABLE", "from_environment", "reached"]

VARIABLE: Final = "ENGINE_FAILPOINT"
PLACES: Final = ("folded", "effects_acked", "changelog_acked", "before_commit", "committed")


def _nothing(place: str, stage: str = "") -> None:
    """The unarmed failpoint."""


def _kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def from_environment(setting: str | None, die: Callable[[], None] = _kill_myself) -> Reached:
    """The function to call at each place; raises ValueError on a setting nobody understands."""
    if not setting:
        return _nothing
    where, _, number = setting.partition(":")
    only_stage, _, armed = where.rpartition("/")
    if armed not in PLACES:
        raise ValueError(f"{VARIABLE}={setting}: place must be one of {', '.join(PLACES)}")
    last = int(number or 1)
    passes = count(1)

    def maybe_die(place: str, stage: str = "") -> None:
        if place == armed and only_stage in ("", stage) and next(passes) == last:
            die()

    return maybe_die


reached: Final = from_environment(os.environ.get(VARIABLE))
