"""The busier a worker is, the longer the broker gathers records for it, within named limits."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded import EmbeddedServices
from streams.engine import ConfigurationError, EngineSettings
from streams.engine.gathering import Gathering, gather_seconds
from streams.engine.lean import LeanConsumer

SETTINGS = EngineSettings(
    bootstrap_servers="localhost:1",
    group_id="g",
    gather_least_seconds=0.02,
    gather_most_seconds=0.08,
)


@given(st.lists(st.floats(min_value=-1.0, max_value=3.0), min_size=2))
def test_more_work_never_gathers_for_less(ratios: list[float]) -> None:
    """However busy a worker is said to be, it stays within the limits and keeps the order."""
    waits = [gather_seconds(ratio, SETTINGS) for ratio in sorted(ratios)]
    assert all(0.02 <= wait <= 0.08 for wait in waits)
    assert all(earlier <= later for earlier, later in pairwise(waits))


def test_busy_is_counted_since_the_last_look() -> None:
    """An hour of rest does not make the busy second after it look quiet."""
    clock, cpu = iter([0.0, 3600.0, 3601.0, 3601.0]), iter([0.0, 0.0, 1.0, 1.0])
    gathering = Gathering(SETTINGS, None, lambda: next(clock), lambda: next(cpu))
    assert gathering.seconds() == pytest.approx(0.02)
    assert gathering.seconds() == pytest.approx(0.08)
    assert gathering.seconds() == pytest.approx(0.02)  # no time has passed: nothing is known


def test_most_below_least_is_refused() -> None:
    """Limits that contradict each other are refused by name."""
    with pytest.raises(ConfigurationError, match="gather_most_seconds"):
        EngineSettings(
            bootstrap_servers="localhost:1",
            group_id="g",
            gather_least_seconds=0.1,
            gather_most_seconds=0.05,
        )


@pytest.mark.integration
async def test_the_next_fetch_asks_for_it(embedded: EmbeddedServices) -> None:
    """The fetcher of this aiokafka reads the wait anew for every request, in milliseconds."""
    consumer = LeanConsumer(bootstrap_servers=embedded.bootstrap_servers)
    consumer.gather(0.05)  # not started yet: there is nobody to tell
    await consumer.start()
    try:
        fetcher: Any = consumer._fetcher
        assert fetcher._fetch_max_wait_ms == 500  # aiokafka's own
        consumer.gather(0.0512)
        assert fetcher._fetch_max_wait_ms == 51
    finally:
        await consumer.stop()
