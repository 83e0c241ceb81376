"""A small history of simulated traffic, as `manyi publish` would send it."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from agents.simulation import simulate

RECORDS = 1_500


@pytest.fixture(scope="session")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of all channels and commands, one JSON object a line, each naming its channel."""
    path = tmp_path_factory.mktemp("whatif") / "traffic.jsonl"
    start = datetime(2026, 3, 2, tzinfo=UTC)
    lines = [
        orjson.dumps({**event.record, "channel": event.channel})
        for event in simulate(7, RECORDS, start, customers=200, contacts_per_day=400.0)
        if isinstance(event.record, dict)
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path
