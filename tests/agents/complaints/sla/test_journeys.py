"""Journeys: shared ones, other trackers' bugs, those of the docs, and the runner itself."""

import re
from pathlib import Path

import pytest

from agents.complaints.sla.journey_file import Journey, parse_journeys
from agents.complaints.sla.journeys import (
    ClockDriver,
    DriverFactory,
    JourneyResult,
    run_journey,
)
from agents.complaints.sla.policy_file import PolicyError
from agents.complaints.sla.policy_tests import format_result, run_policy_tests
from agents.customer.journeys import StepDriver

ROOT = Path(__file__).resolve().parents[4]
RIVALS = Path(__file__).parent / "journeys" / "rivals.yaml"
HAND_OVERS = RIVALS.with_name("hand_over.yaml")
DOCS = ROOT / "docs" / "policy.md"

LUNCH = """
journey: lunch-does-not-count
says: A promise of two working hours made before lunch falls due after it.
zone: Asia/Shanghai
policy:
  version: 1
  timezone: Asia/Shanghai
  calendars: {office: {hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}}}
  policies: [{name: all, targets: {first_response: {within: 2h, calendar: office}}}]
customer: {tier: common, region: CN, timezone: Asia/Shanghai}
events:
- {at: 2026-03-02 11:00, customer: email, complaint: {severity: high, category: delivery}}
- {at: 2026-03-02 14:30, staff: phone}
- {at: 2026-03-02 15:00, command: resolve}
until: 2026-03-03 09:00
expect:
  clocks:
  - {target: first_response, started: 2026-03-02 11:00, due: 2026-03-02 14:00, state: breached,
     breached: 2026-03-02 14:00, ended: 2026-03-02 14:30, used: 2h30m}
  announced:
  - {at: 2026-03-02 12:00, what: warned, target: first_response, for: 50%}
  - {at: 2026-03-02 13:36, what: warned, target: first_response, for: 80%}
  - {at: 2026-03-02 14:00, what: breached, target: first_response}
  - {at: 2026-03-02 14:30, what: recovered, target: first_response}
"""


def _rivals() -> list[Journey]:
    files = (RIVALS, RIVALS.with_name("rivals_more.yaml"))
    return [one for file in files for one in parse_journeys(file.read_text("utf-8"), file.name)]


def _hand_overs() -> list[Journey]:
    return parse_journeys(HAND_OVERS.read_text(encoding="utf-8"), HAND_OVERS.name)


def _documented() -> list[Journey]:
    blocks = re.findall(
        r"^```yaml\n(journey:.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S
    )
    return parse_journeys("\n---\n".join(blocks), DOCS.name)


def _report(result: JourneyResult) -> str:
    return "\n".join(format_result(result))


def test_every_shared_journey_holds(shared_data: Path) -> None:
    """All sixteen, exactly."""
    text = (shared_data / "journeys" / "journeys.yaml").read_text(encoding="utf-8")
    results = [run_journey(journey) for journey in parse_journeys(text)]
    failed = [_report(result) for result in results if not result.passed]
    assert not failed, "\n".join(failed)
    assert len(results) == 16


@pytest.mark.parametrize("journey", _rivals(), ids=lambda journey: journey.name)
def test_what_others_get_wrong_is_right(journey: Journey) -> None:
    """One journey for each known bug of another tracker."""
    result = run_journey(journey)
    assert result.passed, _report(result)


@pytest.mark.parametrize("make_driver", [ClockDriver, StepDriver])
@pytest.mark.parametrize("journey", _hand_overs(), ids=lambda journey: journey.name)
def test_what_teams_owe_each_other(journey: Journey, make_driver: DriverFactory) -> None:
    """The clocks alone and the customer step of production agree on every hand-over."""
    result = run_journey(journey, make_driver)
    assert result.passed, _report(result)


@pytest.mark.parametrize("journey", _documented(), ids=lambda journey: journey.name)
def test_what_the_docs_say_is_so(journey: Journey) -> None:
    """The page and the product cannot drift apart."""
    result = run_journey(journey)
    assert result.passed, _report(result)


def test_the_example_of_the_policy_page_holds() -> None:
    """A journey as it is written, from the opening to the last announcement."""
    (journey,) = parse_journeys(LUNCH)
    assert journey.customer == {"tier": "common", "region": "CN", "timezone": "Asia/Shanghai"}
    result = run_journey(journey)
    assert result.passed, _report(result)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("due: 2026-03-02 14:00", "due: 2026-03-02 13:00"),
        ("used: 2h30m", "used: 2h31m"),
        ("state: breached", "state: met"),
        ("ended: 2026-03-02 14:30", "ended: null"),
        ("  - {at: 2026-03-02 13:36, what: warned, target: first_response, for: 80%}\n", ""),
        ("for: 50%", "for: 40%"),
        ("what: recovered", "what: retracted"),
        ("{at: 2026-03-02 14:30, staff: phone}", "{at: 2026-03-02 14:30, note: phone}"),
        ("until: 2026-03-03 09:00", "until: 2026-03-02 14:10"),
    ],
)
def test_a_difference_is_found_and_shown(right: str, wrong: str) -> None:
    """Any field, any line too many or too few: exit code 1 and a diff that names it."""
    assert right in LUNCH
    lines: list[str] = []
    assert run_policy_tests([("lunch.yaml", LUNCH.replace(right, wrong))], lines.append) == 1
    assert lines[0].startswith("FAIL lunch-does-not-count")
    assert any(line.startswith("   - ") or line.startswith("   + ") for line in lines)
    assert lines[-1] == "0 passed, 1 failed"


def test_a_field_left_out_is_not_compared_but_a_line_left_out_is() -> None:
    """Say as much as matters."""
    (journey,) = parse_journeys(
        LUNCH.replace(", used: 2h30m", "").replace("due: 2026-03-02 14:00, ", "")
    )
    assert run_journey(journey).passed
    without_clocks = re.sub(r"  clocks:.*?(?=  announced)", "", LUNCH, flags=re.S)
    assert run_journey(parse_journeys(without_clocks)[0]).passed
    (nothing,) = parse_journeys(re.sub(r"expect:.*", "expect: {announced: []}", LUNCH, flags=re.S))
    assert len(run_journey(nothing).differences) == 4


def test_every_journey_runs_even_after_one_has_failed() -> None:
    """A line each; the exit code tells that something differs."""
    broken = LUNCH.replace("used: 2h30m", "used: 1s")
    lines: list[str] = []
    code = run_policy_tests([("a.yaml", broken + "---" + LUNCH)], lines.append)
    assert code == 1
    assert [line[:4] for line in lines if line[:4] in ("ok  ", "FAIL")] == ["FAIL", "ok  "]
    assert lines[-1] == "1 passed, 1 failed"


def test_all_right_is_exit_code_zero() -> None:
    """And one line says what was proved."""
    lines: list[str] = []
    assert run_policy_tests([("a.yaml", LUNCH)], lines.append) == 0
    assert lines == [
        "ok   lunch-does-not-count: A promise of two working hours made before lunch falls due"
        " after it.",
        "1 passed, 0 failed",
    ]


@pytest.mark.parametrize("text", ["", "journey: x\n", "[1\n", "events: 5\n"])
def test_a_file_that_proves_nothing_does_not_pass(text: str) -> None:
    """No journey, no success."""
    assert run_policy_tests([("a.yaml", text)], lambda _line: None) == 2


MISTAKES = {
    "zone": ("zone: Asia/Shanghai", "zone: Asia/Beijing", "no time zone"),
    "instant": ("at: 2026-03-02 14:30", "at: half past two", "not an instant"),
    "channel": ("staff: phone", "staff: fax", "unknown 'fax'"),
    "command": ("command: resolve", "command: close", "unknown 'close'"),
    "actor": ("staff: phone", "boss: phone", "no key 'boss'"),
    "nobody": ("staff: phone", "reason: x", "nobody acts"),
    "two actors": ("staff: phone", "staff: phone, bot: chat", "several"),
    "order": ("{at: 2026-03-02 15:00,", "{at: 2026-03-02 10:00,", "arrives before"),
    "change": ("command: resolve", "command: resolve, tier: vip", "cannot do that"),
    "state": ("state: breached", "state: late", "unknown state 'late'"),
    "what": ("what: recovered", "what: healed", "unknown what 'healed'"),
    "used": ("used: 2h30m", "used: long", "not a duration"),
    "policy": ("within: 2h", "within: 2x", "not a duration"),
    "until": ("until: 2026-03-03 09:00\n", "", "no 'until'"),
    "expect": ("  announced:", "  anounced:", "no key 'anounced'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_a_journey_has_its_line(case: str) -> None:
    """As precise as a policy file's."""
    right, wrong, message = MISTAKES[case]
    assert right in LUNCH
    with pytest.raises(PolicyError) as caught:
        parse_journeys(LUNCH.replace(right, wrong, 1))
    assert any(message in problem.message for problem in caught.value.problems), str(caught.value)


def test_times_may_carry_their_own_offset() -> None:
    """Without one they are in the journey's zone; both are compared as instants."""
    shifted = LUNCH.replace("due: 2026-03-02 14:00", "due: 2026-03-02T06:00:00Z")
    (journey,) = parse_journeys(shifted)
    assert run_journey(journey).passed


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    """02:30 summer time and 02:30 winter time are an hour apart."""
    text = """
journey: twice
zone: Europe/Berlin
policy: {version: 1, policies: [{name: all, targets: {first_response: {within: 1h, warn: []}}}]}
events: [{at: "2026-10-25T00:30:00Z", customer: email, complaint: {}}]
until: 2026-10-25 12:00
expect: {clocks: [{target: first_response, started: "2026-10-25 02:30", due: "%s"}]}
"""
    assert run_journey(parse_journeys(text % "2026-10-25T02:30+01:00")[0]).passed
    assert not run_journey(parse_journeys(text % "2026-10-25 02:30")[0]).passed
