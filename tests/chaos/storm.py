"""A storm: traffic, faults while it flows, then quiet, an orderly stop, and the judge."""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from random import Random

from tests.chaos.everything import judge_everything
from tests.chaos.faults import Fault
from tests.chaos.fleet import NAMES, Fleet
from tests.chaos.traffic import Record
from tests.chaos.verdict import Verdict

SEED = int(os.environ.get("CHAOS_SEED", "0")) or int(time.time())
RATE = float(os.environ.get("CHAOS_WORKER_RATE", "300"))
"""Records a second: enough that every fault hits something, slow enough for a busy machine."""
GAP_SECONDS = 2.5
AUDIT_SECONDS = 3.0
"""A turn of the engine's auditor, which mends what a paused worker wrote last."""


async def storm(
    fleet: Fleet,
    faults: Sequence[Fault],
    records: Iterable[Record],
    *,
    rate: float = RATE,
    workers: Sequence[str] = NAMES,
) -> Verdict:
    """Let these faults happen, one after the other, while the records are fed; then judge."""
    chance = Random(SEED)
    print(f"CHAOS_SEED={SEED}")
    fleet.start(*workers)
    await fleet.until_ready(*workers)
    feeding = fleet.feed_meanwhile(records, rate)
    for fault in faults:
        await asyncio.sleep(GAP_SECONDS * chance.uniform(0.4, 1.6))
        await fault(fleet, chance)
    await feeding
    return await after_the_storm(fleet)


async def after_the_storm(
    fleet: Fleet, workers: Sequence[str] = NAMES, audit_seconds: float = AUDIT_SECONDS
) -> Verdict:
    """Everybody at work until all is read and mended, then an orderly stop, then the verdict.

    Where there is only one worker nobody writes what must be mended: `audit_seconds` may be 0.
    """
    fleet.start(*(name for name in workers if name not in fleet.workers))
    await fleet.settle()
    if audit_seconds:
        await fleet.until_ready()
        await asyncio.sleep(audit_seconds)
        await fleet.settle()
    stopped_at = datetime.now(UTC)
    await fleet.stop_all()
    verdict = await judge_everything(fleet, stopped_at)
    print("\n".join(verdict.lines()), f"\nexits: {dict(fleet.exits)}")
    return verdict
