"""A policy file compiled for the clocks: which policy holds, and which calendar counts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agents.complaints.sla.calendars import SECOND, WHOLE_DAY, WorkingCalendar, make_calendar
from agents.complaints.sla.vocabulary import VALUE, Words, normal
from schemas.policy import (
    BUILT_IN_CALENDAR,
    CUSTOMER_TIMEZONE,
    Calendar,
    ComplaintContext,
    Condition,
    Escalation,
    Policy,
    PolicySet,
    Promise,
    Target,
    Warn,
)

MAX_CUSTOMER_ZONES = 64
"""Compiled zones kept per policy file; the least recently used go. A zone costs about 0.2 MB a
calendar with split hours, and few companies have customers in more zones than this at once."""

MAX_ZONE_NAMES = 1_024
"""Spellings of customers' zones remembered. There are about 600 zones; the rest is bad data."""

ALWAYS = Calendar(name=BUILT_IN_CALENDAR, weekly=(WHOLE_DAY,) * 7)
TARGETS = tuple(Target)
PAUSABLE = frozenset(Target) - {Target.ACKNOWLEDGEMENT, Target.FIRST_RESPONSE}
"""The targets whose clock a pause stops; nobody's first answer waits for the customer."""


class Term:
    """A promise bound to its policy and to the calendar that counts for one customer."""

    __slots__ = (
        "calendar",
        "calendar_name",
        "escalate",
        "limit_us",
        "pause_while",
        "policy_name",
        "target",
        "warn",
        "working_days",
    )

    def __init__(self, policy: Policy, promise: Promise, calendar: WorkingCalendar) -> None:
        self.policy_name = policy.name
        self.target = promise.target
        self.calendar = calendar
        self.calendar_name = promise.calendar
        self.limit_us = (promise.limit.seconds or 0) * SECOND
        self.working_days = promise.limit.working_days
        self.warn: tuple[Warn, ...] = promise.warn
        self.escalate = _named(promise.escalate)
        self.pause_while = None if promise.pause_while is None else frozenset(promise.pause_while)

    def pauses_for(self, reason: str) -> bool:
        """Whether a pause with this reason stops the clock."""
        if self.target not in PAUSABLE:
            return False
        return self.pause_while is None or reason in self.pause_while


class Terms:
    """What one policy promises one customer, by the position of the target."""

    __slots__ = ("_between_teams", "bot_replies_count", "by_target", "policy_name")

    def __init__(
        self,
        policy: Policy,
        by_target: tuple[Term | None, ...],
        between_teams: tuple[tuple[frozenset[str], frozenset[str], Term], ...] = (),
    ) -> None:
        self.policy_name = policy.name
        self.bot_replies_count = policy.bot_replies_count
        self.by_target = by_target
        self._between_teams = between_teams

    def between(self, from_team: str, to_team: str) -> Term | None:
        """What the team that holds a complaint owes: the first line that names the two of them."""
        giver, holder = normal(from_team), normal(to_team)
        for givers, holders, term in self._between_teams:
            if (not givers or giver in givers) and (not holders or holder in holders):
                return term
        return None


class Plan:
    """A compiled `PolicySet`. Immutable to its users; make it once and keep it.

    Raises ValueError if no policy is left for the rest, or if a calendar or a zone is unknown:
    `policy_file` reports these with their place before it comes so far.
    """

    def __init__(self, policy_set: PolicySet) -> None:
        if not policy_set.policies or policy_set.policies[-1].when:
            raise ValueError("the last policy must have no `when`, so that one always matches")
        self.policy_set = policy_set
        self.digest = policy_set.digest
        self.reopen_within_us = policy_set.reopen_within_seconds * SECOND
        self.zone = ZoneInfo(policy_set.timezone)
        self.words = Words(policy_set.vocabulary)
        self.promised = tuple(
            any(promise.target is target for policy in policy_set.policies
                for promise in policy.promises)
            for target in TARGETS
        )  # fmt: skip
        self._specs = {calendar.name: calendar for calendar in policy_set.calendars}
        self._specs.setdefault(BUILT_IN_CALENDAR, ALWAYS)
        self._conditions = [[_Test(line) for line in policy.when] for policy in policy_set.policies]
        self._follows_customer = any(
            spec.timezone == CUSTOMER_TIMEZONE for spec in policy_set.calendars
        )
        self._zones: dict[str, ZoneInfo] = {}
        self._fixed: dict[str, WorkingCalendar] = {
            name: make_calendar(spec, ZoneInfo(spec.timezone) if spec.timezone else self.zone)
            for name, spec in self._specs.items()
            if spec.timezone != CUSTOMER_TIMEZONE
        }
        self._terms: OrderedDict[str, list[Terms]] = OrderedDict()
        self._terms_for(self.zone)

    def terms(self, context: ComplaintContext) -> Terms:
        """What is promised in this context: the first policy that matches."""
        zone = self.zone
        if self._follows_customer and context.timezone:
            zone = self._customer_zone(context.timezone)
        for position, tests in enumerate(self._conditions):
            if all(test.holds(context) for test in tests):
                return self._terms_for(zone)[position]
        raise AssertionError("the last policy has no conditions")

    def _customer_zone(self, name: str) -> ZoneInfo:
        """The customer's zone; the file's where nobody knows that name."""
        zone = self._zones.get(name)
        if zone is None:
            zone = find_zone(name) or self.zone
            if len(self._zones) < MAX_ZONE_NAMES:
                self._zones[name] = zone
        return zone

    def _terms_for(self, zone: ZoneInfo) -> list[Terms]:
        known = self._terms.get(zone.key)
        if known is not None:
            self._terms.move_to_end(zone.key)
            return known
        calendars = self._fixed | {
            name: make_calendar(spec, zone)
            for name, spec in self._specs.items()
            if spec.timezone == CUSTOMER_TIMEZONE
        }
        made = [_bind(policy, calendars) for policy in self.policy_set.policies]
        self._terms[zone.key] = made
        if len(self._terms) > MAX_CUSTOMER_ZONES:
            self._terms.popitem(last=False)
        return made


def find_zone(name: str) -> ZoneInfo | None:
    """The IANA zone of that name, or None."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def change_context(context: ComplaintContext, changes: dict[str, str]) -> ComplaintContext:
    """The context with new values; `attributes.NAME` changes one attribute, `value.CUR` adds to
    what was bought, unknown keys change nothing."""
    fields: dict[str, object] = {}
    attributes, bought = context.attributes, context.value
    for key, value in changes.items():
        if key.startswith(VALUE):
            currency = key.removeprefix(VALUE)
            bought = bought | {currency: bought.get(currency, 0) + int(value)}
        elif key.startswith("attributes."):
            attributes = attributes | {key.removeprefix("attributes."): value}
        elif key in _TEXT_FIELDS:
            fields[key] = value
    return msgspec.structs.replace(context, attributes=attributes, value=bought, **fields)


_TEXT_FIELDS = frozenset(ComplaintContext.__struct_fields__) - {"attributes", "tags", "value"}


class _Test:
    """One condition, ready to be asked. Case and width do not matter: nobody means CN but not
    cn."""

    __slots__ = ("_read", "_values")

    def __init__(self, condition: Condition) -> None:
        self._values = frozenset(normal(value) for value in condition.values)
        self._read = _reader(condition.key)

    def holds(self, context: ComplaintContext) -> bool:
        return normal(self._read(context)) in self._values


def _reader(key: str) -> Callable[[ComplaintContext], str]:
    if key.startswith("attributes."):
        name = key.removeprefix("attributes.")
        return lambda context: context.attributes.get(name, "")
    if key not in _TEXT_FIELDS:
        raise ValueError(f"no policy can be chosen by {key!r}")
    return lambda context: str(getattr(context, key))


def _bind(policy: Policy, calendars: dict[str, WorkingCalendar]) -> Terms:
    by_target: dict[Target, Term] = {}
    between_teams = []
    for promise in policy.promises:
        if promise.calendar not in calendars:
            raise ValueError(f"{policy.name}: no calendar is named {promise.calendar!r}")
        term = Term(policy, promise, calendars[promise.calendar])
        if promise.target is not Target.HAND_OVER:
            by_target[promise.target] = term
            continue
        givers, holders = (
            frozenset(map(normal, teams)) for teams in (promise.from_teams, promise.to_teams)
        )
        between_teams.append((givers, holders, term))
    return Terms(policy, tuple(by_target.get(target) for target in TARGETS), tuple(between_teams))


def _named(ladder: tuple[Escalation, ...]) -> tuple[tuple[str, Escalation], ...]:
    """The steps in order of time, each with a name that is its own: `lead`, `lead (2)`."""
    seen: dict[str, int] = {}
    named = []
    for step in sorted(ladder, key=lambda step: step.after_seconds):
        seen[step.to] = seen.get(step.to, 0) + 1
        count = seen[step.to]
        named.append((step.to if count == 1 else f"{step.to} ({count})", step))
    return tuple(named)
