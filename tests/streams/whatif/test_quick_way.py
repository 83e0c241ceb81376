"""A simulated day, judged in one pass and deadline by deadline: the same clocks, the same calls."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from agents.complaints.sla.calendars import to_us
from agents.complaints.sla.fold import in_order
from agents.complaints.sla.hindsight import look_back
from agents.complaints.sla.judging import judge, replay_case
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy
from schemas.alert import AlertKind
from streams.policy_files import load_policy
from streams.whatif.sources import read_history
from tests.streams.whatif.conftest import traffic

__all__ = ["traffic"]

POLICIES = Path(__file__).parents[3] / "deploy" / "policies"
CALLS = (AlertKind.WARNED, AlertKind.BREACHED, AlertKind.ESCALATED)
QUIET_DAYS = 3
"""Looked at this long after the last event, so that promises break and ladders are climbed."""


@pytest.mark.parametrize("name", ["china", "strict"])
def test_a_simulated_day_is_judged_as_its_replay_is(traffic: Path, name: str) -> None:
    """Complaint by complaint; and every one of them goes the quick way."""
    plan = Plan(load_policy(POLICIES / f"{name}.yaml"))
    history = read_history([str(traffic)], default_policy(), None, lambda what, count: None)
    until = history.until + timedelta(days=QUIET_DAYS)
    pages = 0
    for case in history.cases:
        assert look_back(in_order(case.history), plan, case.context, to_us(until)) is not None
        judged = judge(case, plan, until)
        clocks, announced = replay_case(case, plan, until)
        assert [
            clock.snapshot(judged.horizon, plan.digest, merged=judged.is_merged)
            for clock in judged.clocks
        ] == clocks
        said = Counter(
            (to_us(one.announced_at), one.kind) for one in announced if one.kind in CALLS
        )
        assert Counter((at, one.kind) for one in judged.calls for at in one.instants()) == said
        pages += said.total()
    assert pages > len(history.cases)
