"""The shared journeys, driven through the customer step of production on a virtual clock."""

from pathlib import Path

from agents.complaints.sla.policy_tests import run_policy_tests
from agents.customer.journeys import StepDriver


def test_every_shared_journey_holds_in_the_customer_step(shared_data: Path) -> None:
    """What the policy page promises is what production does, announcement by announcement."""
    files = sorted((shared_data / "journeys").glob("*.yaml"))
    lines: list[str] = []
    documents = [(str(file), file.read_text(encoding="utf-8")) for file in files]
    code = run_policy_tests(documents, lines.append, StepDriver)

    assert code == 0, "\n".join(lines)
