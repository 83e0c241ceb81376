"""Reads `sla-alerts.v1` and `complaints.v1` and enters what follows from them into the ledger.

Offsets are committed after the ledger has it, so a crash repeats alerts (which the ledger knows)
and loses none. Where the ledger does not know a partition, because it is new or Redis was lost,
reading begins a day back instead of at the committed offset. While reading, it is asked again and
again whether the ledger still knows what was marked: Redis may be lost at any time.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from agents.alerts import change_of, ended_clocks
from agents.alerts.alertmanager import annotations_of, labels_of
from schemas.alert import SlaAlert
from schemas.codec import MalformedRecord, decode_as
from schemas.complaint import Complaint
from streams.engine import Consumer
from streams.notifier.deliverer import PATIENCE_MAX_SECONDS, PATIENCE_SECONDS
from streams.notifier.deliveries import Firing, Taken
from streams.notifier.ledger import Ledger
from streams.notifier.observer import NotifierObserver
from streams.notifier.settings import NotifierSettings
from streams.topics import COMPLAINTS, SLA_ALERTS

log = logging.getLogger(__name__)

MAX_RECORDS = 500
"""Records per poll: some milliseconds of work between two commits."""

LOOK_SECONDS = 5.0
"""How often a reader with nothing to read looks whether Redis still has the ledger."""

T = TypeVar("T")


class AlertReader:
    """One member of the notifier's consumer group."""

    def __init__(
        self,
        settings: NotifierSettings,
        ledger: Ledger,
        observer: NotifierObserver,
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._observer = observer
        self._now = now
        self._wake = wake
        self._consumer: Consumer | None = None
        self._begin_error: Exception | None = None
        self._begun = asyncio.Event()
        self._marked: set[TopicPartition] = set()
        self._look_at = 0.0
        self.stopping = False

    async def start(self) -> None:
        """Join the group. Raises KafkaError where the broker is out of reach."""
        self._begin_error = None
        self._begun.clear()
        self._consumer = Consumer(
            **self._settings.kafka,
            group_id=self._settings.group,
            enable_auto_commit=False,
            auto_offset_reset="latest",  # where there is anything to catch up, `_begin` seeks
        )
        self._consumer.subscribe([SLA_ALERTS, COMPLAINTS], listener=_Beginner(self))
        await self._consumer.start()

    async def leave(self) -> None:
        """Leave the group; `start` may join it again."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def run(self) -> None:
        """Read until stopped."""
        consumer = self._consumer
        assert consumer is not None
        while not self.stopping:
            batch = await consumer.getmany(timeout_ms=500, max_records=MAX_RECORDS)
            if batch:
                # aiokafka hands out what it finds at the end of a new partition while `begin` still
                # asks; a mark for that would tell `begin` that nothing is missing before it.
                await self._begun.wait()
            if self._begin_error is not None:
                raise self._begin_error
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + LOOK_SECONDS
                await self._patiently(self.look)
            if not batch:
                continue
            await self._patiently(partial(self.take_in, batch))
            if self.stopping:
                return
            try:
                await consumer.commit()
            except KafkaError as error:  # a rebalance; who owns the partition now reads it again
                log.warning("alerts were taken in, but the offset was not committed: %s", error)
                continue
            # Only now, because a marked partition is read from the committed offset. And not where
            # the ledger was lost meanwhile: a mark would say that nothing is missing.
            if not await self._patiently(self.look):
                await self._patiently(partial(self._mark, batch))

    async def look(self) -> bool:
        """Whether Redis has lost the ledger; alerts of the last day are then read again."""
        names = {f"{tp.topic}/{tp.partition}": tp for tp in self._marked}
        known = await self._ledger.known_partitions(list(names))
        if known == names.keys():
            return False
        log.warning("Redis has lost the memory of delivery; alerts of the last day are read again")
        # All partitions, also those somebody marked since: they share one Redis.
        alerts = [tp for tp in self._marked if tp.topic == SLA_ALERTS]
        assert self._consumer is not None
        await self._a_day_back(await self._consumer.end_offsets(alerts))
        self._marked.clear()
        return True

    async def begin(self, assigned: Sequence[TopicPartition]) -> None:
        """Set where to read partitions from that the ledger does not know."""
        consumer = self._consumer
        assert consumer is not None
        by_name = {f"{tp.topic}/{tp.partition}": tp for tp in assigned}
        # Before anything else is asked: what is published while we ask must be read.
        ends = await consumer.end_offsets(assigned)
        known = await self._patiently(partial(self._ledger.known_partitions, list(by_name)))
        new = [tp for name, tp in by_name.items() if name not in (known or set())]
        self._marked = set(assigned) - set(new)
        await self._a_day_back({tp: ends[tp] for tp in new if tp.topic == SLA_ALERTS})
        for tp in new:
            if tp.topic != SLA_ALERTS:  # a complaint's past ends no warning that is not known here
                consumer.seek(tp, ends[tp])

    async def _a_day_back(self, ends: Mapping[TopicPartition, int]) -> None:
        """Go to the first record of the last day; where there is none, to an end told before."""
        consumer = self._consumer
        assert consumer is not None
        since_ms = int((self._now().timestamp() - self._settings.catch_up_seconds) * 1000)
        offsets = await consumer.offsets_for_times(dict.fromkeys(ends, since_ms)) if ends else {}
        for tp, found in offsets.items():
            consumer.seek(tp, ends[tp] if found is None else found.offset)

    def let_go(self) -> None:
        """Nothing is taken in until `begin` has been called for the next assignment."""
        self._begun.clear()

    async def take_over(self, assigned: Sequence[TopicPartition]) -> None:
        """Find where to begin; where that fails `run` raises the error instead of skipping."""
        try:
            await self.begin(assigned)
        except Exception as error:  # aiokafka only logs what a listener raises
            self._begin_error = error
        finally:
            self._begun.set()

    async def take_in(self, batch: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Enter a batch into the ledger; may be repeated whole."""
        for tp, records in batch.items():
            if tp.topic == SLA_ALERTS:
                for record in records:
                    await self._alert(record)
            else:
                await self._complaints(records)
        self._wake()

    async def _mark(self, partitions: Iterable[TopicPartition]) -> None:
        marked = list(partitions)
        await self._ledger.mark_partitions(f"{tp.topic}/{tp.partition}" for tp in marked)
        self._marked.update(marked)

    async def _alert(self, record: Any) -> None:
        try:
            alert = decode_as(SlaAlert, record.value or b"")
        except MalformedRecord as error:
            log.error("%s/%s@%s: %s", record.topic, record.partition, record.offset, error)
            self._observer.skipped("unreadable")
            return
        now_ms = int(self._now().timestamp() * 1000)
        age_seconds = (now_ms - record.timestamp) / 1000
        if age_seconds > self._settings.catch_up_seconds:
            self._observer.skipped("outdated")
            return
        if await self.enter(alert, now_ms):
            self._observer.lag(max(0.0, age_seconds))

    async def enter(self, alert: SlaAlert, now_ms: int) -> bool:
        """Enter one alert into the ledger; False where it changes nothing, which is counted."""
        change = change_of(alert)
        if alert.quiet:
            self._observer.skipped("quiet")
            if not change.ends:
                await self._ledger.hush(alert.complaint_id, change.clock)
                return False
        firing = None
        if change.slot is not None and change.until is not None:
            firing = Firing(
                labels=labels_of(alert, change.slot),
                annotations=annotations_of(alert, self._settings.zone),
                starts_at_ms=int(alert.at.timestamp() * 1000),
                until_ms=int(change.until.timestamp() * 1000),
            )
        taken = await self._ledger.register(alert, change, firing, now_ms)
        if taken is Taken.REPEATED:
            self._observer.skipped("repeated")
        elif taken is Taken.UNHEARD and not alert.quiet:
            self._observer.skipped("quiet")
        return taken is Taken.YES

    async def _complaints(self, records: Sequence[Any]) -> None:
        """End the warnings of clocks that were met: no alert says so, but the complaint does."""
        ended: dict[str, set[str]] = {}
        for record in records:
            if not record.value:
                continue
            try:
                complaint = decode_as(Complaint, record.value)
            except MalformedRecord:
                self._observer.skipped("unreadable")
                continue
            clocks = set(ended_clocks(complaint))
            if clocks:
                ended[complaint.complaint_id] = clocks
        if not ended:
            return
        now_ms = int(self._now().timestamp() * 1000)
        for complaint_id in await self._ledger.with_firings(list(ended)):
            await self._ledger.end_clocks(complaint_id, ended[complaint_id], now_ms)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do `work` until Redis lets it succeed, or the reader is stopped (None)."""
        pause = PATIENCE_SECONDS
        while not self.stopping:
            try:
                return await work()
            except (RedisError, OSError) as error:
                log.warning("Redis is out of reach, alerts wait: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, PATIENCE_MAX_SECONDS)
        return None


class _Beginner(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships without types
    def __init__(self, reader: AlertReader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing to hand over: all there is stands in the ledger."""
        self._reader.let_go()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Find where to begin."""
        await self._reader.take_over(list(assigned))
