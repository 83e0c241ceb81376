"""A real audit log of 12,000 incidents: who kept the promise, as its own verdicts say."""

import csv
import gzip
from datetime import UTC
from pathlib import Path
from uuid import uuid5

import pytest

from agents.complaints.sla.judging import verdicts_of
from agents.complaints.sla.plan import Plan
from agents.complaints.step import COMPLAINT_NAMESPACE
from agents.intake.ids import interaction_id
from schemas.clock import ClockState
from streams.importing.mappings import load_mapping
from streams.policy_files import load_policy
from streams.whatif.sources import read_history

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
SAMPLE = 8
"""One incident in so many: the whole log takes half a minute. The figures of docs/whatif.md are of
all of it (`SAMPLE = 1`)."""


def held_out(number: str) -> bool:
    """Incidents with odd numbers, which the limits were not fitted on."""
    return int(number.removeprefix("INC")) % (2 * SAMPLE) == 1


@pytest.mark.slow
def test_verdicts_agree_with_those_of_the_log(shared_data: Path, tmp_path: Path) -> None:
    """Imported, replayed and judged under the fitted promises: 99 % of `made_sla` and more."""
    published: dict[str, dict[str, str]] = {}
    sample = tmp_path / "incidents.csv"
    with (
        gzip.open(shared_data / "incident_events.csv.gz", "rt", newline="") as source,
        open(sample, "w", newline="") as target,
    ):
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, rows.fieldnames or [])
        writer.writeheader()
        for row in rows:
            if held_out(row["number"]):
                writer.writerow(row)
                published[row["number"]] = row  # the last row of an incident has the final verdict
    policy = load_policy(EXAMPLES / "policies" / "incident-events.yaml")
    mapping = load_mapping(str(EXAMPLES / "mappings" / "incident-events.yaml"))
    history = read_history([str(sample)], policy, mapping, lambda what, count: None)
    assert len(history.cases) == len(published)
    assert history.until.tzinfo is UTC

    verdicts = verdicts_of(history.cases, Plan(policy), history.until)
    found = {verdict.complaint_id: verdict.state for verdict in verdicts}
    agreed: dict[str, list[bool]] = {}
    for number, row in published.items():
        opened = interaction_id("servicenow", f"opened:{number}")
        state = found[str(uuid5(COMPLAINT_NAMESPACE, opened))]
        kept = row["made_sla"] == "true"
        agreed.setdefault(row["priority"], []).append((state is ClockState.MET) == kept)
    moderate = agreed["3 - Moderate"]
    assert len(moderate) > 600
    assert sum(moderate) / len(moderate) > 0.99
    everything = [agrees for group in agreed.values() for agrees in group]
    assert sum(everything) / len(everything) > 0.99
