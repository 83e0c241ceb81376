"""Places where a test may kill the process, and one environment variable that arms one of them.

`ENGINE_FAILPOINT=changelog_acked:0.01` kills the process with SIGKILL at that place with that
probability. Unset, which is always so outside of tests, each place costs one call of a function
that does nothing.
"""

import os
import random
import signal
from collections.abc import Callable
from typing import Final

__all__ = ["PLACES", "VARIABLE", "from_environment", "reached"]

VARIABLE: Final = "ENGINE_FAILPOINT"
PLACES: Final = ("folded", "effects_acked", "changelog_acked", "before_commit", "committed")


def _nothing(place: str) -> None:
    """The unarmed failpoint."""


def from_environment(setting: str | None) -> Callable[[str], None]:
    """The function to call at each place; raises ValueError on a setting nobody understands."""
    if not setting:
        return _nothing
    armed, _, chance = setting.partition(":")
    if armed not in PLACES:
        raise ValueError(f"{VARIABLE}={setting}: place must be one of {', '.join(PLACES)}")
    probability = float(chance or 1)

    def maybe_die(place: str) -> None:
        if place == armed and random.random() < probability:
            os.kill(os.getpid(), signal.SIGKILL)

    return maybe_die


reached: Final = from_environment(os.environ.get(VARIABLE))
