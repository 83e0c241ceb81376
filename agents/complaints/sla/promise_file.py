"""The promises of a policy as people write them: limit, calendar, warnings, whom to call.

`hand_over` may have lines of its own for single teams, which take from the promise what they do
not say themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from agents.complaints.sla.durations import format_limit, parse_duration, parse_limit
from agents.complaints.sla.plan import PAUSABLE
from agents.complaints.sla.vocabulary import normal
from agents.complaints.sla.yaml_reader import Field, Node, Reader, ScalarNode, entry, suggest
from schemas.policy import (
    Calendar,
    Escalation,
    Limit,
    Promise,
    Target,
    Warn,
)

MAX_NAME = 64
"""Names of policies and of people to call become labels of alerts and metrics."""

MIN_REPEAT_SECONDS = 60
"""Calling somebody more often than every minute drowns the call."""

MAX_TEAM_LINES = 200
"""More lines than any company has pairs of teams worth a promise of their own."""

PROMISE_KEYS = ("calendar", "warn", "escalate", "pause_while")
UNREAD = Limit(seconds=1)
"""Stands where a limit is missing; the reader has a problem then, and nothing is promised."""


def read_promises(
    reader: Reader, name: str, node: Node, calendars: Mapping[str, Calendar]
) -> list[Promise]:
    """What one entry of `targets` promises: one promise, or several between teams."""
    target = Target(name)
    if target is Target.HAND_OVER:
        return _between_teams(reader, node, calendars)
    key = "every" if target is Target.UPDATE else "within"
    fields = reader.mapping(node, target, (key, *PROMISE_KEYS), required=(key,))
    return [_read(reader, Promise(target=target, limit=UNREAD), fields, key, calendars)]


def _between_teams(reader: Reader, node: Node, calendars: Mapping[str, Calendar]) -> list[Promise]:
    """The lines of single teams first, then what holds for all others, if anything does."""
    target = Target.HAND_OVER
    fields = reader.mapping(node, target, ("within", "teams", *PROMISE_KEYS))
    lines_node = entry(fields, "teams")
    if "within" not in fields and lines_node is None and not reader.problems:
        fix = "add `within:` for all teams, or `teams:` for some"
        reader.problem(node, f"{target} has no limit", fix)
    general = _read(reader, Promise(target=target, limit=UNREAD), fields, "within", calendars)
    lines = [] if lines_node is None else reader.sequence(lines_node, "teams")
    if len(lines) > MAX_TEAM_LINES:
        reader.problem(lines[MAX_TEAM_LINES], "too many lines", f"{MAX_TEAM_LINES} are allowed")
    promises: list[Promise] = []
    for line in lines[:MAX_TEAM_LINES]:
        promise = _line(reader, line, general, calendars)
        for other in promises:
            if _covers(other, promise):
                fix = "move it up, or remove it: the first line that matches holds"
                reader.problem(line, "a line above holds for all of this", fix)
                break
        promises.append(promise)
    return [*promises, general] if "within" in fields else promises


def _line(
    reader: Reader, node: Node, general: Promise, calendars: Mapping[str, Calendar]
) -> Promise:
    known = ("from", "to", "within", *PROMISE_KEYS)
    fields = reader.mapping(node, "a line of `teams`", known)
    if isinstance(node.value, list) and not {"from", "to"} & fields.keys():
        reader.problem(node, "this line names no team", "add `to:`, with whom the complaint rests")
    if "within" not in fields and general.limit is UNREAD:
        reader.problem(node, "this line has no limit", "add `within:` here, or above for all")
    promise = _read(reader, general, fields, "within", calendars)
    early = [warn.name for warn in promise.warn if is_early(warn, promise.limit)]
    if early and "warn" not in fields:
        fix = "give this line a `warn` of its own"
        reader.problem(node, f"{early[0]} of the promise above is before this clock starts", fix)
    from_node, to_node = entry(fields, "from"), entry(fields, "to")
    return replace(
        promise,
        from_teams=() if from_node is None else _teams(reader, from_node, "from"),
        to_teams=() if to_node is None else _teams(reader, to_node, "to"),
    )


def _teams(reader: Reader, node: Node, key: str) -> tuple[str, ...]:
    teams = reader.texts(node, key)
    if not any(team.strip() for team in teams) and not reader.problems:
        reader.problem(node, f"{key} names no team", "name one, or remove it for any")
    return teams


def _covers(first: Promise, second: Promise) -> bool:
    """Whether the second line can never hold, because the first matches wherever it would."""

    def within(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
        return not many or (bool(few) and {*map(normal, few)} <= {*map(normal, many)})

    return within(second.from_teams, first.from_teams) and within(second.to_teams, first.to_teams)


def _read(
    reader: Reader,
    base: Promise,
    fields: Mapping[str, Field],
    key: str,
    calendars: Mapping[str, Calendar],
) -> Promise:
    """The promise with what the fields say of it; what they leave out stays as it was."""
    limit_node, calendar_node = entry(fields, key), entry(fields, "calendar")
    limit = base.limit
    if limit_node is not None:
        limit = reader.parsed(limit_node, f"{base.target}.{key}", parse_limit) or Limit(seconds=1)
    calendar = base.calendar
    if calendar_node is not None:
        calendar = reader.text(calendar_node, "calendar") or calendar
        if calendar not in calendars:
            fix = suggest(calendar, calendars)
            reader.problem(calendar_node, f"no calendar is named {calendar!r}", fix)
    warn_node, escalate_node = entry(fields, "warn"), entry(fields, "escalate")
    pause_node = entry(fields, "pause_while")
    return replace(
        base,
        limit=limit,
        calendar=calendar,
        warn=base.warn if warn_node is None else _warnings(reader, warn_node, limit),
        escalate=base.escalate if escalate_node is None else _ladder(reader, escalate_node),
        pause_while=(
            base.pause_while
            if pause_node is None
            else _pause_while(reader, base.target, pause_node)
        ),
    )


def read_name(reader: Reader, node: Node, what: str) -> str:
    """A name that becomes a label: of a policy, or of whom to call."""
    name = reader.text(node, what) or ""
    if len(name) > MAX_NAME:
        reader.problem(node, f"{what} is longer than {MAX_NAME} characters", "shorten it")
    return name


def _pause_while(reader: Reader, target: Target, node: Node) -> tuple[str, ...]:
    if target not in PAUSABLE:
        reader.problem(node, f"{target} never pauses", "remove `pause_while` here")
    return reader.texts(node, "pause_while")


def _warnings(reader: Reader, node: Node, limit: Limit) -> tuple[Warn, ...]:
    warnings: list[Warn] = []
    for item in reader.sequence(node, "warn"):
        warn = reader.parsed(item, "warn", parse_warn)
        if warn is None:
            continue
        if any(warn.name == other.name for other in warnings):
            reader.problem(item, f"{warn.name} stands here twice", "remove one")
        if is_early(warn, limit):
            fix = f"the promise is {format_limit(limit)} long, warn later"
            reader.problem(item, f"{warn.name} is before the clock starts", fix)
        warnings.append(warn)
    return tuple(warnings)


def is_early(warn: Warn, limit: Limit) -> bool:
    """Whether the warning would come before the clock starts."""
    if limit.seconds is None or limit is UNREAD:
        return False
    return (warn.before_seconds or 0) >= limit.seconds


def parse_warn(text: str) -> Warn:
    """`80%` of the limit, or `-5m` before due. Raises ValueError."""
    how = "write a share like 80%, or a time before due like -5m"
    if text.endswith("%"):
        number = text[:-1]
        if not number.replace(".", "", 1).isdecimal() or not number.isascii() or len(number) > 8:
            raise ValueError(f"{text!r} is not a share: {how}")
        percent = float(number)
        if not 0 < percent < 100:
            raise ValueError(f"{text!r} is not between 0% and 100%: {how}")
        return Warn(text, percent=percent)
    if not text.startswith("-"):
        raise ValueError(f"{text!r} is not a warning: {how}")
    seconds = parse_duration(text[1:])
    if seconds == 0:
        raise ValueError(f"{text!r} is no time before due: {how}")
    return Warn(text, before_seconds=seconds)


def _ladder(reader: Reader, node: Node) -> tuple[Escalation, ...]:
    steps: list[Escalation] = []
    for item in reader.sequence(node, "escalate"):
        fields = reader.mapping(
            item, "an escalation", ("after", "to", "repeat"), required=("after", "to")
        )
        if "after" not in fields or "to" not in fields:
            continue
        after = reader.parsed(fields["after"][1], "after", parse_duration)
        to_node, repeat_node = fields["to"][1], entry(fields, "repeat")
        if isinstance(to_node, ScalarNode) and "#" in to_node.value:
            reader.problem(to_node, "a name with #", "repeats are numbered with it; rename it")
        repeat = None
        if repeat_node is not None:
            repeat = reader.parsed(repeat_node, "repeat", parse_duration)
            if repeat is not None and repeat < MIN_REPEAT_SECONDS:
                reader.problem(repeat_node, "repeat is shorter than a minute", "write 1m or more")
        steps.append(Escalation(after or 0, read_name(reader, to_node, "to"), repeat))
    return tuple(steps)
