"""Explaining a complaint from what the live views keep: its history, and the policy that judged."""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from msgspec import json

from agents.complaints.sla.clocks import Explanation
from agents.complaints.sla.explaining import explain_complaint
from agents.complaints.sla.plan import Plan
from schemas.explanation import ComplaintClocks, ComplaintHistory
from schemas.policy import PolicySet
from streams.views.reader import ViewReader

PLANS = 8
"""Versions of the policy kept compiled: a company changes its promises some times a year."""


class Explained(NamedTuple):
    """A complaint's clocks for the API and for drawing, and the history they follow from."""

    clocks: ComplaintClocks
    explanations: list[Explanation]
    history: ComplaintHistory
    policy: PolicySet


async def explain_kept(
    reader: ViewReader, complaint_id: str, until: datetime, policy: PolicySet | None = None
) -> Explained | None:
    """Explain a complaint's clocks as of `until`; None where its history or policy is not kept.

    With `policy` it is explained under that one instead of the one that judged it.
    """
    history = await reader.history(complaint_id)
    if history is None:
        return None
    if policy is None:
        policy = await reader.policy(history.policy_version)
        if policy is None:
            return None
    clocks, explanations = explain_complaint(history, _plan(json.encode(policy)), until)
    return Explained(clocks, explanations, history, policy)


@lru_cache(maxsize=PLANS)
def _plan(policy: bytes) -> Plan:
    return Plan(json.decode(policy, type=PolicySet))
