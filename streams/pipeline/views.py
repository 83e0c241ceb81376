"""Shows applied changes in the live views, and rebuilds them from the rows of a restored lane."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from agents.complaints.sla.vocabulary import Words
from agents.satisfaction.rollup import RowKey, decode_row_key
from schemas.complaint import Complaint
from schemas.customer import ComplaintState, CustomerState, IntakeState, PartitionState
from schemas.explanation import ComplaintHistory
from schemas.policy import PolicySet, Vocabulary
from schemas.satisfaction import SatisfactionRow
from streams.engine import Lane
from streams.pipeline.cards import card_of
from streams.pipeline.tables import (
    CUSTOMERS,
    CUSTOMERS_STAGE,
    INTAKE,
    INTAKE_STAGE,
    PARTITIONS,
    POLICIES,
    SATISFACTION,
)
from streams.views import (
    ComplaintItem,
    CustomerItem,
    HistoryItem,
    PolicyItem,
    RebuildSource,
    SatisfactionItem,
    ViewItem,
    ViewWriter,
)

BUSY_VIEWS = 10_000
"""Views waiting to be written at which the pipeline lets the writer go first; a fifth of its limit,
because one batch of history may touch thousands of rows."""


class LiveViews:
    """A lane listener that keeps the view writer in step with the lanes of this worker."""

    def __init__(self, make_writer: Callable[[RebuildSource], ViewWriter]) -> None:
        self._lanes: dict[int, Lane] = {}
        self._policy: PolicySet | None = None
        self._words = Words(Vocabulary())
        self._intake_lanes: dict[tuple[str, int], Lane] = {}
        self.writer = make_writer(self._items)
        self.writer.on_lost = self._put_counts

    def judged_by(self, policy: PolicySet) -> None:
        """Complaints are judged by this version where no partition was told of one yet."""
        self._policy = policy
        self._words = Words(policy.vocabulary)

    def policy_learned(self, policy: PolicySet) -> None:
        """A partition was told of a version."""
        self._words = Words(policy.vocabulary)
        self.writer.put_policy(policy)

    async def make_room(self) -> None:
        """Let the writer catch up where much waits: history arrives faster than Redis writes.

        While Redis is away this returns at once; the pipeline never waits for views it can rebuild.
        """
        if self.writer.pending > BUSY_VIEWS:
            await self.writer.flush()

    # --- lanes come and go -----------------------------------------------------------------------

    async def on_restored(self, lane: Lane) -> None:
        """Show what the rows hold; the writer rebuilds the rest if the views lag behind."""
        if lane.stage.name == INTAKE_STAGE:
            self._intake_lanes[lane.topic, lane.partition] = lane
            self._put_intake_counts(lane)
        elif lane.stage.name == CUSTOMERS_STAGE:
            self._lanes[lane.partition] = lane
            # Not `next_offset`: the lane looks for its start only after this.
            self.writer.own(lane.partition, lane.applied)
            for policy in self._policies(lane):
                self.writer.put_policy(policy)
            self._put_event_counts(lane)

    async def on_revoked(self, lane: Lane) -> None:
        """Write what is left and let the next owner go on."""
        self._intake_lanes.pop((lane.topic, lane.partition), None)
        if lane.stage.name == CUSTOMERS_STAGE and lane.partition in self._lanes:
            await self.writer.flush()
            self.writer.disown(lane.partition)
            del self._lanes[lane.partition]

    def _put_counts(self) -> None:
        """Show the accounting again; the rest is rebuilt from the rows by the writer."""
        for lane in self._intake_lanes.values():
            self._put_intake_counts(lane)
        for lane in self._lanes.values():
            self._put_event_counts(lane)

    def _put_intake_counts(self, lane: Lane) -> None:
        for _, taken in lane.rows(INTAKE):
            self.intake_counted(lane.topic, lane.partition, taken)

    def _put_event_counts(self, lane: Lane) -> None:
        for _, counts in lane.rows(PARTITIONS):
            self.events_counted(lane.partition, counts)

    def _items(self, partition: int) -> Iterator[ViewItem]:
        """All views of a partition, from its rows."""
        lane = self._lanes.get(partition)
        if lane is None:
            return
        for policy in self._policies(lane):
            yield PolicyItem(policy)
        for _, state in lane.rows(CUSTOMERS):
            yield CustomerItem(card_of(state, self._words))
            for complaint in state.complaints:
                yield ComplaintItem(complaint.complaint, state.name)
                yield HistoryItem(self._history_of(complaint))
            for joined in state.merges.joined if state.merges is not None else ():
                yield ComplaintItem(joined.state.complaint, state.name)
        for key, row in lane.rows(SATISFACTION):
            yield SatisfactionItem(partition, decode_row_key(key), row)

    def _policies(self, lane: Lane) -> Iterator[PolicySet]:
        """Every version that judges a complaint of this partition."""
        if self._policy is not None:
            yield self._policy
        for _, policy in lane.rows(POLICIES):
            yield policy

    # --- what was applied ------------------------------------------------------------------------

    def customers_changed(
        self,
        partition: int,
        states: Iterable[CustomerState],
        complaints: Iterable[tuple[Complaint, str]],
        rows: Sequence[tuple[RowKey, SatisfactionRow]],
        histories: Iterable[ComplaintState] = (),
    ) -> None:
        """Customers, complaints (with their customer's name), satisfaction rows and the histories
        of complaints changed."""
        writer = self.writer
        for state in states:
            writer.put_customer(partition, card_of(state, self._words))
        for complaint, name in complaints:
            writer.put_complaint(partition, complaint, name)
        for state_of_complaint in histories:
            writer.put_history(partition, self._history_of(state_of_complaint))
        for key, row in rows:
            writer.put_satisfaction(partition, key, row)

    def complaints_moved(self, partition: int, names: Iterable[str]) -> None:
        """Complaints went to another partition: what waits of them here would hide the newer."""
        for name in names:
            self.writer.forget_complaint(partition, name)

    def _history_of(self, state: ComplaintState) -> ComplaintHistory:
        clocks = state.complaint.clocks
        current = state.policy or ("" if self._policy is None else self._policy.digest)
        return ComplaintHistory(
            complaint_id=state.complaint.complaint_id,
            customer_id=state.complaint.customer_id,
            context=state.context,
            history=state.history,
            announced=state.announced,
            policy_version=clocks[0].policy_version if clocks else current,
        )

    def events_counted(self, partition: int, counts: PartitionState) -> None:
        """The accounting of a customer partition changed."""
        self.writer.put_customer_counts(partition, counts.counts)

    def intake_counted(self, topic: str, partition: int, counts: IntakeState) -> None:
        """The accounting of a source partition changed."""
        self.writer.put_intake_counts(topic, partition, counts_of(counts))

    def progressed(
        self, partition: int, applied: int, read_through_at: datetime | None, lag_count: int
    ) -> None:
        """How far a customer partition has been read."""
        self.writer.put_progress(
            partition, applied=applied, read_through_at=read_through_at, lag_count=lag_count
        )


def counts_of(state: IntakeState) -> Mapping[str, int]:
    """The three counts of intake, as the views keep them."""
    return {"received": state.received, "rejected": state.rejected, "skipped": state.skipped}
