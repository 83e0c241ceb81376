"""The customer pipeline around the step: what it cannot read or fold, and when it gives up."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy
from agents.customer.step import step
from schemas.customer import PartitionState
from schemas.interaction import Interaction, Origin
from streams.engine import Table
from streams.pipeline.customers import (
    FAILURES_AMONG,
    FAILURES_TOLERATED,
    CustomerPipeline,
    TooManyFailuresError,
)
from streams.pipeline.tables import CUSTOMERS, ONLY, PARTITIONS
from tests.builders import CUSTOMER_ID, an_interaction, at


class Record(NamedTuple):
    """A record as the engine hands it out."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


class Batch:
    """What the pipeline uses of a batch, in memory."""

    topic = "customer-events.v1"
    partition = 0

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.rows: dict[bytes, Any] = {}
        self.emitted: list[tuple[str, bytes | None, list[tuple[str, bytes]]]] = []
        self.callbacks: list[Callable[[], None]] = []

    def get(self, table: Table[Any], key: bytes) -> Any:
        """A row."""
        return self.rows.get(table.prefix + key)

    def put(self, table: Table[Any], key: bytes, row: Any, wake_at_ms: int | None = None) -> None:
        """Keep a row."""
        self.rows[table.prefix + key] = row

    def delete(self, table: Table[Any], key: bytes) -> None:
        """Drop a row."""
        self.rows.pop(table.prefix + key, None)

    def emit(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Publish."""
        self.emitted.append((topic, value, list(headers)))

    def on_applied(self, callback: Callable[[], None]) -> None:
        """Remember."""
        self.callbacks.append(callback)

    def advance_watermark(self, epoch_ms: int) -> None:
        """Nothing waits here."""


class Nobody:
    """Looks at no view."""

    def judged_by(self, policy: object) -> None:
        """Nothing is shown."""


def a_record(number: int, **fields: Any) -> Record:
    """An interaction on the log."""
    event = an_interaction(
        f"e{number}", at("09:00"), origin=Origin("interactions.chat.v1", 0, number), **fields
    )
    return Record(number, CUSTOMER_ID.encode(), msgspec.json.encode(event))


def a_pipeline() -> CustomerPipeline:
    """A pipeline that shows nothing."""
    rulebook = Rulebook(Plan(default_policy()), ComplaintRules())
    return CustomerPipeline(rulebook, Nobody())  # type: ignore[arg-type]


async def fold(pipeline: CustomerPipeline, *records: Record) -> Batch:
    """Fold one batch."""
    batch = Batch(records)
    await pipeline.fold(batch)  # type: ignore[arg-type]
    return batch


def reasons(batch: Batch) -> list[str]:
    """Why records became dead letters."""
    return [
        dict(headers)["x-error-reason"].decode()
        for topic, _, headers in batch.emitted
        if topic.endswith(".dlq")
    ]


def counts(batch: Batch) -> dict[str, int]:
    """The accounting of chat."""
    state: PartitionState = batch.get(PARTITIONS, ONLY)
    return state.counts["chat"]


async def test_what_is_no_event_becomes_a_dead_letter_and_its_neighbours_go_on() -> None:
    """Bytes nobody can read, and records without key or value, are reported."""
    batch = await fold(
        a_pipeline(),
        a_record(0),
        Record(1, b"k", b"{broken"),
        Record(2, None, b"{}"),
        Record(3, b"k", None),
        a_record(4),
    )
    assert reasons(batch) == ["not_an_event", "not_an_event", "not_an_event"]
    assert counts(batch) == {"accepted": 2}


async def test_an_event_the_step_fails_on_is_a_dead_letter_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A defect of ours costs one event, with its trace beside it, and the accounting adds up."""

    def failing(state: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(event, Interaction) and event.source_id == "e1":
            raise ValueError("a defect")
        return step(state, event, *args, **kwargs)

    monkeypatch.setattr("streams.pipeline.customers.step", failing)
    batch = await fold(a_pipeline(), a_record(0), a_record(1), a_record(2))

    assert reasons(batch) == ["step_failed"]
    assert b"a defect" in dict(batch.emitted[0][2])["x-error-detail"]
    assert counts(batch) == {"accepted": 2, "rejected": 1}
    assert batch.get(CUSTOMERS, CUSTOMER_ID.encode()).interaction_count == 2


async def test_a_step_that_keeps_failing_stops_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken release must not turn the whole log into dead letters."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("a defect")

    monkeypatch.setattr("streams.pipeline.customers.step", broken)
    pipeline = a_pipeline()
    await fold(pipeline, *(a_record(n) for n in range(FAILURES_TOLERATED)))
    with pytest.raises(TooManyFailuresError, match="dead letters"):
        await fold(pipeline, a_record(FAILURES_TOLERATED))


def test_failures_far_apart_do_not_stop_it() -> None:
    """What counts is how many of the newest events failed, not how many ever did."""

    def fail_every(events: int) -> None:
        pipeline = a_pipeline()
        for _ in range(3 * FAILURES_TOLERATED):
            pipeline.folded += events
            pipeline.note_failure()

    apart = FAILURES_AMONG // FAILURES_TOLERATED
    fail_every(apart)
    with pytest.raises(TooManyFailuresError):
        fail_every(apart - 1)


async def test_intakes_own_second_copy_is_counted_apart() -> None:
    """After a crash of intake the same origin comes twice: replayed, not a duplicate."""
    batch = await fold(a_pipeline(), a_record(0), a_record(1), a_record(0), a_record(1))
    assert counts(batch) == {"accepted": 2, "replayed": 2}
