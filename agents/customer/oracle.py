"""The oracle: the same pure steps folded over a partition's log in plain Python, without engine or
batches.

`manyi audit` compares what it gives with what is live; after any fault both must be equal.
"""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from agents.complaints.settle import Rulebook
from agents.complaints.standing import Standings
from agents.complaints.versions import Learned
from agents.customer.admission import origin_of
from agents.customer.step import step, wake_at
from agents.effects import PublishAlert, PublishComplaint, RejectCommand, Tally
from agents.satisfaction.board import MemoryRows, TallyBoard
from schemas.command import CommandGiven
from schemas.complaint import Complaint
from schemas.customer import CustomerState, PartitionState
from schemas.events import CustomerEvent, OfCustomer, PolicyEvent
from schemas.interaction import Interaction


class Oracle(Struct):
    """What one partition must look like after its events, folded one by one."""

    rulebook: Rulebook
    """What judges until the log tells of a version. Here every complaint is replayed in full."""
    versions: Learned = field(default_factory=Learned)
    customers: dict[str, CustomerState] = field(default_factory=dict)
    wakes: dict[str, float | None] = field(default_factory=dict)
    tables: MemoryRows = field(default_factory=MemoryRows)
    counts: PartitionState = field(default_factory=PartitionState)
    complaints: dict[str, Complaint] = field(default_factory=dict)
    alert_ids: dict[str, bool] = field(default_factory=dict)
    """Every alert published, in order; True where it is quiet."""
    rejected_commands: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        """Remember no standings: what production spares itself is what is to be proved."""
        self.rulebook = replace(self.rulebook, standings=Standings(0))

    def fold(self, event: CustomerEvent) -> None:
        """Fold one event; an event the step cannot fold is counted as failed, as it is in
        production."""
        if isinstance(event, PolicyEvent):
            self._learn(event)
            return
        row = self.customers.get(event.customer_id)
        try:
            result = step(row, event, self.rulebook, reread=self._reread(event))
        except Exception:
            self.failed += 1
            self._count(event, "rejected")
            return
        self.customers[event.customer_id] = result.state
        if result.state is not row:
            at = wake_at(result.state)
            self.wakes[event.customer_id] = None if at is None else at.timestamp()
        self._count(event, result.admission.value)
        board = TallyBoard()
        for effect in result.effects:
            match effect:
                case Tally():
                    board.add(effect)
                case PublishComplaint(complaint):
                    self.complaints[complaint.complaint_id] = complaint
                case PublishAlert(alert):
                    self.alert_ids[alert.alert_id] = alert.quiet
                case RejectCommand():
                    self.rejected_commands += 1
        board.flush(self.tables)

    def _learn(self, event: PolicyEvent) -> None:
        try:
            self.versions.learn(event)
        except ValueError:
            self.failed += 1  # a dead letter in production, too
            return
        self.rulebook = replace(self.rulebook, book=self.versions.book)

    def _count(self, event: OfCustomer, outcome: str) -> None:
        if isinstance(event, Interaction):
            name = event.channel.value
        elif isinstance(event, CommandGiven):
            name = "commands"
        else:
            return
        counts = self.counts.counts.setdefault(name, {})
        counts[outcome] = counts.get(outcome, 0) + 1

    def _reread(self, event: OfCustomer) -> bool:
        origin = origin_of(event)
        if origin is None:
            return False
        name = f"{origin.topic}/{origin.partition}"
        if origin.offset > self.counts.origin_offsets.get(name, -1):
            self.counts.origin_offsets[name] = origin.offset
            return False
        return True


def differences(expected: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    """The keys whose values differ or stand on one side only, sorted."""
    return sorted(
        key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
    )
