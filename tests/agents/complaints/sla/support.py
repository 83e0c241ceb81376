"""Short ways to say a calendar, a policy and a history in tests."""

import datetime as dt
from zoneinfo import ZoneInfo

from agents.complaints.sla.announcements import announce
from agents.complaints.sla.calendars import SECOND, WorkingCalendar, from_us, make_calendar, to_us
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from schemas.clock import Announced, Announcement, Clock, ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.policy import Calendar, ComplaintContext, DateSpan, HolidaySource, TimeRange

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
CONTEXT = ComplaintContext(tier="common", channel="email", severity="high", category="delivery")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at(text: str, zone: ZoneInfo = BERLIN) -> dt.datetime:
    """`2026-03-02 09:00` on the wall in `zone`, as an instant."""
    instant = dt.datetime.fromisoformat(text)
    local = instant if instant.tzinfo else instant.replace(tzinfo=zone)
    return local.astimezone(dt.UTC)


def hours(*ranges: str) -> tuple[TimeRange, ...]:
    """`09:00-17:00`, `22:00-30:00` (until six the next morning)."""

    def seconds(text: str) -> int:
        hour, minute = text.split(":")
        return int(hour) * 3_600 + int(minute) * 60

    return tuple(TimeRange(*map(seconds, text.split("-"))) for text in ranges)


def calendar(
    zone: ZoneInfo = BERLIN,
    *,
    days: str = "mon tue wed thu fri",
    ranges: tuple[str, ...] = ("09:00-17:00",),
    holidays: HolidaySource | None = None,
    closed: tuple[DateSpan, ...] = (),
    opened: tuple[tuple[dt.date, tuple[TimeRange, ...]], ...] = (),
) -> WorkingCalendar:
    """A calendar with the same hours on every open day."""
    weekly = tuple(hours(*ranges) if day in days.split() else () for day in DAYS)
    spec = Calendar(name="c", weekly=weekly, holidays=holidays, closed=closed, opened=opened)
    return make_calendar(spec, zone)


def due(cal: WorkingCalendar, start: dt.datetime, seconds: float) -> dt.datetime | None:
    """The instant at which so many seconds are counted."""
    us = cal.add(to_us(start), round(seconds * SECOND))
    return None if us is None else from_us(us)


def counted(cal: WorkingCalendar, start: dt.datetime, end: dt.datetime) -> float:
    """Seconds counted from `start` to `end`."""
    return cal.between(to_us(start), to_us(end)) / SECOND


def plan(targets: str, calendars: str = "{}", zone: str = "Europe/Berlin", top: str = "") -> Plan:
    """A plan of one policy for everyone; `targets` and `calendars` are YAML flow mappings."""
    return Plan(
        parse_policy(
            f"{{version: 1, timezone: {zone}, calendars: {calendars}, {top}"
            f" policies: [{{name: all, targets: {targets}}}]}}"
        )
    )


class History(list[ComplaintEvent]):
    """A history written line by line: `history.add("2026-03-02 09:00", Kind.OPENED)`."""

    def add(
        self,
        when: str,
        what: Kind,
        *,
        id: str = "",
        reason: str = "",
        **changes: str,
    ) -> "History":
        """Append an event; ids and sequence numbers follow the order of writing."""
        number = len(self)
        self.append(
            ComplaintEvent(
                at=at(when),
                id=id or f"e{number}",
                what=what,
                sequence=number,
                reason=reason,
                changes=changes,
            )
        )
        return self


def opened(when: str = "2026-03-02 09:00") -> History:
    """A history that begins with its complaint."""
    return History().add(when, Kind.OPENED)


def shown(clock: Clock) -> tuple[str, str, str]:
    """Target, state and due time on the wall in Berlin, for short asserts."""
    due_at = "" if clock.due_at is None else f"{clock.due_at.astimezone(BERLIN):%m-%d %H:%M}"
    return clock.target.value, clock.state.value, due_at


class Desk:
    """A complaint on a virtual clock: events arrive, deadlines fire, announcements are kept."""

    def __init__(self, plan: Plan, context: ComplaintContext = CONTEXT) -> None:
        self.plan = plan
        self.context = context
        self.history: list[ComplaintEvent] = []
        self.memory: list[Announced] = []
        self.said: list[Announcement] = []
        self.wake: dt.datetime | None = None
        self.now = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

    def arrive(self, event: ComplaintEvent, arrives: dt.datetime) -> None:
        """Fire what is due before, then learn of the event."""
        self.fire(arrives, inclusive=False)
        self.history.append(event)
        self.look(arrives, fire=False)

    def fire(self, to: dt.datetime, *, inclusive: bool = True) -> None:
        """Let every deadline up to `to` fire, each at its own instant."""
        fired = None
        while self.wake is not None:
            wake = max(self.wake, self.now)
            if wake > to or (wake == to and not inclusive):
                break
            assert wake != fired, "a fired deadline asks for the same instant again"
            self.look(wake, fire=True)
            fired = wake
        self.now = max(self.now, to)

    def look(self, now: dt.datetime, *, fire: bool) -> None:
        """One call of `announce`, its memory kept."""
        outcome = announce(self.memory, self.history, self.plan, self.context, now, fire=fire)
        self.memory = outcome.announced
        self.said += outcome.announcements
        self.wake = outcome.wake_at
        self.now = now

    def withdraw(self, id: str, now: dt.datetime) -> None:
        """A correction took an event back."""
        self.fire(now, inclusive=False)
        self.history = [event for event in self.history if event.id != id]
        self.look(now, fire=False)

    def lines(self) -> list[tuple[str, str, str]]:
        """(when in Berlin, what, step) of everything announced."""
        return [
            (f"{said.announced_at.astimezone(BERLIN):%m-%d %H:%M}", said.kind.value, said.step)
            for said in self.said
        ]
