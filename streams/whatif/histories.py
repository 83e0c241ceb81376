"""From events to the histories of complaints, through the customer step of production.

Every customer has a virtual clock: deadlines fire at their instants, between the events. Alerts and
counts that follow are dropped.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.judging import Case
from agents.complaints.sla.plan import Plan
from agents.complaints.versions import Learned, Plans
from agents.customer.step import known_at, step, wake_at
from agents.identity import IdentityBook
from agents.intake.outcomes import Accepted, AcceptedCommand, Rejected, Skipped
from agents.intake.settings import IntakeSettings
from agents.intake.step import given_command, take_command, take_in, with_customer
from schemas.common import Channel, Instrument
from schemas.customer import ComplaintState, CustomerState
from schemas.events import CustomerEvent, DeadlineReached, PolicyEvent
from schemas.interaction import Origin
from schemas.policy import Policy, PolicySet
from streams.importing.outgoing import COMMANDS, Outgoing

Outcome = Accepted | AcceptedCommand | Rejected | Skipped

DEADLINES_AT_ONCE = 10_000
"""Deadlines fired for one customer between two events: more is a loop, not a customer."""

SCORE_DAYS = 30
"""A score given this long after a complaint was opened, and before the next, is about it."""

FIVE_POINTS = 5.0
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def without_promises(policy_set: PolicySet) -> PolicySet:
    """A policy that promises nothing and reopens as this one does.

    What belongs to a complaint does not depend on its clocks, so histories are found without them.
    """
    return PolicySet(
        timezone=policy_set.timezone,
        reopen_within_seconds=policy_set.reopen_within_seconds,
        policies=(Policy(name="none", promises=()),),
        digest="none",
    )


class Histories:
    """Folds customer events, and keeps every complaint that came up."""

    def __init__(self, policy_set: PolicySet, *, fires: bool) -> None:
        """`fires`: deadlines are fired here. A log has them in it, and the clocks they need."""
        self._rulebook = Rulebook(Plan(policy_set), ComplaintRules())
        self._rulebooks: dict[int, Rulebook] = {}
        self._learned: dict[int, Learned] = {}
        self._plans = Plans()
        self._fires = fires
        self._customers: dict[str, CustomerState] = {}
        self._complaints: dict[str, ComplaintState] = {}
        self.outcomes: Counter[str] = Counter()
        self.events = 0
        self.until = _EARLIEST
        """The latest instant anything happened or became known."""
        self.versions: dict[str, PolicySet] = {}
        """Every version of the policy the log tells of, by its digest."""

    def take(self, event: CustomerEvent, partition: int = 0) -> None:
        """Fold one event; one that the step cannot fold is counted, as it is in production.

        A log tells which version judged from where on, each partition for itself.
        """
        self.events += 1
        if isinstance(event, PolicyEvent):
            self._learn(event, partition)
            return
        at = known_at(event)
        self.until = max(self.until, at)
        customer_id = event.customer_id
        row = self._customers.get(customer_id)
        if self._fires and row is not None:
            row = self._advance(row, at)
        try:
            result = step(row, event, self._rulebooks.get(partition, self._rulebook))
        except Exception as error:
            self.outcomes[f"failed: {type(error).__name__}"] += 1
            return
        self.outcomes[result.admission.value] += 1
        self._keep(row, result.state)

    def _learn(self, event: PolicyEvent, partition: int) -> None:
        learned = self._learned.setdefault(partition, Learned(self._plans))
        try:
            learned.learn(event)
        except ValueError:
            self.outcomes["failed: ValueError"] += 1
            return
        self.versions |= learned.policies
        self._rulebooks[partition] = replace(self._rulebook, book=learned.book)

    def cases(self) -> Iterator[Case]:
        """Every complaint as it happened, in order of opening."""
        scores = {
            customer_id: _scores(row) for customer_id, row in self._customers.items() if row.scores
        }
        opened: dict[str, list[datetime]] = {}
        for state in self._complaints.values():
            complaint = state.complaint
            self.until = max(self.until, state.history[-1].at)
            opened.setdefault(complaint.customer_id, []).append(complaint.opened_at)
        for state in sorted(self._complaints.values(), key=_opened):
            complaint = state.complaint
            given = scores.get(complaint.customer_id, ())
            yield Case(
                complaint_id=complaint.complaint_id,
                context=state.context,
                history=tuple(state.history),
                csat=_score_after(complaint.opened_at, opened[complaint.customer_id], given),
            )

    def _advance(self, row: CustomerState, to: datetime) -> CustomerState:
        for _ in range(DEADLINES_AT_ONCE):
            due = wake_at(row)
            if due is None or due >= to:
                return row
            reached = DeadlineReached(
                deadline_id=str(uuid5(NAMESPACE_URL, f"{row.customer_id}/{due.isoformat()}")),
                customer_id=row.customer_id,
                wake_at=due,
                read_through_at=due,
            )
            after = step(row, reached, self._rulebook).state
            self._keep(row, after)
            row = after
        raise RuntimeError(f"more than {DEADLINES_AT_ONCE} deadlines between two events")

    def _keep(self, before: CustomerState | None, after: CustomerState) -> None:
        if after is before:
            return
        self._customers[after.customer_id] = after
        known = {id(state) for state in before.complaints} if before is not None else ()
        for state in after.complaints:
            if id(state) not in known:
                self._complaints[state.complaint.complaint_id] = state


def _opened(state: ComplaintState) -> tuple[datetime, str]:
    return state.complaint.opened_at, state.complaint.complaint_id


def _scores(row: CustomerState) -> list[tuple[datetime, int]]:
    """CSAT on five points, by when it was given."""
    return sorted(
        (counted.score.rated_at, round(counted.score.score))
        for counted in row.scores
        if counted.score.instrument is Instrument.CSAT and counted.score.scale_max == FIVE_POINTS
    )


def _score_after(
    opened_at: datetime, openings: Iterable[datetime], scores: Iterable[tuple[datetime, int]]
) -> int | None:
    """The first score after a complaint was opened; the one that opened it says nothing of it."""
    following = min((other for other in openings if other > opened_at), default=None)
    last = opened_at + timedelta(days=SCORE_DAYS)
    last = last if following is None else min(last, following)
    return next((score for at, score in scores if opened_at < at <= last), None)


class Intake:
    """Reads records of the contract as intake does, with the identity index in memory.

    Nothing says when a record of a file arrived: each counts as known when it happened.
    """

    def __init__(self, settings: IntakeSettings | None = None) -> None:
        self._settings = settings or IntakeSettings()
        self._book = IdentityBook()
        self._offset = 0
        self.refused: Counter[str] = Counter()

    def event_of(self, record: Outgoing) -> CustomerEvent | None:
        """The customer event of a record; None (and counted) where intake would refuse it."""
        self._offset += 1
        at = record.at
        origin = Origin(record.topic, 0, self._offset)
        if record.channel == COMMANDS:
            outcome: Outcome = take_command(record.value, (), at, origin, self._settings)
        else:
            outcome = take_in(record.value, (), Channel(record.channel), at, origin, self._settings)
        if isinstance(outcome, Accepted):
            found = self._book.resolve(outcome.handles)
            return with_customer(outcome, found.customer_id)
        if isinstance(outcome, AcceptedCommand):
            customer_id = outcome.customer_id or self._book.resolve(outcome.handles).customer_id
            return given_command(outcome, customer_id, at)
        self.refused[outcome.reason.value] += 1
        return None
