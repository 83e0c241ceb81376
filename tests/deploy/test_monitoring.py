"""Rules and dashboards ask only for metrics that exist, and Prometheus understands them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.metrics import Metrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "manyi.yml"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool here: apt install prometheus"
)


def rules() -> list[dict[str, Any]]:
    """All rules of all groups."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> dict[str, str]:
    """Every expression that is asked, by where."""
    found = {f"rule {rule.get('alert') or rule['record']}": rule["expr"] for rule in rules()}
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                found[f"{path.name} {panel['title']} {target['refId']}"] = target["expr"]
    return found


def test_every_metric_asked_for_exists() -> None:
    """A renamed metric cannot leave an empty panel or a rule that never fires."""
    samples: dict[str, set[str]] = {}
    for collector, names in Metrics().registry._collector_to_names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            samples[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for where, expression in expressions().items():
        for name, selector in re.findall(r"\b(manyi[_:][a-z_:0-9]+)(?:{([^}]*)})?", expression):
            assert name in samples or name in recorded, f"{where}: {name}"
            asked = set(re.findall(r"(\w+)\s*[=!]~?", selector))
            known = samples.get(name, {"channel", "target"}) | {"instance", "job"}
            assert asked <= known, f"{where}: {name}{{{selector}}}"


def test_every_alert_says_what_to_do() -> None:
    """An alert has a severity, one line and a way on."""
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
            assert rule["annotations"]["summary"], rule["alert"]
            assert len(rule["annotations"]["description"]) > 30, rule["alert"]


def test_dashboards_are_whole() -> None:
    """Panels have numbers of their own, a description, the one data source, and do not overlap."""
    assert DASHBOARDS
    for path in DASHBOARDS:
        panels = json.loads(path.read_text())["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        cells: set[tuple[int, int]] = set()
        for panel in panels:
            place = panel["gridPos"]
            area = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not area & cells, panel["title"]
            assert place["x"] + place["w"] <= 24
            cells |= area
            if panel["type"] != "row":
                assert panel["description"]
                assert panel["datasource"]["uid"] == "prometheus"


@needs_promtool
def test_prometheus_accepts_the_rules_and_they_do_what_they_say() -> None:
    """promtool checks the syntax and runs the rules' own tests."""
    for arguments in (
        ["check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")],
        ["test", "rules", *map(str, sorted((DEPLOY / "prometheus").glob("*.test.yml")))],
    ):
        run = subprocess.run(
            [str(PROMTOOL), *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        assert run.returncode == 0, run.stdout + run.stderr


@needs_promtool
def test_prometheus_understands_the_dashboards(tmp_path: Path) -> None:
    """Every query of a dashboard is valid PromQL once Grafana has filled in its variables."""
    filled = [
        expression.replace("$channel", ".*").replace("$__rate_interval", "5m")
        for where, expression in expressions().items()
        if not where.startswith("rule ")
    ]
    asked = [{"record": f"q:{number}", "expr": text} for number, text in enumerate(filled)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": asked}]}))
    run = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr
