"""Customers with a log each, on a virtual clock: what one tells another takes its time, and may
come again."""

import random
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.clocks import evaluate
from agents.complaints.sla.plan import Plan
from agents.complaints.standing import Standings
from agents.customer.step import step, wake_at
from agents.effects import (
    Effect,
    PublishAlert,
    PublishComplaint,
    RejectCommand,
    Tally,
    TellCustomer,
)
from schemas.alert import SlaAlert
from schemas.clock import Clock
from schemas.command import Action, Command, CommandGiven
from schemas.complaint import Complaint
from schemas.customer import ComplaintState, CustomerState
from schemas.events import DeadlineReached, OfCustomer
from schemas.merging import BetweenCustomers
from tests.agents.complaints.policy_world import promise
from tests.builders import MONDAY, an_answer, an_interaction, id_of

PROMISE = promise(4)
"""A response within 4 hours, and a resolution within 8; who breaks it is escalated at once."""

MOST_RECORDS = 20_000
"""Far more than any plan here makes."""

COMPLAINT_MEASURES = frozenset(
    {"complaints_opened", "complaints_resolved", "complaints_reopened", "resolution"}
    | {"met", "breached", "hand_overs", "hand_backs"}
)


class Logs:
    """A few customers, each in a partition of its own."""

    def __init__(self, chance: random.Random | None = None, *, repeats: bool = False) -> None:
        self.rules = Rulebook(Plan(PROMISE), ComplaintRules(), standings=Standings(0))
        self.rows: dict[str, CustomerState] = {}
        self.waiting: dict[str, deque[OfCustomer]] = {}
        self.told: dict[str, list[BetweenCustomers]] = {}
        self.effects: list[tuple[str, Effect]] = []
        self.now = MONDAY
        self.chance = chance
        self.repeats = random.Random(7) if repeats else None
        self.number = 0

    # --- what happens ----------------------------------------------------------------------------

    def opens(self, customer: str, matter: str, **fields: Any) -> str:
        """A complaint about an order; returns its conversation."""
        talk = f"{customer}:{matter}"
        self._say(customer, talk, matter, complaint=True, **fields)
        return talk

    def writes(self, customer: str, matter: str, **fields: Any) -> None:
        """The customer writes again about an order."""
        self._say(customer, f"{customer}:{matter}", matter, **fields)

    def answers(self, customer: str, matter: str, **fields: Any) -> None:
        """Staff answer the customer about an order."""
        self._say(customer, f"{customer}:{matter}", matter, build=an_answer, **fields)

    def _say(
        self, customer: str, talk: str, matter: str, build: Any = an_interaction, **fields: Any
    ) -> None:
        self.number += 1
        name = f"event-{self.number}"
        about = {"conversation_key": talk, "matter_refs": [f"order:{matter}"]}
        said = {"customer_id": customer, **about, **fields}
        self.put(build(name, self.now, **said))

    def orders(self, customer: str, action: Action, **fields: Any) -> None:
        """Staff give an order about a customer or its complaint."""
        self.number += 1
        command_id = id_of(f"order-{self.number}")
        self.put(
            CommandGiven(
                command_id=command_id,
                customer_id=customer,
                occurred_at=self.now,
                received_at=self.now,
                origin_topic="commands.v1",
                origin_partition=0,
                origin_offset=self.number,
                command=Command(source="test", id=command_id, action=action, **fields),
            )
        )

    def merges(self, gone: str, into: str) -> None:
        """Staff say that two customers are one."""
        self.orders(gone, Action.MERGE, into=into)

    def unmerges(self, gone: str) -> None:
        """Staff say that they are not."""
        self.orders(gone, Action.UNMERGE)

    def put(self, event: OfCustomer) -> None:
        """Append to a customer's log; without a source of chance it is read at once."""
        self.waiting.setdefault(event.customer_id, deque()).append(event)
        if self.chance is None:
            self.read()

    def read(self, count: int = MOST_RECORDS) -> None:
        """Read up to `count` records of the logs, whichever log comes first."""
        for _ in range(count):
            ready = sorted(name for name, log in self.waiting.items() if log)
            if not ready:
                return
            name = ready[0] if self.chance is None else self.chance.choice(ready)
            self._fold(name, self.waiting[name].popleft())
        assert count < MOST_RECORDS, "customers tell each other the same without an end"

    def _fold(self, name: str, event: OfCustomer) -> None:
        result = step(self.rows.get(name), event, self.rules)
        self.rows[name] = result.state
        self.effects += [(name, effect) for effect in result.effects]
        for effect in result.effects:
            if isinstance(effect, TellCustomer):
                told = effect.event
                self.told.setdefault(name, []).append(told)
                self.waiting.setdefault(told.customer_id, deque()).append(told)
        if self.repeats is not None and self.repeats.random() < 0.3:
            for again in self.told.get(name, [])[-3:]:  # killed before it knew that they were out
                self.waiting.setdefault(again.customer_id, deque()).append(again)

    def goes_on(self, **spell: float) -> None:
        """Read everything, and fire every deadline on the way, each at its instant."""
        to = self.now + timedelta(**spell)
        self.read()
        while True:
            wakes = [(at, name) for name, row in self.rows.items() if (at := wake_at(row))]
            due, name = min(wakes, default=(None, ""))
            if due is None or max(due, self.now) > to:
                self.now = to
                return
            self.now = max(due, self.now)
            self._fold(
                name,
                DeadlineReached(
                    deadline_id=f"{name}/{due.isoformat()}",
                    customer_id=name,
                    wake_at=due,
                    read_through_at=self.now,
                ),
            )
            self.read()

    # --- what is to be seen ----------------------------------------------------------------------

    def complaints(self, customer: str) -> list[ComplaintState]:
        """The complaints of a customer's row, by when they were opened."""
        row = self.rows.get(customer)
        found = row.complaints if row is not None else []
        return sorted(found, key=lambda state: state.complaint.opened_at)

    def clocks(self, state: ComplaintState, until: datetime | None = None) -> list[Clock]:
        """The clocks of a complaint as they stand."""
        return evaluate(state.history, self.rules.plan, state.context, until or self.now)

    def published(self) -> dict[str, Complaint]:
        """The last word about every complaint on its topic."""
        said = [e.complaint for _, e in self.effects if isinstance(e, PublishComplaint)]
        return {complaint.complaint_id: complaint for complaint in said}

    def alerts(self) -> list[SlaAlert]:
        """Every alert, in order."""
        return [e.alert for _, e in self.effects if isinstance(e, PublishAlert)]

    def heard(self) -> list[tuple[str, str]]:
        """(kind, target) of every alert, in order."""
        return [(alert.kind.value, alert.target) for alert in self.alerts()]

    def refused(self) -> list[str]:
        """Why orders were refused, in order."""
        return [e.reason.value for _, e in self.effects if isinstance(e, RejectCommand)]

    def table(self, partition: str | None = None) -> Counter[tuple[object, ...]]:
        """What the tables hold of complaints, of all partitions or of one customer's."""
        total: Counter[tuple[object, ...]] = Counter()
        for name, effect in self.effects:
            if (
                isinstance(effect, Tally)
                and effect.measure in COMPLAINT_MEASURES
                and partition in (None, name)
            ):
                total[effect.measure, effect.at, effect.labels, effect.value] += effect.count
        return Counter({key: count for key, count in total.items() if count})

    def counted(self, partition: str | None = None) -> Counter[tuple[object, ...]]:
        """What the rows say is counted of their complaints."""
        return Counter(
            (fact.measure, fact.at, fact.labels, fact.value)
            for name, row in self.rows.items()
            if partition in (None, name)
            for state in row.complaints
            for fact in state.counted
        )


def bare(states: Sequence[ComplaintState]) -> list[ComplaintState]:
    """Complaints without what tells how often and how they were published."""
    return [
        replace(
            state,
            complaint=replace(
                state.complaint,
                change_count=0,
                clocks=[],
                conversation_keys=sorted(state.complaint.conversation_keys),
                matter_refs=sorted(state.complaint.matter_refs),
            ),
        )
        for state in states
    ]
