"""Python's garbage collector, set so that it neither stops the worker nor takes a third of it.

Rows are no garbage: walking through all of them again and again is for nothing. Young objects are
looked at while they are still in the processor's cache; of 200,000 that no longer were, one
collection took 200 ms, and all of them twice the share of the time.
"""

import gc
from typing import Final

from streams.engine.settings import EngineSettings

__all__ = ["tune"]

_OLDER_GENERATIONS: Final = (100_000, 10)
"""Collections of the younger generation before the next older one is looked at: hours of work. What
old cycles leave until then goes with the next assignment."""


def tune(settings: EngineSettings) -> None:
    """Collect once, take what is there for permanent, look at young objects only from now on."""
    if settings.tune_gc:
        gc.collect()
        gc.freeze()
        gc.set_threshold(settings.gc_threshold, *_OLDER_GENERATIONS)
