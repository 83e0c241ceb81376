"""`manyi policy`: check, test and show, as a person and a script see them."""

from pathlib import Path

import pytest

from streams.cli.main import run
from streams.errors import ExitCode

GOOD = """\
version: 1
calendars: {office: {hours: {mon-fri: ["09:00-17:00"], sat: ["10:00-12:00"]}, holidays: CN}}
policies:
  - name: vip
    when: {tier: [vip, major]}
    targets: {first_response: {within: 5s, escalate: [{after: 0m, to: lead, repeat: 30m}]}}
  - name: everyone
    targets: {total_resolution: {within: 3wd, calendar: office, pause_while: [supplier]}}
"""
JOURNEY = """\
journey: silence
zone: UTC
policy: {version: 1, policies: [{name: all, targets: {first_response: {within: 1h, warn: []}}}]}
events: [{at: 2026-03-02 09:00, customer: email, complaint: {}}]
until: 2026-03-02 12:00
expect: {announced: [{at: 2026-03-02 10:00, what: breached, target: first_response}]}
"""


def file(folder: Path, name: str, text: str) -> str:
    """Write a file and return its path as typed."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_check_passes_what_can_be_used(tmp_path: Path) -> None:
    """A good file: exit status 0."""
    assert run(["policy", "check", file(tmp_path, "good.yaml", GOOD)]) == ExitCode.OK


def test_check_names_every_problem_with_place_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All mistakes of all files at once, `file:line:column: what; what to do`; exit status 1."""
    bad = file(tmp_path, "bad.yaml", GOOD.replace("5s", "5 s").replace("[vip,", "[vpi,"))
    good = file(tmp_path, "good.yaml", GOOD)
    assert run(["policy", "check", bad, good]) == ExitCode.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[:3] for line in lines] == [[bad, "5", "18"], [bad, "6", "40"]]
    assert "did you mean 'vip'" in lines[0]
    assert "write it like 30m" in lines[1]


def test_test_runs_journeys_through_the_steps_of_production(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line per journey of a folder, a sum at the end."""
    file(tmp_path, "one.yaml", JOURNEY)
    assert run(["policy", "test", str(tmp_path)]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == ["ok   silence", "1 passed, 0 failed"]


def test_a_journey_that_differs_fails_with_a_diff(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Expected and happened stand side by side; the exit status is 1."""
    wrong = JOURNEY.replace("at: 2026-03-02 10:00, what", "at: 2026-03-02 10:30, what")
    assert run(["policy", "test", file(tmp_path, "one.yaml", wrong)]) == ExitCode.FAILED
    out = capsys.readouterr().out
    assert "   - announced at: 2026-03-02 10:30" in out
    assert "   + announced at: 2026-03-02 10:00" in out


def test_nothing_to_test_is_a_mistake(tmp_path: Path) -> None:
    """An empty folder passes no test, so a wrong path cannot look like success."""
    assert run(["policy", "test", str(tmp_path)]) == ExitCode.USAGE


def test_show_says_who_is_promised_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Condition, limit, calendar, calls and pauses, in words."""
    assert run(["policy", "show", "--policy", file(tmp_path, "p.yaml", GOOD)]) == ExitCode.OK
    words = " ".join(capsys.readouterr().out.split())
    for said in ("tier vip or major", "lead at once, every 30m", "3wd office", "supplier",
                 "mon-fri 09:00-17:00, sat 10:00-12:00"):  # fmt: skip
        assert said in words


def test_show_of_a_wrong_file_names_its_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that cannot be used is not half shown."""
    path = file(tmp_path, "p.yaml", GOOD.replace("3wd", "3 days"))
    assert run(["policy", "show", "--policy", path]) == ExitCode.USAGE
    assert f"{path}:8:" in capsys.readouterr().err


def test_words_names_what_the_policy_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each word with how often it came up and where to add it; none is exit status 0."""
    table = file(
        tmp_path,
        "tickets.csv",
        "ticket_id,created_at,customer_id,customer_tier,priority,description,complaint\n"
        "1,2026-03-02T09:00:00Z,c-1,Ruby,P1,a,yes\n"
        "2,2026-03-02T10:00:00Z,c-2,ＲＵＢＹ,P1,b,yes\n"
        "3,2026-03-02T11:00:00Z,c-3,vip,urgent,c,yes\n",
    )
    asked = ["policy", "words", "--history", table, "--mapping", "helpdesk-export"]
    assert run([*asked, "--policy", file(tmp_path, "policy.yaml", GOOD)]) == ExitCode.FAILED
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert "severity 'P1' of 2 complaints means nothing here; add `P1: high`" in said[0]
    assert "to severity.map" in said[0]
    assert {"tier 'Ruby' of 1" in line or "tier 'ＲＵＢＹ' of 1" in line for line in said[1:]} == {
        True
    }
    knows = GOOD + "severity: {map: {P1: critical}}\ntiers: {map: {Ruby: vip}}\n"
    assert run([*asked, "--policy", file(tmp_path, "knows.yaml", knows)]) == ExitCode.OK
    assert "knows every word of 3 complaints" in capsys.readouterr().out
