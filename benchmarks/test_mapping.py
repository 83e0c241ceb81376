"""What mapping costs: `pytest benchmarks/test_mapping.py`, one core, CPU time.

Payloads are the documented ones of the systems; skipped where the data beside the checkout is
absent.
"""

import csv
import gzip
import time
from itertools import islice
from pathlib import Path

import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agents.mapping import Mapping, compile_mapping, shipped

pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=50)

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
CALLS = 100
"""Payloads per round: the CPU clock is too coarse for one."""

if not DATA.is_dir():
    pytest.skip("no directory ../shared/data beside the checkout", allow_module_level=True)


def _map(mapping: Mapping, payload: object) -> None:
    for _ in range(CALLS):
        mapping.apply(payload)


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("amazon-connect-contact-record", "amazon_connect-contact_record"),
        ("amazon-connect-contact-record", "amazon_connect-contact_record_abandoned"),
        ("chatwoot-messages", "chatwoot-message_created"),
        ("chatwoot-messages", "chatwoot-conversation_status_changed"),
        ("postmark-inbound", "postmark-inbound_with_headers"),
        ("shopify-orders", "shopify-order"),
    ],
)
def test_payload(benchmark: BenchmarkFixture, name: str, sample: str) -> None:
    """One payload, a hundred times: a contact record gives two records, a skipped one none."""
    payload = orjson.loads((DATA / "channel_payloads" / f"{sample}.json").read_bytes())
    benchmark(_map, shipped(name), payload)


def test_rows_of_an_incident_log(benchmark: BenchmarkFixture) -> None:
    """A hundred rows of 36 columns, some three records each."""
    path = ROOT / "docs" / "examples" / "mappings" / "incident-events.yaml"
    mapping = compile_mapping(path.read_text(encoding="utf-8"), path.name)
    with gzip.open(DATA / "incident_events.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(islice(csv.DictReader(file), CALLS))

    def run() -> None:
        for row in rows:
            mapping.apply(row)

    benchmark(run)
