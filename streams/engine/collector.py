"""Python's garbage collector, set so that it neither stops the worker nor takes a third of it.

Rows are no garbage: walking through all of them again and again is for nothing. Young objects are
looked at while they are still in the processor's cache; of 200,000 that no longer were, one
collection took 200 ms, and all of them twice the share of the time. So whatever outlives the wait
for the broker must not be in a cycle (`RecordBatch.applied_now`): nobody looks for it soon.
"""

import gc
from typing import Final

from streams.engine.settings import EngineSettings

__all__ = ["tune"]

_OLDER_GENERATIONS: Final = (5, 1_000)
"""Collections of the younger generation before the next older one is looked at: some 10 s of work
for what libraries leave in cycles (folding leaves none), and hours for what is older than that:
rows of customers who wrote lately, and no garbage.
"""


def tune(settings: EngineSettings) -> None:
    """Collect once, take what is there for permanent, look at new objects only from now on."""
    if settings.tune_gc:
        gc.unfreeze()  # what the last assignment took for permanent may be garbage by now
        gc.collect()
        gc.freeze()
        gc.set_threshold(settings.gc_threshold, *_OLDER_GENERATIONS)
