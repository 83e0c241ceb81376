"""The judge sees: each defect that is put into a worker is reported by the check that looks for it.

Without these a verdict that finds nothing would prove nothing.
"""

import pytest

from streams.engine.failpoints import VARIABLE
from tests.chaos.fleet import Fleet
from tests.chaos.storm import SEED, after_the_storm
from tests.chaos.traffic import traffic
from tests.chaos.verdict import Verdict

pytestmark = pytest.mark.kafka

RECORDS = 1_500
QUICK = 500.0


async def verdict_on(fleet: Fleet, hole: str, **environment: str) -> Verdict:
    """Let a worker with a hole work, and what came after it if it died."""
    fleet.environment["CHAOS_HOLE"] = hole
    fleet.start("one", **environment)
    await fleet.until_ready()
    await fleet.feed(traffic(SEED, RECORDS), QUICK)
    return await after_the_storm(fleet, ["one"], audit_seconds=0)


@pytest.mark.parametrize(
    ("hole", "check"),
    [
        ("lost_table_row", "rows"),
        ("lost_customer", "rows"),
        ("lost_link", "identity"),
        ("second_identity", "identity"),
        ("lost_alert", "alerts"),
    ],
)
async def test_a_defect_is_found(fleet: Fleet, hole: str, check: str) -> None:
    """What is lost or doubled on purpose is reported by the check that looks for it."""
    verdict = await verdict_on(fleet, hole)
    assert check in verdict.wrong, verdict.lines()


async def test_a_commit_before_the_acknowledgements_is_found(fleet: Fleet) -> None:
    """The classical hole: offsets first, then the crash; a failpoint shows it every time.

    The engine would look back at its next start and fold again what it lacks: not so here.
    """
    verdict = await verdict_on(fleet, "commit_first", **{VARIABLE: "committed:40"})
    assert fleet.exits[-9] >= 1
    assert {"events", "rows"} & set(verdict.wrong), verdict.lines()
