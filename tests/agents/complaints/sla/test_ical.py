"""Feeds of closed days: whole days, once or every year; everything else is refused by name."""

import datetime as dt

import pytest

from agents.complaints.sla.ical import LAST_YEAR, closed_spans
from agents.complaints.sla.policy_file import PolicyError, parse_policy
from schemas.policy import DateSpan

POLICY = """
version: 1
calendars: {office: {hours: {mon-fri: ["09:00-17:00"]}, closed: [2026-05-22], feeds: off.ics}}
policies: [{name: all, targets: {first_response: {within: 1h, calendar: office}}}]
"""


def feed(*lines: str) -> str:
    """A feed of one event."""
    body = ("BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR")
    return "\r\n".join(body) + "\r\n"


def span(first: str, last: str) -> DateSpan:
    """Days as they are written."""
    return DateSpan(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DTSTART;VALUE=DATE:20261224"], span("2026-12-24", "2026-12-24")),
        (["DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227"],
         span("2026-12-24", "2026-12-26")),
        (["DTSTART;VALUE=DATE:20261224", "DURATION:P1W"], span("2026-12-24", "2026-12-30")),
        (["DTSTART;VA", " LUE=DATE:2026", "\t1224"], span("2026-12-24", "2026-12-24")),
    ],
)  # fmt: skip
def test_whole_days_are_closed(lines: list[str], expected: DateSpan) -> None:
    """The end of an event is the day after its last one; folded lines are one line."""
    assert closed_spans(feed(*lines)) == (expected,)


def test_cancelled_events_close_nothing() -> None:
    """What was called off is no holiday."""
    assert closed_spans(feed("DTSTART;VALUE=DATE:20261224", "STATUS:CANCELLED")) == ()


def test_yearly_events_are_written_out() -> None:
    """Every year without the days left out; 29 February only where there is one."""
    yearly = feed("DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY", "EXDATE:20320229")
    days = [one.first for one in closed_spans(yearly)]
    assert days[:3] == [dt.date(2024, 2, 29), dt.date(2028, 2, 29), dt.date(2036, 2, 29)]
    assert days[-1].year <= LAST_YEAR
    twice = feed("DTSTART;VALUE=DATE:20261224", "RRULE:FREQ=YEARLY;BYMONTH=12;COUNT=2")
    assert [one.first.year for one in closed_spans(twice)] == [2026, 2027]
    until = feed("DTSTART;VALUE=DATE:20261224", "RRULE:FREQ=YEARLY;UNTIL=20281231T000000Z")
    assert [one.first.year for one in closed_spans(until)] == [2026, 2027, 2028]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["SUMMARY:Stand-up", "DTSTART:20260302T090000Z"], "'Stand-up' is no whole-day event"),
        (["SUMMARY:Pay day", "DTSTART;VALUE=DATE:20260302", "RRULE:FREQ=MONTHLY"],
         "'Pay day' recurs by FREQ=MONTHLY"),
        (["DTSTART;VALUE=DATE:20261332"], "has no date in 20261332"),
        (["DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260201"], "ends before it begins"),
        ([], "is no whole-day event"),
    ],
)  # fmt: skip
def test_what_would_be_a_guess_is_refused_by_name(lines: list[str], said: str) -> None:
    """An error names the event and what to do."""
    with pytest.raises(ValueError, match=said):
        closed_spans(feed(*lines))


def test_a_policy_closes_on_the_days_of_its_feeds() -> None:
    """Beside its own closures; and another feed is another version of the promise."""
    texts = {"off.ics": feed("DTSTART;VALUE=DATE:20261224")}
    policy = parse_policy(POLICY, read_feed=texts.__getitem__)
    (office,) = [one for one in policy.calendars if one.name == "office"]
    assert office.closed == (span("2026-05-22", "2026-05-22"), span("2026-12-24", "2026-12-24"))
    other = {"off.ics": feed("DTSTART;VALUE=DATE:20261231")}
    assert parse_policy(POLICY, read_feed=other.__getitem__).digest != policy.digest


def test_a_feed_that_cannot_be_used_is_a_problem_with_its_place() -> None:
    """Missing, or not a calendar: the line of the policy file that names it."""

    def missing(name: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", name)

    for read, said in ((missing, "No such file"), (lambda name: "hello", "no iCalendar")):
        with pytest.raises(PolicyError) as told:
            parse_policy(POLICY, "p.yaml", read)
        assert str(told.value).startswith("p.yaml:3:")
        assert said in str(told.value)
