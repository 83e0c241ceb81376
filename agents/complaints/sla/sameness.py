"""Which policies of two files judge alike, so that a what-if judges their complaints once.

Two files mostly differ in a few figures. A complaint whose policy is word for word the same in both
has the same clocks under both, provided that both files choose policies alike and read words alike.
"""

from __future__ import annotations

from collections import Counter

from agents.complaints.sla.plan import Plan
from schemas.policy import Policy, PolicySet

NOTHING: frozenset[str] = frozenset()


def alike(one: Plan, other: Plan) -> frozenset[str]:
    """Names of the policies under which a complaint that never changes policy is judged the same.

    Whatever makes that doubtful (other conditions, words, zone, order or targets) gives none.
    """
    first, second = one.policy_set, other.policy_set
    if (
        first.timezone != second.timezone
        or first.reopen_within_seconds != second.reopen_within_seconds
        or first.vocabulary != second.vocabulary
        or one.promised != other.promised
        or [policy.when for policy in first.policies] != [policy.when for policy in second.policies]
    ):
        return NOTHING
    named = Counter(policy.name for file in (first, second) for policy in file.policies)
    return frozenset(
        policy.name
        for policy, twin in zip(first.policies, second.policies, strict=True)
        if policy == twin
        and named[policy.name] == 2  # once in each: a name must mean one policy
        and _hours(policy, first) == _hours(twin, second)
    )


def _hours(policy: Policy, file: PolicySet) -> list[object]:
    """The calendars that its promises count by; None: the built-in one."""
    calendars = {calendar.name: calendar for calendar in file.calendars}
    return [calendars.get(promise.calendar) for promise in policy.promises]
