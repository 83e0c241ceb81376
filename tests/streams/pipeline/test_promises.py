"""A partition learns of versions from its log, and keeps what judges in its rows."""

from datetime import timedelta

import msgspec
from msgspec.structs import replace

from schemas.customer import CustomerState, PolicyHistory
from schemas.events import POLICY_KEY, PolicyChanged
from schemas.policy import PolicySet
from streams.pipeline.customers import CustomerPipeline
from streams.pipeline.tables import CUSTOMERS, ONLY, POLICIES, POLICY_HISTORY
from tests.agents.complaints.policy_world import promise
from tests.builders import CUSTOMER_ID, MONDAY
from tests.streams.pipeline.test_customers import Batch, Record, a_pipeline, a_record, reasons


def a_change(number: int, policy: PolicySet, hours: int) -> Record:
    """A version in the log."""
    event = PolicyChanged(policy=policy, published_at=MONDAY + timedelta(hours=hours))
    return Record(number, POLICY_KEY, msgspec.json.encode(event))


async def fold(pipeline: CustomerPipeline, rows: Batch, *records: Record) -> Batch:
    """Fold a batch on top of the rows of the one before."""
    batch = Batch(records)
    batch.rows = dict(rows.rows)
    await pipeline.fold(batch)  # type: ignore[arg-type]
    return batch


def versions(batch: Batch) -> list[str]:
    """The version of every complaint of the customer, in order of opening."""
    row: CustomerState = batch.get(CUSTOMERS, CUSTOMER_ID.encode())
    return [complaint.policy for complaint in row.complaints]


def a_complaint(number: int) -> Record:
    """A complaint about a matter of its own."""
    name = f"order:{number}"
    return a_record(number, complaint=True, conversation_key=name, matter_refs=[name])


async def test_versions_and_what_they_judge_are_rows() -> None:
    """Whoever restores the rows needs no topic and no file."""
    first, second = promise(24), promise(2)
    pipeline = a_pipeline()
    batch = await fold(pipeline, Batch([]), a_change(0, first, -2), a_complaint(1))
    batch = await fold(pipeline, batch, a_change(2, second, -1), a_complaint(3))
    assert versions(batch) == [first.digest, second.digest]
    assert batch.get(POLICIES, first.digest.encode()) == first
    history: PolicyHistory = batch.get(POLICY_HISTORY, ONLY)
    assert [entry.version for entry in history.entries] == [first.digest, second.digest]

    restored = await fold(a_pipeline(), batch, a_complaint(4))  # another worker, another file
    assert versions(restored) == [first.digest, second.digest, second.digest]


async def test_rows_from_before_there_were_versions_go_on() -> None:
    """Judged by the worker's file until the partition is told, then by the first version."""
    pipeline, first = a_pipeline(), promise(7)
    batch = await fold(pipeline, Batch([]), a_complaint(0))
    row: CustomerState = batch.get(CUSTOMERS, CUSTOMER_ID.encode())
    built_in = pipeline.rulebook.plan.digest
    assert versions(batch) == [""]
    assert {clock.policy_version for clock in row.complaints[0].complaint.clocks} == {built_in}

    batch = await fold(pipeline, batch, a_change(1, first, 1), a_change(2, promise(2), 2))
    later = a_record(3, conversation_key="order:0", matter_refs=["order:0"])
    batch = await fold(pipeline, batch, later)
    row = batch.get(CUSTOMERS, CUSTOMER_ID.encode())
    assert versions(batch) == [""]
    assert {clock.policy_version for clock in row.complaints[0].complaint.clocks} == {first.digest}


async def test_a_version_that_cannot_be_used_is_a_dead_letter() -> None:
    """It came from a newer release; the partition goes on with what it knows."""
    first = promise(24)
    broken = replace(promise(2), timezone="Nowhere/At_All")
    batch = await fold(
        a_pipeline(), Batch([]), a_change(0, first, -2), a_change(1, broken, -1), a_complaint(2)
    )
    assert reasons(batch) == ["not_an_event"]
    assert versions(batch) == [first.digest]
