"""How long the broker gathers records for a worker: the busier it is, the longer.

A fold of two records costs several times as much per record as one of fifty: the same tables are
read and written for fewer of them, and the code of one stage has left the processor's cache when it
is the turn of that stage again. So a busy worker asks for more at a time, which takes load from it;
an idle one asks for what there is, because nobody gains by waiting.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from streams.engine.settings import EngineSettings

__all__ = ["LOOK_SECONDS", "Gathering", "gather_seconds"]

LOOK_SECONDS: Final = 0.5
"""How often to look: some twenty fetches, so that one batch of history makes no difference."""


def gather_seconds(busy_ratio: float, settings: EngineSettings) -> float:
    """Between least and most, in proportion to the share of a core the worker uses (0 to 1)."""
    least, most = settings.gather_least_seconds, settings.gather_most_seconds
    return least + (most - least) * min(1.0, max(0.0, busy_ratio))


class Gathering:
    """Measures how busy this process is between one look and the next, and tells the consumer."""

    def __init__(
        self,
        settings: EngineSettings,
        consumer: Any = None,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._settings = settings
        self._tell: Callable[[float], None] | None = getattr(consumer, "gather", None)
        self._clock, self._cpu = clock, cpu
        self._at, self._used = clock(), cpu()

    async def adjust(self) -> None:
        """Let the broker gather for as long as suits what the worker has to do."""
        if self._tell is not None:
            self._tell(self.seconds())

    def seconds(self) -> float:
        """How long to gather from now on."""
        at, used = self._clock(), self._cpu()
        passed, spent = at - self._at, used - self._used
        self._at, self._used = at, used
        return gather_seconds(spent / passed if passed > 0 else 0.0, self._settings)
