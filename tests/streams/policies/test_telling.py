"""Every lane is told what it does not know, and a retroactive version reaches whom it must."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from agents.complaints.sla.policy_file import default_policy
from agents.complaints.versions import learn
from schemas.complaint import Complaint, Stage
from schemas.customer import ComplaintState, CustomerState, PolicyEntry, PolicyHistory
from schemas.events import CustomerEvent, PolicyChanged, PolicyReached, PolicySettled
from schemas.policy import ComplaintContext, PolicySet
from streams import topics
from streams.engine import Effect
from streams.pipeline.tables import CUSTOMERS_STAGE, POLICY_HISTORY
from streams.policies import PolicyObserver, PolicySettings, Published
from streams.policies.publishing import publication
from streams.policies.reaching import must_be_reached
from streams.policies.telling import PolicyTeller
from tests.builders import MONDAY

HOUR = timedelta(hours=1)


def policy(name: str, *, retroactive: bool = False) -> PolicySet:
    """A version that only has a name."""
    return replace(default_policy(), digest=name, retroactive=retroactive)


def a_row(number: int, stage: Stage = Stage.RECEIVED, version: str = "old") -> CustomerState:
    """A customer with one complaint."""
    complaint = Complaint(
        complaint_id=f"c{number}", customer_id=f"p{number}", stage=stage, opened_at=MONDAY
    )
    state = ComplaintState(complaint, ComplaintContext(), policy=version)
    return CustomerState(f"p{number}", complaints=[state])


class Lane:
    """A restored customer lane whose rows are a list."""

    topic, partition = topics.CUSTOMER_EVENTS, 3
    restored, stopping = True, False
    stage = SimpleNamespace(name=CUSTOMERS_STAGE)

    def __init__(self, *rows: CustomerState) -> None:
        self.history = PolicyHistory()
        self.customers = rows

    def get(self, table: Any, key: bytes) -> Any:
        """What the partition knows."""
        assert table is POLICY_HISTORY
        return self.history

    def rows(self, table: Any) -> Iterator[tuple[bytes, CustomerState]]:
        """All customers."""
        return ((row.customer_id.encode(), row) for row in self.customers)


class Engine:
    """Publishes into a list; `apply` lets the lanes learn from it, as a fold would."""

    def __init__(self, *lanes: Lane) -> None:
        self.lanes = dict(enumerate(lanes))
        self.batches: list[list[Any]] = []

    async def publish(self, effects: list[Effect]) -> None:
        """Keep what is sent to a partition."""
        assert {(one.topic, one.partition) for one in effects} <= {(topics.CUSTOMER_EVENTS, 3)}
        if effects:
            self.batches.append(
                [json.decode(one.value or b"", type=CustomerEvent) for one in effects]
            )

    def apply(self) -> None:
        """Fold everything that was sent."""
        for event in (event for batch in self.batches for event in batch):
            for lane in self.lanes.values():
                if isinstance(event, PolicyChanged | PolicySettled):
                    lane.history, _ = learn(lane.history, event)
        self.batches.clear()


class Told(PolicyObserver):
    """Remembers what was told."""

    behind = -1
    customers = 0

    def in_force(self, published_at: Any, partitions_behind: int) -> None:
        """How many lanes are behind."""
        self.behind = partitions_behind

    def reached(self, customers: int) -> None:
        """How many customers were reached."""
        self.customers += customers


def a_teller(engine: Engine, observer: PolicyObserver | None = None, **limits: Any) -> PolicyTeller:
    """A teller that does not rest between two parts of a retroactive version."""
    settings = PolicySettings(reach_pause_seconds=0.0, **limits)
    return PolicyTeller(engine, settings, observer or PolicyObserver())  # type: ignore[arg-type]


def these(*versions: PolicySet) -> Published:
    """These versions stand on the topic, published an hour after one another."""
    known = Published()
    for hours, one in enumerate(versions):
        known.take(publication(known, one, "test", MONDAY + hours * HOUR))
    return known


def sent(engine: Engine) -> list[str]:
    """The versions that were sent, in order."""
    return [event.policy.digest for batch in engine.batches for event in batch]


async def test_a_lane_is_told_once_and_in_order() -> None:
    """What is on its way is not sent again; what is known is not sent at all."""
    engine = Engine(Lane())
    observer = Told()
    teller, published = a_teller(engine, observer), these(policy("a"), policy("b"))
    assert await teller.tell(published) == 1
    assert await teller.tell(published) == observer.behind == 1
    assert sent(engine) == ["a", "b"]
    engine.apply()
    assert await teller.tell(published) == observer.behind == 0
    assert sent(engine) == []


async def test_what_got_lost_on_its_way_is_sent_again() -> None:
    """A fenced or crashed owner may have sent it to nobody: the rows are the proof."""
    engine = Engine(Lane())
    teller, published = a_teller(engine, again_seconds=0.0), these(policy("a"))
    await teller.tell(published)
    await teller.tell(published)
    assert sent(engine) == ["a", "a"]


async def test_a_lane_that_is_leaving_or_not_ready_is_left_alone() -> None:
    """Its next owner tells it."""
    leaving, restoring = Lane(), Lane()
    leaving.stopping, restoring.restored = True, False
    engine = Engine(leaving, restoring)
    assert await a_teller(engine).tell(these(policy("a"))) == 0
    assert engine.batches == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (a_row(1), True),
        (a_row(1, version="new"), False),
        (a_row(1, Stage.RESOLVED), False),
        (a_row(1, Stage.CLOSED), False),
        (replace(a_row(1), policy_at=MONDAY), False),  # something happened to it since
        (replace(a_row(1), policy_at=MONDAY - HOUR), True),
        (CustomerState("nobody"), False),
    ],
)
def test_who_must_be_reached(row: CustomerState, expected: bool) -> None:
    """Who has an open complaint under another version, and was not touched since."""
    assert must_be_reached(row, PolicyEntry("new", MONDAY, True)) is expected


async def test_a_retroactive_version_reaches_everybody_in_bounded_steps() -> None:
    """So many at a time, then the mark that all were reached; and never again after that."""
    engine = Engine(Lane(*map(a_row, range(120)), a_row(900, Stage.RESOLVED)))
    observer = Told()
    teller = a_teller(engine, observer, reach_at_once=50)
    await teller.tell(these(policy("old"), policy("new", retroactive=True)))
    engine.apply()

    assert await teller.reach_back() == 120
    assert [len(batch) for batch in engine.batches] == [50, 50, 20, 1]
    reached = [event for batch in engine.batches[:3] for event in batch]
    assert {event.customer_id for event in reached} == {f"p{number}" for number in range(120)}
    assert {type(event) for event in reached} == {PolicyReached}
    assert observer.customers == 120

    assert await teller.reach_back() == 0  # it is on its way
    engine.apply()
    assert await a_teller(engine).reach_back() == 0
    assert engine.batches == []


async def test_only_the_newest_retroactive_version_is_brought_to_people() -> None:
    """An older one that was not finished is overtaken; a version that does not reach back after it
    changes nothing about those who are waiting."""
    engine = Engine(Lane(a_row(1)))
    teller = a_teller(engine)
    retroactive = [policy(name, retroactive=True) for name in ("one", "two")]
    await teller.tell(these(*retroactive, policy("three")))
    engine.apply()
    await teller.reach_back()
    (reached,), (settled,) = engine.batches
    assert (reached.version, settled.version) == ("two", "two")
    engine.apply()
    assert [entry.settled for entry in engine.lanes[0].history.entries] == [False, True, False]
