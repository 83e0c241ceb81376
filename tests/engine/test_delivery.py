"""The engine on a real broker: workers as processes, killed at every step of the barrier."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from streams.embedded import EmbeddedServices
from streams.engine.failpoints import PLACES
from tests.engine.harness import PATIENCE_SECONDS, Bench, Verdict

pytestmark = [pytest.mark.integration, pytest.mark.slow]

QUICK = {"SESSION": "2", "LEASE": "0", "MAX_RECORDS": "100"}
"""Tansu takes half the session to join and twice to notice a death; a lease that short would fire
on a busy machine."""

DEATHS = 3


@pytest.fixture
async def bench(embedded: EmbeddedServices, tmp_path: Path) -> AsyncIterator[Bench]:
    """Topics of its own on the embedded broker."""
    async with Bench(embedded.bootstrap_servers, tmp_path, dict(QUICK)) as bench:
        yield bench


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something, with patience but not for ever."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not await condition():
        assert time.monotonic() < give_up, "it did not come to that"
        await asyncio.sleep(0.2)


async def feed_until_dead(bench: Bench, armed: dict[str, str]) -> None:
    """Keep records coming while an armed worker dies and is started again, a few times."""

    async def died_enough() -> bool:
        await bench.feed(100)
        bench.restart_the_dead(**armed)
        return bench.exits[-signal.SIGKILL] >= DEATHS

    bench.start("one", **armed)
    await until(died_enough)
    bench.workers["one"].kill()  # the one that was just armed again


async def test_a_worker_folds_commits_and_goes_on_after_a_clean_stop(bench: Bench) -> None:
    """Rows and outputs equal the oracle's; a stop loses nothing and repeats nothing."""
    await bench.feed(2_000)
    bench.start("one")
    await bench.wait_until_done()
    assert await bench.stop("one") == 0
    await bench.feed(1_000)
    bench.start("one")
    await bench.wait_until_done()
    assert await bench.stop("one") == 0
    verdict = await bench.judge()
    assert verdict.wrong == {}
    assert (verdict.purchases, verdict.totals_twice) == (3_000, 0)
    assert verdict.rows == bench.keys


async def killed_at(bench: Bench, place: str) -> Verdict:
    """Records come, the worker dies at this step again and again; no row is wrong in the end."""
    await bench.feed(3_000)
    where = f"{place}:2" if "commit" in place else f"count/{place}:5"
    await feed_until_dead(bench, {"ENGINE_FAILPOINT": where})
    await bench.wait_until_done()
    assert await bench.stop("one") == 0
    verdict = await bench.judge()
    assert verdict.wrong == {}
    return verdict


@pytest.mark.parametrize("place", PLACES)
async def test_kill_9_at_every_step_leaves_the_right_rows(bench: Bench, place: str) -> None:
    """Whatever step the process dies in: no wrong row, nothing missing, duplicates identical."""
    verdict = await killed_at(bench, place)
    assert verdict.lines == bench.fed
    assert verdict.rows_wrong_if_last_wins == 0


@pytest.mark.parametrize("place", ["effects_acked", "changelog_acked", "committed"])
async def test_kill_9_with_rows_on_disk_leaves_the_right_rows(
    bench: Bench, tmp_path: Path, place: str
) -> None:
    """Between acknowledgement and disk, and after both: a later life goes on from what is there."""
    bench.environment["STATE_DIR"] = str(tmp_path / "state")
    verdict = await killed_at(bench, place)
    assert verdict.rows_wrong_if_last_wins == 0
    assert "read anew" not in bench.log_of("one")
    assert "are not used" not in bench.log_of("one")


@pytest.mark.parametrize(
    ("hole", "place"),
    [("commit_first", "committed:9"), ("no_skip", "count/changelog_acked:5")],
)
async def test_the_oracle_finds_a_hole_that_is_put_back(
    bench: Bench, hole: str, place: str
) -> None:
    """Negative control: with a known hole and a kill beside it, the oracle must complain."""
    await bench.feed(3_000)
    await feed_until_dead(bench, {"ENGINE_FAILPOINT": place, "HOLE": hole})
    await bench.wait_until_done(HOLE=hole)
    assert await bench.stop("one") == 0
    assert (await bench.judge()).wrong


async def test_a_record_the_agent_cannot_fold_stops_the_worker_uncommitted(bench: Bench) -> None:
    """An agent that raises ends the process with an error; the record stays for the next one."""
    await bench.feed(500)
    bench.start("one")
    await bench.wait_until_done()
    topic = f"{bench.prefix}.purchases"
    await bench.producer.send_and_wait(topic, b"not json", key=b"c1", partition=0)
    worker = bench.workers["one"]
    assert await asyncio.to_thread(worker.wait, 60) == 1
    assert "JSON is malformed" in bench.log_of("one")
    bench.start("one")
    assert await asyncio.to_thread(bench.workers["one"].wait, 60) == 1
    assert await bench.lag() == 1


async def test_partitions_move_between_two_workers(bench: Bench) -> None:
    """A second worker joins and the first one leaves while records flow."""
    bench.start("one")
    feeding = asyncio.create_task(bench.feed(3_000, per_second=250))
    await asyncio.sleep(3)
    bench.start("two")

    async def both_work() -> bool:
        return "is ready" in bench.log_of("two")

    await until(both_work)
    await asyncio.sleep(1)
    assert await bench.stop("one") == 0
    await feeding
    await bench.wait_until_done()
    assert await bench.stop("two") == 0
    verdict = await bench.judge()
    assert verdict.wrong == {}
    assert (verdict.lines, verdict.purchases) == (3_000, 3_000)
    assert verdict.totals_twice == 0
