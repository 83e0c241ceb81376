"""Intake: channel records and commands become customer events, or dead letters with their reason.

Everything is decided by pure functions (`agents.intake`); one question is asked outside: who the
customers are (`identities.py`). While it waits for the answer, batches of other lanes are taken in,
and are asked about together.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable

import msgspec

from agents.identity.resolve import Resolution
from agents.intake.dead_letters import dead_letter_headers
from agents.intake.outcomes import Accepted, AcceptedCommand, Rejected, Skipped
from agents.intake.settings import IntakeSettings
from agents.intake.step import given_command, instant_of, take_command, take_in, with_customer
from schemas.common import Channel
from schemas.customer import IntakeState
from schemas.events import CustomerEvent
from schemas.interaction import Origin
from streams import topics
from streams.engine import RecordBatch, SourceRecord
from streams.pipeline.identities import Identities, Registry
from streams.pipeline.observer import PipelineObserver
from streams.pipeline.tables import INTAKE, ONLY
from streams.pipeline.turn import Room, Turn
from streams.pipeline.views import LiveViews

RECORDS_AT_ONCE = 20_000
"""Records of all lanes that are taken in and wait to be identified, at some 3 kB each; more wait
for their turn. A lane has one batch here at most."""

REJECT_REASONS = 40
"""Reasons counted per source partition; they come from an enum, so this is only a guard."""

_CHANNELS = {topic: channel for channel, topic in topics.CHANNEL_TOPICS.items()}
_encode = msgspec.json.Encoder().encode

Outcome = Accepted | AcceptedCommand | Rejected | Skipped


class IntakePipeline:
    """Folds batches of one worker's channel and command lanes."""

    def __init__(
        self,
        identity: Identities,
        settings: IntakeSettings,
        views: LiveViews,
        observer: PipelineObserver | None = None,
    ) -> None:
        self.registry = Registry(identity)
        self.settings = settings
        self.views = views
        self.observer = observer or PipelineObserver()
        self._room = Room(RECORDS_AT_ONCE)

    async def run(self, batches: AsyncIterable[RecordBatch]) -> None:
        """The Faust agent: fold the batches it is handed, those of several lanes at a time."""
        async with asyncio.TaskGroup() as folds:
            async for batch in batches:
                await self._room.take(len(batch.records))
                folds.create_task(self._fold_in_room(batch))

    async def _fold_in_room(self, batch: RecordBatch) -> None:
        try:
            with batch:
                await self.fold(batch)
        finally:
            self._room.give(len(batch.records))

    async def fold(self, batch: RecordBatch) -> None:
        """Fold one batch: ask who the customers are, publish their events, count."""
        outcomes: list[Outcome] = []
        turn = Turn()
        for record in batch.records:
            outcomes.append(self._take(batch, record))
            if turn.is_over:
                await turn.pass_on()
        named = [o for o in outcomes if isinstance(o, Accepted | AcceptedCommand)]
        found = iter(await self.registry.identify(batch, named))
        counter = _Counter(batch)
        for record, outcome in zip(batch.records, outcomes, strict=True):
            counter.count(outcome)
            match outcome:
                case Accepted() | AcceptedCommand():
                    self._publish(batch, record, outcome, next(found), counter)
                case Rejected():
                    self._reject(batch, record, outcome)
        counter.finish(self)

    def _take(self, batch: RecordBatch, record: SourceRecord) -> Outcome:
        origin = Origin(batch.topic, batch.partition, record.offset)
        at = instant_of(record.timestamp)
        headers = record.headers
        channel = _CHANNELS.get(batch.topic)
        if channel is None:
            return take_command(record.value, headers, at, origin, self.settings)
        return take_in(record.value, headers, channel, at, origin, self.settings)

    def _publish(
        self,
        batch: RecordBatch,
        record: SourceRecord,
        outcome: Accepted | AcceptedCommand,
        found: Resolution,
        counter: "_Counter",
    ) -> None:
        at = instant_of(record.timestamp)
        if isinstance(outcome, Accepted):
            customer_id = found.customer_id
            event: CustomerEvent = with_customer(outcome, customer_id)
        else:
            customer_id = outcome.customer_id or found.customer_id
            event = given_command(outcome, customer_id, at)
        batch.emit(topics.CUSTOMER_EVENTS, customer_id.encode(), _encode(event))
        counter.conflicts += len(found.conflicts)

    def _reject(self, batch: RecordBatch, record: SourceRecord, rejected: Rejected) -> None:
        origin = Origin(batch.topic, batch.partition, record.offset)
        headers = dead_letter_headers(rejected, record.headers, origin, record.timestamp)
        batch.emit(topics.dead_letters_of(batch.topic), record.key, record.value, headers)


class _Counter:
    """Counts one batch into the row of its source partition."""

    def __init__(self, batch: RecordBatch) -> None:
        self.batch = batch
        self.channel: Channel | None = _CHANNELS.get(batch.topic)
        old = batch.get(INTAKE, ONLY) or IntakeState()
        self.state = msgspec.structs.replace(old, reasons=dict(old.reasons))
        self.rejected: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.skipped = 0
        self.conflicts = 0

    def count(self, outcome: Outcome) -> None:
        """Count what became of one record."""
        self.state.received += 1
        match outcome:
            case Accepted() | AcceptedCommand():
                for problem in outcome.problems:
                    self.problems[problem.field] += 1
            case Rejected(reason=reason):
                self.state.rejected += 1
                self.rejected[reason.value] += 1
                if reason.value in self.state.reasons or len(self.state.reasons) < REJECT_REASONS:
                    self.state.reasons[reason.value] = self.state.reasons.get(reason.value, 0) + 1
            case Skipped():
                self.state.skipped += 1
                self.skipped += 1

    def finish(self, pipeline: IntakePipeline) -> None:
        """Write the row, and show the counts once they are applied."""
        batch, state = self.batch, self.state
        batch.put(INTAKE, ONLY, state)
        name = self.channel.value if self.channel is not None else "commands"
        received = len(batch.records)

        def show() -> None:
            observer = pipeline.observer
            pipeline.views.intake_counted(batch.topic, batch.partition, state)
            observer.taken_in(name, received, self.skipped, self.rejected)
            if self.problems:
                observer.field_problems(name, self.problems)
            if self.conflicts:
                observer.identity_conflicts(self.conflicts)

        batch.on_applied(show)
