"""A policy file in words: who is promised what, by which calendar, and who is called if it fails.

Tables as `rich` renderables; nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from agents.complaints.sla.calendar_file import DAY_NAMES, DAY_SECONDS
from agents.complaints.sla.calendars import WHOLE_DAY
from agents.complaints.sla.durations import format_duration, format_limit
from agents.complaints.sla.plan import PAUSABLE
from schemas.policy import (
    BUILT_IN_CALENDAR,
    CUSTOMER_TIMEZONE,
    Calendar,
    Condition,
    Escalation,
    Policy,
    PolicySet,
    Promise,
    TimeRange,
    Vocabulary,
)


def draw_policy(policy_set: PolicySet, name: str) -> RenderableType:
    """The whole file: a line about it, its promises, and the calendars they use."""
    used = {promise.calendar for policy in policy_set.policies for promise in policy.promises}
    calendars = [one for one in policy_set.calendars if one.name in used]
    reopen = format_duration(policy_set.reopen_within_seconds)
    head = Text(
        f"{name}, version {policy_set.digest}, zone {policy_set.timezone}; a customer's message"
        f" reopens a resolved complaint within {reopen}"
    )
    own = own_words(policy_set.vocabulary)
    words = [Text(), *map(Text, own)] if own else []
    return Group(
        head, *words, Text(), _promises(policy_set.policies), Text(), _calendars(calendars)
    )


def own_words(vocabulary: Vocabulary) -> list[str]:
    """What the company's own words mean: `severity by priority or tag: P1, 紧急 = critical`."""
    lines = []
    by_meaning: dict[tuple[str, str], list[str]] = {}
    for kind, words in (("severity", vocabulary.severities), ("tier", vocabulary.tiers)):
        for word, meaning in words:
            by_meaning.setdefault((kind, meaning), []).append(word)
    for (kind, meaning), words_of in by_meaning.items():
        where = f" by {' or '.join(vocabulary.severity_from)}" if kind == "severity" else ""
        lines.append(f"{kind}{where}: {', '.join(words_of)} = {meaning}")
    if vocabulary.by_value is not None:
        value = vocabulary.by_value
        steps = [
            f"{tier} from {least / 10_000:,.2f}" if least > 0 else f"{tier} below"
            for tier, least in value.at_least
        ]
        lines.append(f"tier by purchases in {value.currency}: {', '.join(steps)}")
    return lines


def _promises(policies: Sequence[Policy]) -> Table:
    table = Table(title="Promises (the first policy that matches holds)", title_justify="left",
                  box=None, header_style="dim")  # fmt: skip
    for heading in ("policy", "for", "target", "within", "calendar", "warns", "then calls",
                    "stands while"):  # fmt: skip
        table.add_column(heading, overflow="fold")
    for policy in policies:
        who = who_of(policy.when)
        if policy.bot_replies_count:
            who += "; a bot's reply counts"
        for position, promise in enumerate(policy.promises):
            first = position == 0
            cells = (
                policy.name if first else "",
                who if first else "",
                _target_of(promise),
                format_limit(promise.limit),
                promise.calendar,
                ", ".join(warning.name for warning in promise.warn) or "never",
                _calls(promise.escalate),
                _pauses(promise),
            )
            table.add_row(*map(escape, cells))
    return table


def who_of(when: Sequence[Condition]) -> str:
    """For whom a policy holds: `tier vip or major, channel phone`."""
    if not when:
        return "everyone else"
    return ", ".join(f"{line.key} {' or '.join(line.values)}" for line in when)


def _target_of(promise: Promise) -> str:
    """`hand_over from frontline to billing or depot`; any team where none is named."""
    words: list[str] = [promise.target.value]
    for word, teams in (("from", promise.from_teams), ("to", promise.to_teams)):
        if teams:
            words += [word, " or ".join(teams)]
    return " ".join(words)


def _calls(ladder: Sequence[Escalation]) -> str:
    calls = []
    for step in ladder:
        after = (
            "at once" if not step.after_seconds else f"after {format_duration(step.after_seconds)}"
        )
        again = "" if not step.repeat_seconds else f", every {format_duration(step.repeat_seconds)}"
        calls.append(f"{step.to} {after}{again}")
    return "; ".join(calls) or "nobody"


def _pauses(promise: Promise) -> str:
    if promise.target not in PAUSABLE:
        return "never"
    if promise.pause_while is None:
        return "paused for any reason"
    return " or ".join(promise.pause_while) or "never"


def _calendars(calendars: Sequence[Calendar]) -> Table:
    table = Table(title="Calendars", title_justify="left", box=None, header_style="dim")
    for heading in ("calendar", "zone", "hours", "holidays", "closed", "own days"):
        table.add_column(heading, overflow="fold")
    for one in calendars:
        zone = "the customer's" if one.timezone == CUSTOMER_TIMEZONE else one.timezone or ""
        source = one.holidays
        holidays = ""
        if source is not None:
            holidays = source.country + (f", {source.region}" if source.region else "")
        closed = [
            f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"
            for span in one.closed
        ]
        own = [f"{day} {_ranges(hours)}" for day, hours in one.opened]
        cells = (one.name, zone, week_of(one), holidays, ", ".join(closed), ", ".join(own))
        table.add_row(*map(escape, cells))
    return table


def week_of(calendar: Calendar) -> str:
    """`mon-fri 09:00-12:00 13:00-18:00, sat 10:00-16:00`; neighbours with equal hours are one."""
    if all(hours == WHOLE_DAY for hours in calendar.weekly):
        return BUILT_IN_CALENDAR
    parts: list[str] = []
    first = 0
    for day in range(1, 8):
        if day < 7 and calendar.weekly[day] == calendar.weekly[first]:
            continue
        if calendar.weekly[first]:
            names = (
                DAY_NAMES[first] if day - 1 == first else f"{DAY_NAMES[first]}-{DAY_NAMES[day - 1]}"
            )
            parts.append(f"{names} {_ranges(calendar.weekly[first])}")
        first = day
    return ", ".join(parts)


def _ranges(ranges: Sequence[TimeRange]) -> str:
    return " ".join(f"{_wall(hours.opens)}-{_wall(hours.closes)}" for hours in ranges)


def _wall(seconds: int) -> str:
    if seconds > DAY_SECONDS:
        seconds -= DAY_SECONDS
    return f"{seconds // 3_600:02}:{seconds % 3_600 // 60:02}"
