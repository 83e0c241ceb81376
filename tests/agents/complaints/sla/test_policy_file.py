"""Policy files: what is read, and how what is wrong is told."""

import datetime as dt
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from agents.complaints.sla import yaml_reader
from agents.complaints.sla.calendar_file import parse_range
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import (
    DEFAULT_TEXT,
    PolicyError,
    check_policy,
    default_policy,
    parse_policy,
)
from agents.complaints.sla.policy_schema import policy_json_schema, policy_json_schema_text
from agents.complaints.sla.yaml_reader import MAX_PROBLEMS
from schemas.policy import (
    ComplaintContext,
    Condition,
    DateSpan,
    Escalation,
    HolidaySource,
    Limit,
    Target,
    TimeRange,
    Warn,
)

ROOT = Path(__file__).resolve().parents[4]
SCHEMA_FILE = ROOT / "docs" / "schemas" / "policy.schema.json"
EXAMPLES = sorted((ROOT / "deploy" / "policies").glob("*.yaml"))

WHOLE = """
version: 1
timezone: Asia/Shanghai
reopen_within: 3d
calendars:
  office:
    hours: {mon-fri: ["09:00-12:00", "13:00-18:00"], sat: ["10:00-16:00"]}
    holidays: CN
    closed: [2026-12-24, {from: 2026-12-30, to: 2026-12-31}]
    open: {2026-10-11: ["09:00-12:00"]}
  bavaria:
    timezone: Europe/Berlin
    hours: {"fri-mon": "22:00-06:00"}
    holidays: {country: DE, region: BY}
  abroad: {timezone: customer, hours: {mon-fri: ["08:00-20:00"]}}
  always: 24x7
policies:
  - name: vip-by-voice
    when: {tier: [vip, major], channel: phone, language: [no], attributes: {contract: [gold]}}
    targets:
      first_response:
        within: 1h
        calendar: always
        warn: [50%, -5m]
        escalate: [{after: 30m, to: boss, repeat: 1h}]
      update: {every: 24h}
      total_resolution: {within: 3wd, calendar: office, pause_while: [waiting]}
    bot_replies_count: true
  - name: everyone
    targets: {first_response: {within: 24h}}
"""


def test_every_part_of_a_file_is_read() -> None:
    """The example of the policy page, field by field."""
    found = parse_policy(WHOLE)
    assert (found.timezone, found.reopen_within_seconds) == ("Asia/Shanghai", 3 * 86_400)
    calendars = {calendar.name: calendar for calendar in found.calendars}
    office, bavaria = calendars["office"], calendars["bavaria"]
    assert office.weekly[0] == (TimeRange(32_400, 43_200), TimeRange(46_800, 64_800))
    assert [bool(hours) for hours in office.weekly] == [True] * 6 + [False]
    assert office.holidays == HolidaySource("CN")
    assert office.closed[1] == DateSpan(dt.date(2026, 12, 30), dt.date(2026, 12, 31))
    assert office.opened == ((dt.date(2026, 10, 11), (TimeRange(32_400, 43_200),)),)
    assert [bool(hours) for hours in bavaria.weekly] == [True] + [False] * 3 + [True] * 3
    assert bavaria.weekly[0] == (TimeRange(79_200, 108_000),)
    assert (bavaria.timezone, bavaria.holidays) == ("Europe/Berlin", HolidaySource("DE", "BY"))
    vip = found.policies[0]
    assert Condition("language", ("no",)) in vip.when, "Norwegian is not false"
    assert Condition("attributes.contract", ("gold",)) in vip.when
    assert vip.bot_replies_count
    first, update, total = vip.promises
    assert first.warn == (Warn("50%", percent=50.0), Warn("-5m", before_seconds=300))
    assert first.escalate == (Escalation(1_800, "boss", 3_600),)
    assert (update.target, update.limit) == (Target.UPDATE, Limit(seconds=86_400))
    assert (total.limit, total.pause_while) == (Limit(working_days=3), ("waiting",))


def test_the_first_policy_that_matches_holds() -> None:
    """Every condition of one policy, in order, whatever the case of the letters."""
    plan = Plan(parse_policy(WHOLE))
    vip = ComplaintContext(
        tier="VIP", channel="phone", language="NO", attributes={"contract": "Gold"}
    )
    assert plan.terms(vip).policy_name == "vip-by-voice"
    others = (
        structs.replace(vip, tier="minor"),
        structs.replace(vip, channel="email"),
        structs.replace(vip, attributes={}),
    )
    assert {plan.terms(context).policy_name for context in others} == {"everyone"}


def test_the_same_text_has_the_same_digest_and_another_text_another() -> None:
    """Clocks say by which text they were judged."""
    assert parse_policy(WHOLE).digest == parse_policy(WHOLE).digest
    assert parse_policy(WHOLE).digest != parse_policy(WHOLE + "# changed\n").digest


HEAD = "version: 1\n"
TAIL = "policies: [{name: all, targets: {first_response: {within: 1h}}}]\n"


def _promise(text: str) -> str:
    return HEAD + f"policies: [{{name: all, targets: {{first_response: {{{text}}}}}}}]\n"


def _office(text: str) -> str:
    return HEAD + f"calendars: {{office: {{{text}}}}}\n" + TAIL


PROBLEMS = {
    "empty": ("", (1, 1), "empty", "write one"),
    "no yaml": ("version: [1\n", (2, 1), "not YAML", "check"),
    "tab": ("version: 1\n\tx: 2\n", (2, 1), "not YAML", "check"),
    "two documents": (HEAD + TAIL + "---\n" + HEAD + TAIL, (1, 1), "several documents", "one"),
    "not a mapping": ("- 1\n", (1, 1), "must be a mapping", "key: value"),
    "version": ("version: 2\n" + TAIL, (1, 10), "version is not known", "write 1"),
    "no version": (TAIL, (1, 1), "has no 'version'", "add `version:`"),
    "typing mistake": (HEAD + "polices: []\n" + TAIL, (2, 1), "no key 'polices'", "'policies'"),
    "key twice": (HEAD + "version: 1\n" + TAIL, (2, 1), "stands here again", "line 1"),
    "zone": (HEAD + "timezone: Mars/North\n" + TAIL, (2, 11), "'Mars/North'", "IANA"),
    "zone outside": (HEAD + "timezone: ../../etc/passwd\n" + TAIL, (2, 11), "zone", "IANA"),
    "customer zone for all": (HEAD + "timezone: customer\n" + TAIL, (2, 11), "zone", "IANA"),
    "reopen": (HEAD + "reopen_within: soon\n" + TAIL, (2, 16), "'soon'", "write it like"),
    "duration": (_promise("within: 5min"), (2, 59), "'5min' is not a duration", "write it like"),
    "nothing": (_promise("within: 0m"), (2, 59), "no time at all", "correct it"),
    "no limit": (_promise("calendar: 24x7"), (2, 50), "no 'within'", "add `within:`"),
    "empty value": (_promise("within: "), (2, 58), "empty", "write one value"),
    "calendar": (_promise("within: 1h, calendar: ofice"), (2, 73), "'ofice'", "known: 24x7"),
    "late warning": (_promise("within: 1h, warn: [-2h]"), (2, 70), "before the clock", "later"),
    "warning over": (_promise("within: 1h, warn: [120%]"), (2, 70), "between 0% and 100%", "80%"),
    "warning twice": (_promise("within: 1h, warn: [5%, 5%]"), (2, 74), "twice", "remove"),
    "warning words": (_promise("within: 1h, warn: [soon]"), (2, 70), "not a warning", "-5m"),
    "pause": (_promise("within: 1h, pause_while: [x]"), (2, 76), "never pauses", "remove"),
    "repeat": (
        _promise("within: 1h, escalate: [{after: 0m, to: x, repeat: 5s}]"),
        (2, 101), "shorter than a minute", "1m",
    ),
    "escalation": (_promise("within: 1h, escalate: [{to: x}]"), (2, 74), "no 'after'", "add"),
    "update": (
        HEAD + "policies: [{name: all, targets: {update: {within: 1h}}}]\n",
        (2, 42), "no 'every'", "add",
    ),
    "target": (
        HEAD + "policies: [{name: all, targets: {first_respnse: {within: 1h}}}]\n",
        (2, 34), "no key 'first_respnse'", "did you mean 'first_response'",
    ),
    "no policy": (HEAD + "policies: []\n", (2, 11), "no policy", "at least one"),
    "no targets": (HEAD + "policies: [{name: a, targets: {}}]\n", (2, 31), "promised", "target"),
    "no catch-all": (
        HEAD + "policies: [{name: a, when: {tier: vip}, targets: {update: {every: 1h}}}]\n",
        (2, 12), "the last policy, 'a', has a `when`", "for everyone",
    ),
    "unreachable": (
        HEAD + "policies:\n- &a {name: a, targets: {update: {every: 1h}}}\n- {name: b, targets: "
        "{update: {every: 1h}}}\n",
        (3, 3), "those below it never hold", "move it",
    ),
    "same name": (
        HEAD + "policies:\n- {name: a, when: {tier: vip}, targets: {update: {every: 1h}}}\n"
        "- {name: a, targets: {update: {every: 1h}}}\n",
        (4, 3), "two policies are named 'a'", "rename",
    ),
    "tier": (
        HEAD + "policies:\n- {name: a, when: {tier: gold}, targets: {update: {every: 1h}}}\n"
        "- {name: b, targets: {update: {every: 1h}}}\n",
        (3, 26), "no tier is named 'gold'", "known: vip",
    ),
    "empty when": (
        HEAD + "policies:\n- {name: a, when: {}, targets: {update: {every: 1h}}}\n"
        "- {name: b, targets: {update: {every: 1h}}}\n",
        (3, 19), "no condition", "remove",
    ),
    "flag": (
        HEAD + "policies: [{name: a, bot_replies_count: yes, "
        "targets: {update: {every: 1h}}}]\n",
        (2, 41), "'yes'", "true or false",
    ),
    "day": (_office('hours: {mon-fry: ["09:00-17:00"]}'), (2, 30), "no day is named 'fry'", "mon"),
    "day twice": (
        _office('hours: {mon-fri: ["09:00-17:00"], fri: ["09:00-15:00"]}'),
        (2, 56), "fri has hours already", "once",
    ),
    "hours": (_office('hours: {mon: ["9-17"]}'), (2, 36), "not a range of hours", "09:00-17:00"),
    "no hours": (_office("hours: {mon: []}"), (2, 29), "never opens", "at least one day"),
    "same ends": (_office('hours: {mon: ["00:00-00:00"]}'), (2, 36), "begins", "00:00-24:00"),
    "overlap": (
        _office('hours: {mon: ["09:00-12:00", "11:00-13:00"]}'), (2, 51), "overlap", "one range",
    ),
    "no calendar hours": (_office("holidays: CN"), (2, 21), "no 'hours'", "add"),
    "country": (
        _office('hours: {mon: ["09:00-12:00"]}, holidays: XX'), (2, 63), "'XX'", "ISO code",
    ),
    "region": (
        _office('hours: {mon: ["09:00-12:00"]}, holidays: {country: DE, region: XX}'),
        (2, 85), "no region 'XX'", "known: BB",
    ),
    "date": (
        _office('hours: {mon: ["09:00-12:00"]}, closed: [24.12.2026]'),
        (2, 62), "not a date", "2026-12-24",
    ),
    "span": (
        _office('hours: {mon: ["09:00-12:00"]}, closed: [{from: 2026-02-02, to: 2026-02-01}]'),
        (2, 62), "ends before it begins", "swap",
    ),
    "open without hours": (
        _office('hours: {mon: ["09:00-12:00"]}, open: {2026-02-02: []}'),
        (2, 72), "no hours", "under `closed`",
    ),
    "calendar word": (HEAD + "calendars: {a: open}\n" + TAIL, (2, 16), "neither hours", "24x7"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_problem_has_its_place_and_its_remedy(case: str) -> None:
    """File, line and column of the very word, what is wrong, and what to do."""
    text, place, message, fix = PROBLEMS[case]
    problems = check_policy([("p.yaml", text)])
    found = [problem for problem in problems if message in problem.message]
    assert found, [str(problem) for problem in problems]
    assert (found[0].line, found[0].column) == place, str(found[0])
    assert fix in found[0].fix, str(found[0])
    assert str(found[0]).startswith(f"p.yaml:{place[0]}:{place[1]}: ")


def test_all_problems_are_told_at_once_in_order_of_place() -> None:
    """Nobody corrects a file one error a run; but a thousand help nobody either."""
    text = "version: 3\ntimezone: X\ncalendars: {a: {hours: {xyz: []}}}\n" + TAIL
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)
    assert set(lines) == {1, 2, 3}
    many = "".join(f"k{number}: 1\n" for number in range(500))
    assert len(check_policy([("p.yaml", HEAD + many)])) == MAX_PROBLEMS


def test_aliases_that_spell_out_a_huge_file_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few lines of YAML can mean billions of values."""
    monkeypatch.setattr(yaml_reader, "MAX_NODES", 1_000)
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert check_policy([("p.yaml", "\n".join(rows))])
    week = ", ".join(["&r '09:00-10:00'"] + ["*r"] * 1_200)
    problems = check_policy([("p.yaml", _office(f"hours: {{mon: [{week}]}}"))])
    assert any("too much" in problem.message for problem in problems)


@settings(max_examples=40)
@given(st.text(max_size=200), st.integers(0, len(WHOLE)), st.integers(0, 40))
def test_no_text_makes_the_reader_fall_over(text: str, where: int, cut: int) -> None:
    """A policy set or problems with a place; never another exception."""
    for candidate in (text, WHOLE[:where] + text + WHOLE[where + cut :]):
        problems = check_policy([("p.yaml", candidate)])
        assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)


def test_the_default_promises_a_day_and_three() -> None:
    """What holds where nobody wrote a policy."""
    (policy,) = default_policy().policies
    assert {promise.target: promise.limit.seconds for promise in policy.promises} == {
        Target.FIRST_RESPONSE: 86_400,
        Target.TOTAL_RESOLUTION: 259_200,
    }


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_is_a_good_file(file: Path) -> None:
    """Shipped examples are checked like anybody's."""
    assert check_policy([(file.name, file.read_text(encoding="utf-8"))]) == []


def test_there_are_examples() -> None:
    """An empty directory proves nothing."""
    assert {file.name for file in EXAMPLES} >= {"china.yaml", "strict.yaml"}


def test_one_closure_needs_no_brackets() -> None:
    """A date, or a span, alone."""
    for text, last in (("2026-12-24", 24), ("{from: 2026-12-24, to: 2026-12-26}", 26)):
        office = _office(f'hours: {{mon: ["09:00-12:00"]}}, closed: {text}')
        calendars = {calendar.name: calendar for calendar in parse_policy(office).calendars}
        assert calendars["office"].closed == (
            DateSpan(dt.date(2026, 12, 24), dt.date(2026, 12, last)),
        )


def test_hours_may_be_written_without_a_leading_zero() -> None:
    """9:00 is as good as 09:00."""
    assert parse_range("9:00-17:30") == TimeRange(32_400, 63_000)


# -- the schema for editors ------------------------------------------------------------------------


def _plain(text: str) -> Any:
    """YAML as an editor's validator sees it: dates as text."""
    resolvers = {
        first: [(tag, pattern) for tag, pattern in known if "timestamp" not in tag]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    loader = type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": resolvers})
    return yaml.load(text, loader)


def _validator() -> Any:
    return jsonschema.Draft202012Validator(policy_json_schema())


def test_the_schema_file_is_the_schema() -> None:
    """Write `policy_json_schema_text()` to it when the form of the file changes."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == policy_json_schema_text()


def test_the_schema_accepts_good_files() -> None:
    """The default and every example; no red line under what is right."""
    texts = [DEFAULT_TEXT, *(file.read_text(encoding="utf-8") for file in EXAMPLES)]
    for text in texts:
        assert list(_validator().iter_errors(_plain(text))) == []


@pytest.mark.parametrize(
    "case",
    ["version", "no version", "typing mistake", "duration", "no limit", "warning over", "target",
     "update", "pause", "tier", "day", "hours", "no calendar hours", "escalation", "date"],
)  # fmt: skip
def test_the_schema_marks_what_is_wrong_in_form(case: str) -> None:
    """Mistakes of form show while typing."""
    text = textwrap.dedent(PROBLEMS[case][0])
    assert list(_validator().iter_errors(_plain(text)))
