"""A version of the policy is complete in itself, and its name is what it promises."""

import datetime as dt

import msgspec
import pytest
from msgspec.structs import replace

from agents.complaints.sla import calendars
from agents.complaints.sla.calendars import WorkingCalendar, to_us
from agents.complaints.sla.holiday_days import holidays_of
from agents.complaints.sla.policy_file import parse_policy
from agents.complaints.sla.versions import HOLIDAY_YEARS, digest_of_content, version_of
from schemas.policy import HolidaySource, PolicySet
from tests.agents.complaints.sla.support import BERLIN

TEXT = """
version: 1
timezone: Europe/Berlin
calendars: {office: {hours: {mon-fri: ["09:00-17:00"]}, holidays: {country: DE, region: BY}}}
policies: [{name: all, targets: {first_response: {within: 8h, calendar: office}}}]
"""
FEED = (
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:{day}\nSUMMARY:Inventory\n"
    "END:VEVENT\nEND:VCALENDAR\n"
)


def version(text: str = TEXT, feed: str = "") -> PolicySet:
    """The version of a policy text."""
    return version_of(parse_policy(text, read_feed=lambda name: feed))


def test_a_comment_or_another_layout_is_the_same_version() -> None:
    """The name is of what is promised, so nobody's formatter moves a promise."""
    same = "# ours\n" + TEXT.replace("{name: all,", "{ name: all,")
    assert version(same).digest == version().digest


@pytest.mark.parametrize(
    ("old", "new"),
    [("8h", "7h"), ("17:00", "17:30"), ("BY", "BE"), ("Berlin", "Paris"), ("name: all", "name: x"),
     ("version: 1", "version: 1\nretroactive: true")],
)  # fmt: skip
def test_whatever_changes_a_promise_changes_the_version(old: str, new: str) -> None:
    """Limits, hours, holidays, zones, names, and whether it reaches back."""
    assert version(TEXT.replace(old, new)).digest != version().digest


def test_a_changed_feed_or_holiday_is_another_version() -> None:
    """Calendars are part of the promise, wherever their days come from."""
    text = TEXT.replace("holidays:", "feeds: plant.ics, holidays:")
    first = version(text, FEED.format(day="20260811"))
    assert version(text, FEED.format(day="20260812")).digest != first.digest

    office = next(one for one in first.calendars if one.name == "office")
    assert office.holiday_days is not None
    known = replace(office.holiday_days, off=office.holiday_days.off[1:])
    fewer = replace(first, calendars=(replace(office, holiday_days=known),))
    assert digest_of_content(fewer) != first.digest


@pytest.mark.parametrize("codec", [msgspec.json, msgspec.msgpack])
def test_a_version_survives_the_wire(codec: object) -> None:
    """What is read from the topic or from a row has the name it was published under."""
    first = version()
    read = codec.decode(codec.encode(first), type=PolicySet)  # type: ignore[attr-defined]
    assert read == first
    assert digest_of_content(read) == first.digest


@pytest.mark.parametrize("country", ["CN", "DE", "US", "TW"])
def test_the_days_written_out_are_those_of_the_package(country: str) -> None:
    """Make-up working days included, over all years a version carries."""
    written = version(TEXT.replace("{country: DE, region: BY}", country))
    office = next(one for one in written.calendars if one.name == "office")
    assert office.holiday_days is not None
    source = HolidaySource(country)
    off = {day for year in HOLIDAY_YEARS for day in holidays_of(source, year)[0]}
    worked = {day for year in HOLIDAY_YEARS for day in holidays_of(source, year)[1]}
    assert (set(office.holiday_days.off), set(office.holiday_days.worked)) == (off, worked)


def test_a_version_asks_no_package_for_its_holidays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay next year, with other data installed, counts as this one did."""

    def ask(*_: object) -> object:
        raise AssertionError("the package was asked")

    office = next(one for one in version().calendars if one.name == "office")
    plain = next(one for one in parse_policy(TEXT).calendars if one.name == "office")
    start, end = (to_us(dt.datetime(year, 1, 1, tzinfo=dt.UTC)) for year in (2024, 2028))
    expected = WorkingCalendar(plain, BERLIN).between(start, end)
    monkeypatch.setattr(calendars, "holidays_of", ask)
    assert WorkingCalendar(office, BERLIN).between(start, end) == expected
