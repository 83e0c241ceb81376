"""Runs journeys on a virtual clock and tells, readably, where they differ from what was expected.

`JourneyDriver` is what a journey needs of the world. `ClockDriver` drives the clocks directly; the
customer pipeline has a driver of its own, so that the same file also proves the steps of
production.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from agents.complaints.sla.durations import format_duration
from agents.complaints.sla.journey_file import (
    Expected,
    Journey,
    JourneyEvent,
    format_instant,
)
from agents.complaints.sla.plan import TARGETS, Plan
from agents.complaints.sla.replay import MAX_WAKES as MAX_WAKES  # drivers of journeys need it
from agents.complaints.sla.replay import Replay
from schemas.alert import AlertKind
from schemas.clock import Announcement, Clock, ComplaintEvent, ComplaintEventKind
from schemas.policy import ComplaintContext

KIND_ORDER = {kind: position for position, kind in enumerate(AlertKind)}
TARGET_ORDER = {target: position for position, target in enumerate(TARGETS)}


class JourneyDriver(Protocol):
    """One complaint in a world whose clock the journey moves.

    `arrive` hands over an event that becomes known at `event.arrives`. `advance` fires every
    deadline that is due up to and including `to`; an event that arrives at the very instant of a
    deadline has been handed over before it.
    """

    def arrive(self, event: JourneyEvent) -> None:
        """Learn of an event, at `event.arrives`."""

    def advance(self, to: dt.datetime, *, inclusive: bool) -> None:
        """Fire the deadlines before `to`, and those at `to` where `inclusive`."""

    def clocks(self) -> Sequence[Clock]:
        """Every clock as it stands now, in order of start."""

    @property
    def announced(self) -> Sequence[Announcement]:
        """Everything announced so far, in order."""


DriverFactory = Callable[[Journey], JourneyDriver]


class Difference(msgspec.Struct, frozen=True):
    """A line that is missing (`-`), not expected (`+`), or equal ( ), for the diff."""

    sign: str
    text: str


class JourneyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one journey. It passed if no difference was found."""

    journey: Journey
    differences: list[Difference]

    @property
    def passed(self) -> bool:
        """Whether everything expected, and nothing else, happened."""
        return all(difference.sign == " " for difference in self.differences)


class ClockDriver:
    """Drives `evaluate` and `announce` directly."""

    def __init__(self, journey: Journey) -> None:
        self._replay = Replay(Plan(journey.policy), ComplaintContext())
        self._customer = journey.customer
        self._attributes = journey.attributes

    def arrive(self, event: JourneyEvent) -> None:
        """Add it to the history, and announce what it resolves."""
        known = _complaint_event(event)
        if known is None:
            return
        if event.complaint is not None and not self._replay.history:
            self._replay.context = self._opening(event.channel, event.complaint)
        self._replay.arrive(known, event.arrives)

    def _opening(self, channel: str, said: Mapping[str, str]) -> ComplaintContext:
        named = {key: said[key] for key in ("team", "priority") if key in said}
        customer = self._customer
        return ComplaintContext(
            tier=customer.get("tier", ""),
            channel=channel,
            severity=said.get("severity", ""),
            category=said.get("category", ""),
            region=customer.get("region", ""),
            language=customer.get("language", ""),
            kind=said.get("kind", ""),
            timezone=customer.get("timezone", ""),
            attributes=self._attributes | named,
            tags=[said["tag"]] if "tag" in said else [],
        )

    def advance(self, to: dt.datetime, *, inclusive: bool) -> None:
        """Fire one deadline after the other, each at its own instant."""
        self._replay.advance(to, inclusive=inclusive)

    def clocks(self) -> list[Clock]:
        """Every clock now."""
        return self._replay.clocks()

    @property
    def announced(self) -> list[Announcement]:
        """Everything announced so far."""
        return self._replay.announced


def _complaint_event(event: JourneyEvent) -> ComplaintEvent | None:
    what = _KINDS.get(event.command or event.actor)
    if what is None:
        return None
    if event.complaint is not None:
        what = ComplaintEventKind.OPENED
    return ComplaintEvent(
        at=event.at,
        id=f"event-{event.number}",
        what=what,
        sequence=event.number,
        channel=event.channel,
        reason=event.reason,
        changes={
            f"attributes.{key}" if key in _ATTRIBUTES else key: value
            for key, value in event.changes.items()
            if event.command
        },
        team="" if event.command else event.changes.get("team", ""),
    )


_ATTRIBUTES = frozenset({"team", "owner", "priority"})
_KINDS = {
    "customer": ComplaintEventKind.CUSTOMER_MESSAGE,
    "staff": ComplaintEventKind.HUMAN_REPLY,
    "bot": ComplaintEventKind.BOT_REPLY,
    "acknowledge": ComplaintEventKind.ACKNOWLEDGED,
    "pause": ComplaintEventKind.PAUSED,
    "resume": ComplaintEventKind.RESUMED,
    "resolve": ComplaintEventKind.RESOLVED,
    "reopen": ComplaintEventKind.REOPENED,
    "assign": ComplaintEventKind.CHANGED,
    "change": ComplaintEventKind.CHANGED,
}
"""Notes are not here: what stays inside the house moves no clock."""


def run_journey(journey: Journey, make_driver: DriverFactory = ClockDriver) -> JourneyResult:
    """Let the journey happen, then compare."""
    driver = make_driver(journey)
    for event in journey.events:
        if event.arrives > journey.until:
            break
        driver.advance(event.arrives, inclusive=False)
        driver.arrive(event)
    driver.advance(journey.until, inclusive=True)
    zone = ZoneInfo(journey.zone)
    differences: list[Difference] = []
    if journey.clocks is not None:
        found = [_clock_fields(clock, zone) for clock in driver.clocks()]
        differences += _compare("clock", journey.clocks, found)
    if journey.announced is not None:
        spoken = sorted(driver.announced, key=_announcement_order)
        found = [_announcement_fields(announcement, zone) for announcement in spoken]
        differences += _compare("announced", journey.announced, found)
    return JourneyResult(journey=journey, differences=differences)


def _announcement_order(announcement: Announcement) -> tuple[dt.datetime, int, int]:
    return (
        announcement.announced_at,
        KIND_ORDER[announcement.kind],
        TARGET_ORDER[announcement.target],
    )


def _clock_fields(clock: Clock, zone: ZoneInfo) -> dict[str, str]:
    def show(at: dt.datetime | None) -> str:
        return "" if at is None else format_instant(at, zone)

    return {
        "target": clock.target,
        "team": clock.team,
        "started": show(clock.started_at),
        "due": show(clock.due_at),
        "state": clock.state,
        "breached": show(clock.breached_at),
        "ended": show(clock.ended_at),
        "used": format_duration(clock.used_seconds),
    }


def _announcement_fields(announcement: Announcement, zone: ZoneInfo) -> dict[str, str]:
    return {
        "at": format_instant(announcement.announced_at, zone),
        "what": announcement.kind,
        "target": announcement.target,
        "team": announcement.team,
        "for": announcement.step,
    }


def _compare(
    label: str, expected: Sequence[Expected], found: Sequence[dict[str, str]]
) -> list[Difference]:
    """Line up what was expected with what happened; a field left out is not compared."""
    lines: list[Difference] = []
    wanted, happened = 0, 0
    for wanted_to, happened_to in [*_matches(expected, found), (len(expected), len(found))]:
        lines += [
            Difference("-", f"{label} {_show(item.fields)}  (line {item.line})")
            for item in expected[wanted:wanted_to]
        ]
        lines += [Difference("+", f"{label} {_show(item)}") for item in found[happened:happened_to]]
        if wanted_to < len(expected):
            lines.append(Difference(" ", f"{label} {_show(expected[wanted_to].fields)}"))
        wanted, happened = wanted_to + 1, happened_to + 1
    return lines


def _matches(
    expected: Sequence[Expected], found: Sequence[dict[str, str]]
) -> list[tuple[int, int]]:
    """The longest common subsequence: pairs of positions that agree, in order."""
    rows, columns = len(expected), len(found)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            if _agrees(expected[i], found[j]):
                best[i][j] = best[i + 1][j + 1] + 1
            else:
                best[i][j] = max(best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < rows and j < columns:
        if _agrees(expected[i], found[j]) and best[i][j] == best[i + 1][j + 1] + 1:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _agrees(expected: Expected, found: dict[str, str]) -> bool:
    return all(found[key] == text for key, text in expected.fields.items())


def _show(fields: dict[str, str]) -> str:
    return ", ".join(f"{key}: {text}" for key, text in fields.items() if text)
