"""Every part of `make bench` in tiny sizes on a real Kafka, so that none of them rots."""

import json
from pathlib import Path

import pytest

from benchmarks.harness.brokers import LENT
from benchmarks.harness.children import call
from benchmarks.run import PARTS, Part, command
from deploy.kafka import LocalKafka

SECONDS = 240


@pytest.mark.kafka
@pytest.mark.parametrize("part", [part for part in PARTS if part.has_figures], ids=lambda p: p.name)
def test_a_part_still_runs(part: Part, tmp_path: Path, kafka: LocalKafka) -> None:
    """It ends well, says what it measured, and no contender of it failed."""
    lent = {LENT: kafka.bootstrap_servers}
    status, out, err = call(command(part, tmp_path, quick=True), SECONDS, lent)
    assert status == 0, err[-2_000:] or out[-2_000:]
    assert "FAILED" not in out
    if "SKIPPED" not in out:
        assert json.loads((tmp_path / f"{part.name}.json").read_text())["part"] == part.name
