"""The customer pipeline: events of `customer-events.v1` folded into rows, complaints, alerts and
tables.

The step is pure (`agents.customer.step`); this is where its effects become records and rows.
"""

import logging
import math
import traceback
from collections import Counter, deque
from collections.abc import AsyncIterable
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID, uuid5

import msgspec

from agents.complaints.settle import Rulebook
from agents.complaints.versions import Plans
from agents.customer.admission import Admission, origin_of
from agents.customer.step import Step, step, wake_at
from agents.effects import (
    PublishAlert,
    PublishComplaint,
    PublishScore,
    RejectCommand,
    Tally,
    TellCustomer,
    UnknownWord,
)
from agents.intake.dead_letters import dead_letter_headers
from agents.intake.outcomes import Rejected
from agents.satisfaction.board import TallyBoard
from schemas.alert import SlaAlert
from schemas.command import CommandGiven
from schemas.common import Channel
from schemas.complaint import Complaint
from schemas.customer import ComplaintState, CustomerState, PartitionState
from schemas.events import CustomerEvent, DeadlineReached, OfCustomer, PolicyEvent
from schemas.interaction import Interaction, Origin
from schemas.merging import BetweenCustomers, ComplaintsMoved
from schemas.rejection import RejectReason
from schemas.rollup import SatisfactionCatalogue
from schemas.satisfaction import SatisfactionRow
from streams import topics
from streams.engine import RecordBatch, SourceRecord
from streams.pipeline.observer import PipelineObserver
from streams.pipeline.promises import Promises
from streams.pipeline.tables import CATALOGUE, CUSTOMERS, ONLY, PARTITIONS, SATISFACTION
from streams.pipeline.turn import Turn
from streams.pipeline.views import LiveViews

log = logging.getLogger(__name__)

FAILURES_TOLERATED = 20
"""Events a step may fail on within `FAILURES_AMONG` before the worker stops: one odd record is a
dead letter, a run of them is a broken release, and a broken release must not turn the whole log
into dead letters."""
FAILURES_AMONG = 1_000
LOOK_EVERY = 16
"""Records folded between two looks at the clock: two milliseconds at most."""
REJECTED = "rejected"
"""How an event that the step could not fold is counted, so that the accounting adds up."""

DEADLINE_NAMESPACE = UUID("b0c7a4de-9a52-5d1f-8a3e-8f1f7a2c9d10")
DETAIL = 500
"""Characters of a traceback kept in a dead letter's header: its end, where the error is."""
STAGE = "customers"

# Reading `.value` of an enum is a Python call; a dictionary of texts is not.
_CHANNELS = {channel: channel.value for channel in Channel}
_ADMISSIONS = {admission: admission.value for admission in Admission}
_POLICY_EVENTS = frozenset(get_args(PolicyEvent))
_decode = msgspec.json.Decoder(CustomerEvent).decode
_encode = msgspec.json.Encoder().encode


class TooManyFailuresError(RuntimeError):
    """The step fails on too many events: stop the worker instead of dead-lettering the log."""


class CustomerPipeline:
    """Folds batches of one worker's customer lanes."""

    def __init__(
        self, rulebook: Rulebook, views: LiveViews, observer: PipelineObserver | None = None
    ) -> None:
        self.rulebook = rulebook
        self.views = views
        self.observer = observer or PipelineObserver()
        self.plans = Plans()
        self.folded = 0
        """Events given to the step so far; those that failed are noted by this number."""
        self._failed: deque[int] = deque()
        views.judged_by(rulebook.plan.policy_set)

    async def run(self, batches: AsyncIterable[RecordBatch]) -> None:
        """The Faust agent: fold every batch it is handed."""
        async for batch in batches:
            with batch:
                await self.fold(batch)
            await self.views.make_room()

    async def fold(self, batch: RecordBatch) -> None:
        """Fold one batch: rows, published records, tables and counts, all behind the barrier."""
        fold = _Fold(self, batch)
        turn = Turn()
        records = batch.records
        for start in range(0, len(records), LOOK_EVERY):
            for record in records[start : start + LOOK_EVERY]:
                fold.take(record)
            if turn.is_over:
                await turn.pass_on()
        fold.finish()

    def note_failure(self) -> None:
        """The newest event failed: keep the ratio of failing events in sight."""
        failed = self._failed
        failed.append(self.folded)
        while failed[0] <= self.folded - FAILURES_AMONG:
            failed.popleft()
        if len(failed) > FAILURES_TOLERATED:
            raise TooManyFailuresError(
                f"more than {FAILURES_TOLERATED} of the last {FAILURES_AMONG} events made the "
                "customer step fail; see the newest dead letters of customer-events.v1 and start a "
                "version that can fold them"
            )


class _Fold:
    """The folding of one batch."""

    def __init__(self, pipeline: CustomerPipeline, batch: RecordBatch) -> None:
        self.pipeline = pipeline
        self.batch = batch
        old = batch.get(PARTITIONS, ONLY) or PartitionState()
        self.counts = PartitionState(
            dict(old.origin_offsets), {name: dict(counts) for name, counts in old.counts.items()}
        )
        self.promises = Promises(batch, pipeline.rulebook, pipeline.plans)
        self.board = TallyBoard()
        self.customers: dict[bytes, CustomerState] = {}
        self.complaints: dict[str, tuple[Complaint, str]] = {}
        self.histories: dict[str, ComplaintState] = {}
        self.moved: set[str] = set()
        self.alerts: list[SlaAlert] = []
        self.tallies: list[Tally] = []
        self.outcomes: dict[tuple[str, str], int] = {}
        self.rejected: Counter[str] = Counter()
        self.unknown: Counter[tuple[str, str]] = Counter()
        self.newest: datetime | None = None

    def take(self, record: SourceRecord) -> None:
        """Fold one record; what cannot be read or folded becomes a dead letter, and its neighbours
        go on."""
        if record.value is None or record.key is None:
            self._reject(record, RejectReason.NOT_AN_EVENT, "it needs a key and a value")
            return
        try:
            event = _decode(record.value)
        except msgspec.MsgspecError as error:
            self._reject(record, RejectReason.NOT_AN_EVENT, str(error))
            return
        if type(event) in _POLICY_EVENTS:
            self._learn(record, event)
            return
        self.pipeline.folded += 1
        key = event.customer_id.encode()
        row = self.customers.get(key) or self.batch.get(CUSTOMERS, key)
        try:
            result = step(row, event, self.promises.rulebook, reread=self._was_read(event))
        except Exception:
            log.exception("the customer step failed on %s@%s", self.batch.topic, record.offset)
            self._reject(record, RejectReason.STEP_FAILED, traceback.format_exc()[-DETAIL:])
            self._count(event, REJECTED)
            self.pipeline.note_failure()
            return
        state = result.state
        if state is not row:
            self.customers[key] = state
            if state.complaints:
                self._note_histories(row, state)
        self._count(event, _ADMISSIONS[result.admission])
        if result.effects:
            self._act(result)

    def _learn(self, record: SourceRecord, event: PolicyEvent) -> None:
        """The partition is told of a version; one that cannot be used here is a dead letter."""
        try:
            self.promises.learn(event)
        except ValueError as error:
            self._reject(record, RejectReason.NOT_AN_EVENT, str(error))

    def _was_read(self, event: OfCustomer) -> bool:
        """Whether this partition has read the event's origin before: then it is intake's own second
        copy."""
        origin = event.origin if type(event) is Interaction else origin_of(event)
        if origin is None:
            return False
        name = f"{origin.topic}/{origin.partition}"
        offsets = self.counts.origin_offsets
        if origin.offset > offsets.get(name, -1):
            offsets[name] = origin.offset
            return False
        return True

    def _note_histories(self, old: CustomerState | None, new: CustomerState) -> None:
        """Remember the complaints this event touched: the others are the very same objects."""
        if old is not None and new.complaints is old.complaints:
            return
        known = set(map(id, old.complaints)) if old is not None else set()
        for state in new.complaints:
            if id(state) not in known:
                self.histories[state.complaint.complaint_id] = state

    def _count(self, event: OfCustomer, outcome: str) -> None:
        if type(event) is Interaction:
            name = _CHANNELS[event.channel]
            if not event.quiet and (self.newest is None or event.occurred_at > self.newest):
                self.newest = event.occurred_at
        elif isinstance(event, CommandGiven):
            name = "commands"
        else:
            return
        outcomes, key = self.outcomes, (name, outcome)
        outcomes[key] = outcomes.get(key, 0) + 1

    def _act(self, result: Step) -> None:
        name, add, counted = result.state.name, self.board.add, self.tallies.append
        for effect in result.effects:
            if type(effect) is Tally:  # nine of ten: told apart before the slower `match`
                add(effect)
                counted(effect)
                continue
            match effect:
                case PublishComplaint(complaint):
                    key = complaint.complaint_id.encode()
                    self.batch.emit(topics.COMPLAINTS, key, _encode(complaint))
                    self.complaints[complaint.complaint_id] = (complaint, name)
                case PublishAlert(alert):
                    named = msgspec.structs.replace(alert, customer_name=name)
                    self.batch.emit(topics.SLA_ALERTS, alert.complaint_id.encode(), _encode(named))
                    self.alerts.append(named)
                case PublishScore(answer):
                    key = answer.customer_id.encode()
                    self.batch.emit(topics.SATISFACTION_SCORES, key, _encode(answer))
                case RejectCommand(given, reason):
                    self._reject_command(given, reason)
                case UnknownWord(field, word):
                    self.unknown[field, word] += 1
                case TellCustomer(told):
                    self._tell(told)

    def _tell(self, told: BetweenCustomers) -> None:
        """Put it into the other customer's log, whose partition shows the complaints in it now."""
        self.batch.emit(topics.CUSTOMER_EVENTS, told.customer_id.encode(), _encode(told))
        if isinstance(told, ComplaintsMoved):
            for state in (*told.complaints, *(each.state for each in told.joined)):
                self.moved.add(name := state.complaint.complaint_id)
                self.complaints.pop(name, None)
                self.histories.pop(name, None)

    def _reject_command(self, given: CommandGiven, reason: RejectReason) -> None:
        """The command as it was read: its bytes stand where the origin headers say."""
        self.rejected[reason.value] += 1
        origin = Origin(given.origin_topic, given.origin_partition, given.origin_offset)
        at_ms = _epoch_ms(given.received_at)
        headers = dead_letter_headers(Rejected(reason), (), origin, at_ms, STAGE)
        topic = topics.dead_letters_of(topics.COMMANDS)
        self.batch.emit(topic, given.customer_id.encode(), _encode(given.command), headers)

    def _reject(self, record: SourceRecord, reason: RejectReason, detail: str) -> None:
        self.rejected[reason.value] += 1
        topic = self.batch.topic
        origin = Origin(topic, self.batch.partition, record.offset)
        rejected = Rejected(reason, "", detail)
        headers = dead_letter_headers(rejected, record.headers, origin, record.timestamp, STAGE)
        self.batch.emit(topics.dead_letters_of(topic), record.key or b"", record.value, headers)

    def finish(self) -> None:
        """Write tables and counts, and show everything once it is applied."""
        batch, views, partition = self.batch, self.pipeline.views, self.batch.partition
        for key, state in self.customers.items():
            at = wake_at(state)
            batch.put(CUSTOMERS, key, state, None if at is None else _wake_ms(at))
        for (name, outcome), count in self.outcomes.items():
            counts = self.counts.counts.setdefault(name, {})
            counts[outcome] = counts.get(outcome, 0) + count
        written = self.board.flush(_Rows(batch))
        batch.put(PARTITIONS, ONLY, self.counts)
        if self.newest is not None:
            batch.advance_watermark(_epoch_ms(self.newest))

        learned = self.promises.learned

        def show() -> None:
            for policy in learned:
                views.policy_learned(policy)
            views.complaints_moved(partition, self.moved)
            views.customers_changed(
                partition,
                self.customers.values(),
                self.complaints.values(),
                written,
                self.histories.values(),
            )
            views.events_counted(partition, self.counts)
            self.pipeline.observer.applied(self.outcomes, self.tallies, self.alerts, self.rejected)
            if self.unknown:
                self.pipeline.observer.unknown_words(self.unknown)

        batch.on_applied(show)


class _Rows:
    """The satisfaction rows of a batch, as the tally board wants to see them."""

    def __init__(self, batch: RecordBatch) -> None:
        self._batch = batch

    def get_row(self, key: bytes) -> SatisfactionRow | None:
        return self._batch.get(SATISFACTION, key)

    def put_row(self, key: bytes, row: SatisfactionRow) -> None:
        self._batch.put(SATISFACTION, key, row)

    def delete_row(self, key: bytes) -> None:
        self._batch.delete(SATISFACTION, key)

    def get_catalogue(self, key: bytes) -> SatisfactionCatalogue | None:
        return self._batch.get(CATALOGUE, key)

    def put_catalogue(self, key: bytes, entry: SatisfactionCatalogue) -> None:
        self._batch.put(CATALOGUE, key, entry)

    def delete_catalogue(self, key: bytes) -> None:
        self._batch.delete(CATALOGUE, key)


def _epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _wake_ms(at: datetime) -> int:
    """Rounded up: a customer woken a fraction before the instant would find nothing due."""
    return math.ceil(at.timestamp() * 1000)


def encode_deadline(key: bytes, wake_at_ms: int, read_through_ms: int) -> bytes:
    """The `DeadlineReached` record for a woken customer (for the deadline service)."""
    customer_id = key.decode()
    wake = datetime.fromtimestamp(wake_at_ms / 1000, UTC)
    return _encode(
        DeadlineReached(
            deadline_id=str(uuid5(DEADLINE_NAMESPACE, f"{customer_id}/{wake_at_ms}")),
            customer_id=customer_id,
            wake_at=wake,
            read_through_at=datetime.fromtimestamp(read_through_ms / 1000, UTC),
        )
    )
