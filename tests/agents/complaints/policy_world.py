"""A partition on a virtual clock: customers to whom things happen, and a policy that changes."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from agents.complaints.matter import is_open
from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from agents.complaints.sla.versions import version_of
from agents.complaints.versions import Learned
from agents.customer.step import step, wake_at
from agents.effects import Effect, PublishAlert, Tally
from schemas.command import Action, Command, CommandGiven
from schemas.customer import ComplaintState, CustomerState
from schemas.events import DeadlineReached, OfCustomer, PolicyChanged, PolicyReached
from schemas.policy import PolicySet
from tests.builders import MONDAY, an_answer, an_interaction

BEFORE = MONDAY - timedelta(days=1)


def promise(
    hours: int, *, retroactive: bool = False, target: str = "total_resolution"
) -> PolicySet:
    """A version that promises a response, and `target`, within so many hours."""
    return version_of(
        parse_policy(
            f"""
version: 1
retroactive: {str(retroactive).lower()}
policies:
- name: all
  targets:
    first_response: {{within: {hours}h, escalate: [{{after: 0m, to: lead}}]}}
    {target}: {{within: {2 * hours}h}}
"""
        )
    )


class Change(NamedTuple):
    """A version comes into force."""

    at: datetime
    policy: PolicySet


def about(customer_id: str, name: str) -> dict[str, Any]:
    """Fields of an interaction about a matter of its own."""
    return {
        "customer_id": customer_id,
        "conversation_key": name,
        "matter_refs": [f"order:{name}"],
    }


class World:
    """What the customer pipeline does, in memory: the log's order, the deadlines, the effects."""

    def __init__(self, first: PolicySet) -> None:
        self.learned = Learned()
        self.rules = Rulebook(Plan(first), ComplaintRules())
        self.rows: dict[str, CustomerState] = {}
        self.effects: list[Effect] = []
        self.now = MONDAY
        self.change(Change(BEFORE, first))

    # --- what happens ----------------------------------------------------------------------------

    def change(self, change: Change) -> None:
        """The partition is told of a version."""
        self.learned.learn(PolicyChanged(policy=change.policy, published_at=change.at))

    def reach(self) -> None:
        """Every customer with an open complaint has its turn."""
        version = self.learned.history.entries[-1].version
        for customer_id, row in list(self.rows.items()):
            if any(is_open(one) for one in row.complaints):
                self.fold(
                    PolicyReached(customer_id=customer_id, version=version, reached_at=self.now)
                )

    def opens(self, customer_id: str, name: str) -> None:
        """A complaint about a matter of its own."""
        self.fold(an_interaction(name, self.now, complaint=True, **about(customer_id, name)))

    def answers(self, customer_id: str, name: str) -> None:
        """Somebody answers in that conversation."""
        answer = f"{name}-{self.now.isoformat()}"
        self.fold(an_answer(answer, self.now, **about(customer_id, name)))

    def writes(self, customer_id: str, name: str) -> None:
        """The customer writes again; a resolved complaint is opened anew."""
        again = f"{name}-again-{self.now.isoformat()}"
        self.fold(an_interaction(again, self.now, **about(customer_id, name)))

    def resolves(self, customer_id: str, name: str) -> None:
        """The complaint of that conversation is resolved."""
        command_id = f"resolve-{name}-{self.now.isoformat()}"
        self.fold(
            CommandGiven(
                command_id=command_id,
                customer_id=customer_id,
                occurred_at=self.now,
                received_at=self.now,
                origin_topic="commands.v1",
                origin_partition=0,
                origin_offset=0,
                command=Command(
                    source="test",
                    id=command_id,
                    action=Action.RESOLVE,
                    complaint_id=self.complaint(name).complaint.complaint_id,
                ),
            )
        )

    def fold(self, event: OfCustomer) -> None:
        """Fold one event under the versions known."""
        rulebook = replace(self.rules, book=self.learned.book)
        result = step(self.rows.get(event.customer_id), event, rulebook)
        self.rows[event.customer_id] = result.state
        self.effects += result.effects

    def goes_on(self, to: datetime) -> None:
        """Fire every deadline up to then, each at its instant (or now, if it is overdue)."""
        while True:
            wakes = [(at, name) for name, row in self.rows.items() if (at := wake_at(row))]
            due, customer_id = min(wakes, default=(None, ""))
            if due is None or max(due, self.now) > to:
                self.now = to
                return
            self.now = max(due, self.now)
            self.fold(
                DeadlineReached(
                    deadline_id=f"{customer_id}/{due.isoformat()}",
                    customer_id=customer_id,
                    wake_at=due,
                    read_through_at=self.now,
                )
            )

    # --- what is to be seen ----------------------------------------------------------------------

    def complaints(self) -> dict[str, ComplaintState]:
        """Every complaint by its conversation."""
        return {
            one.complaint.conversation_keys[0]: one
            for row in self.rows.values()
            for one in row.complaints
        }

    def complaint(self, name: str) -> ComplaintState:
        """The complaint of a conversation."""
        return self.complaints()[name]

    def alerts(self) -> list[tuple[str, str, str]]:
        """(kind, target, step) of every alert, in order."""
        return [
            (e.alert.kind.value, e.alert.target, e.alert.step or "")
            for e in self.effects
            if isinstance(e, PublishAlert)
        ]

    def alert_ids(self) -> list[str]:
        """The id of every alert, in order."""
        return [e.alert.alert_id for e in self.effects if isinstance(e, PublishAlert)]

    def counted(self) -> dict[tuple[object, ...], int]:
        """What the tables hold in the end."""
        totals: dict[tuple[object, ...], int] = {}
        for effect in self.effects:
            if isinstance(effect, Tally):
                key = (effect.measure, effect.at, effect.labels, effect.value)
                totals[key] = totals.get(key, 0) + effect.count
        return {key: count for key, count in totals.items() if count}
