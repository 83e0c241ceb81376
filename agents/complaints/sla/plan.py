"""A policy file compiled for the clocks."""

from __future__ import annotations

from schemas.policy import PolicySet


class Plan:
    """A compiled `PolicySet`: immutable to its users, caches calendars by zone. Make it once."""

    def __init__(self, policy_set: PolicySet) -> None:
        self.policy_set = policy_set
