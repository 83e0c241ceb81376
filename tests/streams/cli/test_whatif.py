"""`manyi whatif` and `manyi suggest`: the same figures in every format, and none invented."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from streams.cli.main import run
from streams.errors import ExitCode
from tests.streams.whatif.conftest import traffic

__all__ = ["traffic"]

POLICY = """
version: 1
timezone: Asia/Shanghai
policies:
  - name: all
    targets: {{first_response: {{within: {limit}, escalate: [{{after: 0m, to: lead}}]}},
               total_resolution: {{within: 48h}}}}
"""


@pytest.fixture
def policies(tmp_path: Path) -> list[str]:
    """Options that name an easy and a strict policy."""
    options = []
    for name, limit in (("easy", "24h"), ("strict", "5m")):
        path = tmp_path / f"{name}.yaml"
        path.write_text(POLICY.format(limit=limit))
        options += ["--policy", str(path)]
    return options


def asked(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints."""
    assert run(arguments) == ExitCode.OK, capsys.readouterr().err
    return capsys.readouterr().out


def by(report: Any, policy: int, dimension: str) -> dict[str, Any]:
    """The counts of one policy by a dimension."""
    rows = report["policies"][policy]["by"][dimension]
    return {row["labels"][dimension]: row for row in rows}


def test_a_stricter_promise_breaks_more_and_is_drilled_down(
    traffic: Path, policies: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every newly broken promise names its complaint; sums agree over all dimensions."""
    options = ["whatif", "--history", str(traffic), *policies, "--format", "json"]
    report = json.loads(asked(options, capsys))
    assert "held fixed" in report["held_fixed"]
    easy, strict = (by(report, number, "target")["first_response"] for number in (0, 1))
    assert strict["breached"] > easy["breached"]
    (changes,) = report["changes"]
    assert changes["no_longer_breached"] == []
    assert len(changes["newly_breached"]) == strict["breached"] - easy["breached"]
    assert all(change["complaint_id"] for change in changes["newly_breached"])
    for policy in report["policies"]:
        sums = [
            tuple(sum(row[kind] for row in rows) for kind in ("met", "breached", "open", "ended"))
            for rows in [*policy["by"].values(), policy["cells"]]
        ]
        assert len(set(sums)) == 1
        assert sum(policy["late_counts"]) == policy["lateness"]["count"] == sums[0][1]
        assert sum(policy["on_call"]["by_hour_of_day"]) == policy["on_call"]["pages"]
    # Each broken first response also calls the lead.
    pages = [policy["on_call"]["pages"] for policy in report["policies"]]
    assert pages[1] > pages[0]


def test_the_same_policy_twice_differs_nowhere(
    traffic: Path, policies: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A comparison with itself is empty."""
    options = ["whatif", "--history", str(traffic), *policies[:2], *policies[:2]]
    report = json.loads(asked([*options, "--format", "json"], capsys))
    assert report["changes"][0]["newly_breached"] == []
    assert report["changes"][0]["no_longer_breached"] == []
    assert report["policies"][0]["by"] == report["policies"][1]["by"]


def test_table_csv_and_html_show_the_same(
    traffic: Path, policies: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One report, four ways to read it; the page loads nothing and speaks two languages."""
    options = ["whatif", "--history", str(traffic), *policies]
    report = json.loads(asked([*options, "--format", "json"], capsys))
    strict = by(report, 1, "target")["first_response"]

    rows = list(csv.DictReader(io.StringIO(asked([*options, "--format", "csv"], capsys))))
    mine = [r for r in rows if (r["policy"], r["target"]) == ("strict", "first_response")]
    assert sum(int(row["breached"]) for row in mine) == strict["breached"]

    table = asked(options, capsys)
    assert "held fixed" in table
    assert f"{len(report['changes'][0]['newly_breached']):,} newly breached" in table
    assert report["changes"][0]["newly_breached"][0]["complaint_id"] in table

    page = tmp_path / "report.html"
    asked([*options, "--format", "html", "--out", str(page)], capsys)
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 4
    assert f"{strict['breached']:,}</td>" in text
    assert "承诺兑现率" in text
    assert not re.search(r'(?:src|href)="|url\(|@import', text)


def test_suggestions_say_how_sure_they_are(
    traffic: Path, policies: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its confidence limits around it, and the number of waits behind it."""
    options = ["suggest", "--history", str(traffic), *policies[:2], "--json"]
    found = json.loads(asked(options, capsys))
    firsts = [one for one in found["suggestions"] if one["target"] == "first_response"]
    assert [one["share"] for one in firsts] == [0.9, 0.95, 0.99]
    for one in firsts:
        assert one["count"] >= 20
        if None not in (one["limit_seconds"], one["high_seconds"], one["low_seconds"]):
            assert one["low_seconds"] <= one["limit_seconds"] <= one["high_seconds"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--history", "gone.jsonl"], "no such file"),
        (["--history", "topic", "--history", "x.jsonl"], "cannot be mixed"),
        (["--history", "x.jsonl", "--zone", "Mars/Olympus"], "No time zone"),
        (["--history", "x.jsonl", "--until", "soon"], "not an instant"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, what is wrong and what to do."""
    assert run(["whatif", *options]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
