"""Dated calendar cases: the form is read as it stands, and a wrong answer is told with its line."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agents.complaints.sla.calendar_cases import counted_without_breaks, due_with_breaks
from agents.complaints.sla.calendars import SECOND, make_calendar, to_us
from agents.complaints.sla.policy_tests import run_policy_tests
from schemas.policy import Calendar, TimeRange
from tests.agents.complaints.sla.support import at

OFFICE = make_calendar(
    Calendar(name="office", weekly=((TimeRange(9 * 3_600, 17 * 3_600),),) * 5 + ((),) * 2),
    ZoneInfo("Europe/Berlin"),
)
DOCS = Path(__file__).resolve().parents[4] / "docs" / "policy.md"
MINUTE = 60 * SECOND
CASES = """
calendars:
  office: {tz: Europe/Berlin, hours: {mon: [["09:00", "17:00"]], tue: [["09:00", "17:00"]]}}
deadlines:
- {calendar: office, start: 2026-03-02T15:30:00Z, minutes: 60, breaks: [],
   deadline: 2026-03-03T08:30:00Z}
elapsed:
- {calendar: office, start: 2026-03-02T08:00:00Z, end: 2026-03-02T10:00:30Z,
   breaks: [[2026-03-02T08:30:00Z, 2026-03-02T09:00:00Z]], elapsed_minutes_floor: 90}
"""


def run(text: str) -> tuple[int, list[str]]:
    """The exit code and the lines of one file."""
    lines: list[str] = []
    return run_policy_tests([("cases.yaml", text)], lines.append), lines


def us(text: str) -> int:
    """A time in Berlin as the calendars count it."""
    return to_us(at(text))


def test_the_shared_cases_pass_as_they_stand(shared_data: Path) -> None:
    """The dated cases of other systems are read without conversion, and every one agrees."""
    lines: list[str] = []
    file = shared_data / "sla_cases.json"
    assert run_policy_tests([(str(file), file.read_text())], lines.append) == 0, "\n".join(lines)
    assert lines[-1] == "30 passed, 0 failed"


def test_the_cases_of_the_docs_pass() -> None:
    """What docs/policy.md shows can be run as it stands."""
    text = DOCS.read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```yaml\n(calendars:\n.*?)^```", text, re.M | re.S)
    code, lines = run(shown)
    assert (code, lines[-1]) == (0, "2 passed, 0 failed")


def test_right_answers_pass() -> None:
    """A deadline over night and an interval with a break."""
    code, lines = run(CASES)
    assert code == 0
    assert [line[:4] for line in lines[:-1]] == ["ok  ", "ok  "]


@pytest.mark.parametrize(
    ("right", "wrong", "line", "difference"),
    [
        ("2026-03-03T08:30:00Z", "2026-03-03T08:31:00Z", 5, "   + due 2026-03-03 09:30 Europe"),
        ("floor: 90", "floor: 91", 8, "   + 90 whole minutes"),
    ],
)
def test_a_wrong_answer_is_told_with_its_line(
    right: str, wrong: str, line: int, difference: str
) -> None:
    """Both answers are shown, and the run fails after all cases were run."""
    code, lines = run(CASES.replace(right, wrong))
    assert code == 1
    assert any(f"cases.yaml:{line} " in text for text in lines)
    assert any(text.startswith(difference) for text in lines)
    assert lines[-1] == "1 passed, 1 failed"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("minutes: 60", "minutes: soon", "minutes: 'soon' is no number of minutes"),
        ("calendar: office, start: 2026-03-02T15", "calendar: shop, start: 2026-03-02T15",
         "no calendar is named 'shop'"),
        ("tz: Europe/Berlin", "tz: Europe/Atlantis", "no time zone is named"),
        ('tue: [["09:00", "17:00"]]', 'tue: [["09:00"]]', "tue has no hours"),
        ("end: 2026-03-02T10:00:30Z", "end: 2026-03-02T07:00:30Z", "the end is before the start"),
        ("breaks: [[2026-03-02T08:30:00Z, ", "breaks: [[2026-03-02T09:30:00Z, ",
         "a break ends before it begins"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(right: str, wrong: str, said: str) -> None:
    """Nothing is guessed: the file, the line and the remedy are named, and the exit code is 2."""
    code, lines = run(CASES.replace(right, wrong))
    assert code == 2
    assert any(line.startswith("cases.yaml:") and said in line for line in lines), lines


def test_breaks_that_overlap_are_taken_off_once() -> None:
    """Two pauses over the same minutes stop the clock once."""
    start, end = us("2026-03-02 09:00"), us("2026-03-02 12:00")
    breaks = [
        (us("2026-03-02 10:30"), us("2026-03-02 11:00")),
        (us("2026-03-02 10:00"), us("2026-03-02 10:45")),
    ]
    assert counted_without_breaks(OFFICE, start, end, breaks) == 120 * MINUTE
    assert due_with_breaks(OFFICE, start, 120 * MINUTE, breaks) == end


def test_a_limit_used_up_as_a_break_begins_is_due_there() -> None:
    """The break that begins at the due time comes too late to move it."""
    start, breaks = us("2026-03-02 09:00"), [(us("2026-03-02 10:00"), us("2026-03-02 11:00"))]
    assert due_with_breaks(OFFICE, start, 60 * MINUTE, breaks) == us("2026-03-02 10:00")


def test_a_policy_file_among_the_tests_is_skipped_aloud() -> None:
    """Policies and journeys may lie in one folder; a folder of policies alone tests nothing."""
    policy = "version: 1\npolicies: [{name: all, targets: {update: {every: 1h}}}]\n"
    code, lines = run(policy)
    assert code == 2
    assert lines[0].startswith("skip cases.yaml")
