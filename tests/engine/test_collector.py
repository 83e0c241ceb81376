"""What the collector is told at an assignment."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.engine import EngineSettings
from streams.engine.collector import tune

SETTINGS = EngineSettings(bootstrap_servers="none", group_id="g", gc_threshold=12_345)


class Node:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the collector as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_was_permanent_may_be_garbage_at_the_next_assignment() -> None:
    """Lanes that went away are not kept for ever because they were there once."""
    lane = Node()
    gone = weakref.ref(lane)
    tune(SETTINGS)
    del lane
    gc.collect()
    assert gone() is not None, "permanent: nobody looks at it"
    tune(SETTINGS)
    assert gone() is None


def test_it_looks_at_young_objects_as_often_as_the_settings_say() -> None:
    """And leaves everything as it is where it is told to."""
    tune(EngineSettings(bootstrap_servers="none", group_id="g", gc_threshold=1, tune_gc=False))
    assert gc.get_threshold()[0] != 1
    tune(SETTINGS)
    assert gc.get_threshold()[0] == 12_345
    assert gc.get_freeze_count() > 0
