"""The policy file as structs: what a company promises, to whom, and by which calendar.

This is the parsed form. `agents/complaints/sla/policy_file.py` reads it from YAML and reports every
problem with its place; `agents/complaints/sla/plan.py` compiles it for the clocks.
"""

from __future__ import annotations

import datetime as dt
import enum

import msgspec

POLICY_FILE_VERSION = 1
BUILT_IN_CALENDAR = "24x7"
"""The calendar of a target that names none: every second counts."""

CUSTOMER_TIMEZONE = "customer"
"""`timezone: customer`: the calendar is kept in the customer's own zone."""

DEFAULT_REOPEN_WITHIN_SECONDS = 7 * 86_400


class Target(enum.StrEnum):
    """One kind of promise. The order of declaration is the order in which announcements stand."""

    ACKNOWLEDGEMENT = "acknowledgement"
    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    UPDATE = "update"
    FIRST_RESOLUTION = "first_resolution"
    TOTAL_RESOLUTION = "total_resolution"
    HAND_OVER = "hand_over"
    """What teams owe each other (ITIL: operational level agreement), one wait a hand-over."""


class TimeRange(msgspec.Struct, frozen=True, array_like=True):
    """Opening hours that begin on one local day, as seconds on that day's wall clock.

    `closes` is above 86,400 when the range runs into the next day (22:00-06:00 is 79,200-108,000).
    """

    opens: int
    closes: int


class HolidaySource(msgspec.Struct, frozen=True, omit_defaults=True):
    """Public holidays of a country, optionally of one of its regions (`holidays` package codes)."""

    country: str
    region: str | None = None


class HolidayDays(msgspec.Struct, frozen=True, omit_defaults=True):
    """Holidays written out: days off, and days worked in return, each in order.

    A published version carries them, so that it means the same wherever it is read, whatever the
    `holidays` package knows there.
    """

    off: tuple[dt.date, ...] = ()
    worked: tuple[dt.date, ...] = ()


class DateSpan(msgspec.Struct, frozen=True, array_like=True):
    """Local days from `first` to `last`, both included."""

    first: dt.date
    last: dt.date


class Calendar(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When time counts.

    `timezone` is an IANA name, `customer`, or None for the file's. `weekly` has seven entries,
    Monday first. A day's own hours (`opened`) win over closures, closures over make-up working days
    and holidays, those over `weekly`.
    """

    name: str
    timezone: str | None = None
    weekly: tuple[tuple[TimeRange, ...], ...]
    holidays: HolidaySource | None = None
    closed: tuple[DateSpan, ...] = ()
    opened: tuple[tuple[dt.date, tuple[TimeRange, ...]], ...] = ()
    holiday_days: HolidayDays | None = None
    """What `holidays` stands for, once written out; None: the package is asked."""


class Limit(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long a promise may take: counted seconds, or whole working days; exactly one is set."""

    seconds: int | None = None
    working_days: int | None = None


class Warn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A warning: at a share of the limit, or some counted seconds before due; one of the two."""

    name: str
    percent: float | None = None
    before_seconds: int | None = None


DEFAULT_WARNINGS = (Warn("50%", percent=50.0), Warn("80%", percent=80.0))


class Escalation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom to call, how many wall-clock seconds after the breach, and how often again."""

    after_seconds: int
    to: str
    repeat_seconds: int | None = None


class Promise(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One target of one policy. `pause_while` None: every reason for a pause stops the clock.

    Of `hand_over` a policy may make several promises, the first that matches holds: `from_teams` is
    who handed the complaint over, `to_teams` with whom it rests; empty: any.
    """

    target: Target
    limit: Limit
    calendar: str = BUILT_IN_CALENDAR
    warn: tuple[Warn, ...] = DEFAULT_WARNINGS
    escalate: tuple[Escalation, ...] = ()
    pause_while: tuple[str, ...] | None = None
    from_teams: tuple[str, ...] = ()
    to_teams: tuple[str, ...] = ()


class Condition(msgspec.Struct, frozen=True):
    """One line of `when`: the value of `key` must be one of `values`.

    `key` is a field of `ComplaintContext`, or `attributes.NAME`.
    """

    key: str
    values: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The promises that hold where every condition of `when` holds."""

    name: str
    when: tuple[Condition, ...] = ()
    promises: tuple[Promise, ...]
    bot_replies_count: bool = False


class TierByValue(msgspec.Struct, frozen=True):
    """Tiers by what a customer bought: (tier, at least so much), the highest first.

    Amounts are ten-thousandths of the currency, so that every sum is exact. Below the last of them
    a customer is common.
    """

    currency: str
    at_least: tuple[tuple[str, int], ...]


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A company's own words: (its word, a severity) and (its word, a tier).

    `severity_from` are the places where a severity may stand, the first that knows its word counts:
    priority, tag, category.
    """

    severities: tuple[tuple[str, str], ...] = ()
    severity_from: tuple[str, ...] = ("priority",)
    tiers: tuple[tuple[str, str], ...] = ()
    by_value: TierByValue | None = None


class PolicySet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole policy file. `digest` names its content: clocks say which text judged them.

    `retroactive`: complaints that are open when this version is published are judged by it, too.
    """

    version: int = POLICY_FILE_VERSION
    timezone: str = "UTC"
    reopen_within_seconds: int = DEFAULT_REOPEN_WITHIN_SECONDS
    calendars: tuple[Calendar, ...] = ()
    policies: tuple[Policy, ...]
    vocabulary: Vocabulary = Vocabulary()
    retroactive: bool = False
    digest: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong in a file a person wrote: where (from 1), what, and what to do."""

    file: str
    line: int
    column: int
    message: str
    fix: str

    def __str__(self) -> str:
        """`file:line:column: message; fix`, the form editors and terminals make clickable."""
        return f"{self.file}:{self.line}:{self.column}: {self.message}; {self.fix}"


class ComplaintContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What `when` looks at: the complaint as it was opened and the customer who opened it.

    `channel` and `kind` are those of the opening interaction. Later changes of any of these come as
    `changed` events, so that the policy of each moment can be told. Words stand here as they were
    said; the policy translates them. `severity` is what the complaint's own words say, the
    publisher's stands in `attributes` (priority), `tags` and `category`. `value` is what the
    customer had bought, by currency, in ten-thousandths.
    """

    tier: str = ""
    channel: str = ""
    severity: str = ""
    category: str = ""
    region: str = ""
    language: str = ""
    kind: str = ""
    timezone: str = ""
    attributes: dict[str, str] = {}
    tags: list[str] = []
    value: dict[str, int] = {}
