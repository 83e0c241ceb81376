"""Which version of the policy judges which complaint: a function of one partition's log.

A version becomes known to a partition by a `PolicyChanged` in its log. A complaint gets the one
that was in force when it was opened, and keeps it: a promise once made is not changed by a new
file. Only a retroactive version moves what is open, each customer at the first event after it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from agents.complaints.sla.plan import Plan
from schemas.customer import POLICY_VERSIONS, PolicyEntry, PolicyHistory
from schemas.events import PolicyChanged, PolicyEvent, PolicySettled
from schemas.policy import PolicySet

COMPILED_VERSIONS = 32
"""Versions kept compiled in a process; the least recently used go and are compiled again."""

Load = Callable[[str], PolicySet | None]
"""Finds a version by its digest."""


class Plans:
    """Compiled versions by digest, shared by all partitions of a process."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    def known(self, version: str) -> Plan | None:
        """The plan of a version, if it is compiled."""
        plan = self._plans.get(version)
        if plan is not None:
            self._plans.move_to_end(version)
        return plan

    def compile(self, policy: PolicySet) -> Plan:
        """The plan of a policy. Raises ValueError where it cannot be used here."""
        plan = self.known(policy.digest)
        if plan is None:
            try:
                plan = Plan(policy)
            except (KeyError, OSError) as error:  # a time zone that is not installed here
                raise ValueError(f"policy {policy.digest} cannot be used: {error}") from error
            self._plans[policy.digest] = plan
            if len(self._plans) > COMPILED_VERSIONS:
                self._plans.popitem(last=False)
        return plan


class PolicyBook:
    """The versions a partition knows, oldest first, with at least one in it. Immutable."""

    def __init__(self, entries: tuple[PolicyEntry, ...], load: Load, plans: Plans) -> None:
        self.entries = entries
        self._load = load
        self._plans = plans
        self._versions = frozenset(entry.version for entry in entries)
        self.retroactive: PolicyEntry | None = next(
            (entry for entry in reversed(entries) if entry.retroactive), None
        )
        """The newest version that reaches back."""

    def plan_of(self, version: str) -> Plan:
        """The plan of a version; of one that is not kept, or of none, the oldest that is."""
        plan = self._plans.known(version)
        if plan is not None:
            return plan
        if version not in self._versions:
            version = self.entries[0].version
        policy = self._load(version)
        if policy is None:
            raise LookupError(f"policy {version} is listed in this partition, but not kept there")
        return self._plans.compile(policy)

    def version_for(self, opened_at: datetime) -> str:
        """The version for a complaint opened then: the one in force, or a later retroactive one.

        What was opened before any version was published is judged by the newest: nobody knows
        what was promised then.
        """
        if self.entries[0].published_at <= opened_at:
            for entry in reversed(self.entries):
                if entry.published_at <= opened_at or entry.retroactive:
                    return entry.version
        return self.entries[-1].version


def learn(known: PolicyHistory, event: PolicyEvent) -> tuple[PolicyHistory, list[str]]:
    """What a partition knows after the event, and the versions it need not keep any more.

    A version that was published no later than the newest known is no news: it was announced twice,
    or by a worker that had not read the newer one yet.
    """
    entries = known.entries
    if isinstance(event, PolicySettled):
        settled = tuple(
            replace(entry, settled=True)
            if (entry.version, entry.published_at) == (event.version, event.published_at)
            else entry
            for entry in entries
        )
        return (known if settled == entries else PolicyHistory(settled)), []
    if not is_news(known, event):
        return known, []
    policy = event.policy
    entries = (*entries, PolicyEntry(policy.digest, event.published_at, policy.retroactive))
    kept = entries[-POLICY_VERSIONS:]
    needed = {entry.version for entry in kept}
    return PolicyHistory(kept), [e.version for e in entries if e.version not in needed]


def is_news(known: PolicyHistory, event: PolicyChanged) -> bool:
    """Whether this version is newer than all a partition knows, and another than the last."""
    if not known.entries:
        return True
    last = known.entries[-1]
    return event.published_at > last.published_at and event.policy.digest != last.version


class Learned:
    """What one partition's log has told of versions, kept in memory: for replays."""

    def __init__(self, plans: Plans | None = None) -> None:
        self.history = PolicyHistory()
        self.policies: dict[str, PolicySet] = {}
        self.book: PolicyBook | None = None
        self._plans = plans or Plans()

    def learn(self, event: PolicyEvent) -> None:
        """Take in an event. Raises ValueError for a version that cannot be used here."""
        if isinstance(event, PolicyChanged):
            self._plans.compile(event.policy)
            if is_news(self.history, event):
                self.policies[event.policy.digest] = event.policy
        self.history, gone = learn(self.history, event)
        for version in gone:
            del self.policies[version]
        if self.history.entries:
            self.book = PolicyBook(self.history.entries, self.policies.get, self._plans)
