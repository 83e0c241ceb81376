"""`ViewWriter`: collects what changed, and writes it to Redis in few round trips.

It is called behind the commit barrier: no view shows what could still be undone. The newest value
per key wins, so writing again changes nothing. When Redis is away, views lag, readers say "stale",
and the pipeline goes on; what had to be dropped is rebuilt from the rows once Redis is back.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from redis.exceptions import RedisError

from agents.satisfaction.rollup import RowKey
from schemas.complaint import Complaint
from schemas.explanation import ComplaintHistory
from schemas.policy import PolicySet
from schemas.satisfaction import SatisfactionRow
from schemas.view import CustomerCard, PartitionProgress
from streams.views.backoff import Backoff
from streams.views.commands import Commands
from streams.views.doorbell import Doorbell
from streams.views.facts import epoch_ms
from streams.views.items import (
    ComplaintItem,
    CountsItem,
    CustomerItem,
    HistoryItem,
    ItemKey,
    PolicyItem,
    RebuildSource,
    SatisfactionItem,
    ViewItem,
)
from streams.views.keys import ViewKeys
from streams.views.observer import FlushOutcome, ViewObserver
from streams.views.ownership import Owned
from streams.views.presence import Presence
from streams.views.pruning import prune

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
"""How often `progress` is written even if nothing changed, so that silence means trouble."""

PRUNE_SECONDS = 60.0
MAX_PENDING = 50_000
"""Views waiting for Redis; beyond it they are dropped and rebuilt later (about 100 MB)."""

CHUNK_ITEMS = 500
"""Views per round trip: large enough to be quick, small enough not to hold Redis up."""

REBUILD_ITEMS = 200
"""Rows read in one go when views are rebuilt: some 20 ms of the worker's time."""

WRITE_TIMEOUT_SECONDS = 5.0

NO_PARTITION = -1
"""Where intake's counts wait: they belong to source partitions, and `disown` keeps them."""
_decode_progress = msgspec.json.Decoder(PartitionProgress).decode

_Waiting = tuple[ItemKey, tuple[int, ViewItem]]
"""A view that waits: its key, then the partition it belongs to and the view."""


class ViewWriter:
    """Writes the live views of the partitions this worker owns.

    `put_*` only remember; `flush` writes. Whoever owns the writer calls `wait` and `turn` in turns
    for as long as it is needed. `redis` is a `redis.asyncio.Redis` that returns bytes.
    """

    def __init__(
        self,
        redis: Any,
        prefix: str = "manyi:",
        *,
        partitions: int,
        source: RebuildSource,
        observer: ViewObserver | None = None,
        clock: Callable[[], float] = time.time,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self.redis = redis
        self.keys = ViewKeys(prefix)
        self.source = source
        self.observer = observer or ViewObserver()
        self.on_lost: Callable[[], None] = lambda: None
        """Called when Redis has lost all views: put those again that no partition's rows hold."""
        self._presence = Presence(self.keys, partitions)
        self._clock = clock
        self._max_pending = max_pending
        self._pending: dict[ItemKey, tuple[int, ViewItem]] = {}
        self._owned: dict[int, Owned] = {}
        self._lock = asyncio.Lock()
        self._bell = Doorbell()
        self._backoff = Backoff()
        self._beat_at = 0.0
        self._prune_at = 0.0

    # --- ownership -------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """How many views wait to be written."""
        return len(self._pending)

    @property
    def incomplete(self) -> tuple[int, ...]:
        """Owned partitions whose views must be checked or rebuilt before they count as fresh."""
        return tuple(p for p, owned in self._owned.items() if not owned.complete)

    def own(self, partition: int, applied: int) -> None:
        """This worker has restored `partition` up to offset `applied` and writes its views now.

        `turn` compares that with what the views contain, and rebuilds them where they lag.
        """
        self._owned[partition] = Owned(applied, applied)

    def disown(self, partition: int) -> None:
        """The partition goes to another worker, which a late write would undo: `flush` before."""
        self._owned.pop(partition, None)
        self._pending = {k: held for k, held in self._pending.items() if held[0] != partition}

    # --- what changed ----------------------------------------------------------------------------

    def put_customer(self, partition: int, card: CustomerCard) -> None:
        """Show a customer's card."""
        self.put(partition, CustomerItem(card))

    def put_complaint(self, partition: int, complaint: Complaint, customer_name: str = "") -> None:
        """Show a complaint, open or ended."""
        self.put(partition, ComplaintItem(complaint, customer_name))

    def put_history(self, partition: int, history: ComplaintHistory) -> None:
        """Show what a complaint's clocks follow from."""
        self.put(partition, HistoryItem(history))

    def forget_complaint(self, partition: int, complaint_id: str) -> None:
        """Another partition shows this complaint from now on: drop what waits of it here."""
        for key in (("complaint", complaint_id), ("history", complaint_id)):
            if self._pending.get(key, (None,))[0] == partition:
                del self._pending[key]

    def put_policy(self, policy: PolicySet) -> None:
        """Keep a version of the policy file; it belongs to no partition."""
        self.put(NO_PARTITION, PolicyItem(policy))

    def put_satisfaction(self, partition: int, key: RowKey, row: SatisfactionRow) -> None:
        """Show this partition's counts of one satisfaction row."""
        self.put(partition, SatisfactionItem(partition, key, row))

    def put_intake_counts(self, topic: str, partition: int, counts: Mapping[str, int]) -> None:
        """Show received, rejected and skipped records of one source partition."""
        name = f"{topic}/{partition}"
        self.put(NO_PARTITION, CountsItem(self.keys.intake_counts, name, counts))

    def put_customer_counts(self, partition: int, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Show what became of the records intake took: outcomes per channel, and of `commands`."""
        self.put(partition, CountsItem(self.keys.customer_counts, str(partition), counts))

    def put_progress(
        self,
        partition: int,
        *,
        applied: int,
        read_through_at: datetime | None = None,
        lag_count: int = 0,
    ) -> None:
        """Everything up to offset `applied` has been put; `lag_count` records wait to be read."""
        owned = self._owned.get(partition)
        if owned is None:
            return
        owned.applied = max(owned.applied, applied)
        owned.lag_count = lag_count
        if read_through_at is not None:
            owned.read_through_ms = epoch_ms(read_through_at)

    def put(self, partition: int, item: ViewItem) -> None:
        """Show any view, in place of an older state of it that waits; those of a partition that is
        not owned (any more) are left to its owner."""
        owned = self._owned.get(partition)
        if owned is None and partition != NO_PARTITION:
            return
        if owned is not None and owned.touched is not None:
            owned.touched.add(item.key)
        self._remember(item.key, partition, item)

    def _remember(self, key: ItemKey, partition: int, item: ViewItem) -> None:
        self._pending[key] = (partition, item)
        self._bell.ring()
        if len(self._pending) > self._max_pending:
            self._overflow()

    def _overflow(self) -> None:
        """Drop what waits and mark its partitions to be rebuilt; counts are few and are kept."""
        dropped = [k for k, (_, item) in self._pending.items() if not isinstance(item, CountsItem)]
        partitions = {self._pending.pop(key)[0] for key in dropped}
        for partition in partitions & self._owned.keys():
            self._owned[partition].lose()
        self.observer.overflowed(len(dropped))
        log.warning(
            "%d views could not be written and were dropped; once Redis answers they are rebuilt",
            len(dropped),
        )

    # --- writing ---------------------------------------------------------------------------------

    async def wait(self) -> None:
        """Until there are views to write, or nothing has come for a while."""
        await self._bell.wait(bool(self._pending))

    async def turn(self) -> None:
        """Flush; where Redis answers, prune and rebuild."""
        if await self.flush() in (FlushOutcome.WRITTEN, FlushOutcome.NOTHING):
            await self._look_after()

    async def flush(self) -> FlushOutcome:
        """Write what waits, and the progress of partitions whose views are complete by it.

        Never raises for Redis' sake: what could not be written waits for the next attempt.
        """
        async with self._lock:
            started = self._clock()
            if started < self._backoff.retry_at:
                return FlushOutcome.WAITING
            if not self._pending and started < self._beat_at:
                return FlushOutcome.NOTHING
            taken, self._pending = list(self._pending.items()), {}
            progress = self._progress(started)
            written = 0
            try:
                # Progress goes last: it says that everything before it is written.
                while len(taken) - written > CHUNK_ITEMS:
                    await self._write(taken[written : written + CHUNK_ITEMS], {})
                    written += CHUNK_ITEMS
                await self._write(taken[written:], progress)
                written = len(taken)
            except (RedisError, OSError, TimeoutError) as error:
                self._fail(error)
                return FlushOutcome.FAILED
            finally:
                if written < len(taken):
                    self._give_back(taken[written:])
            self._backoff.end()
            self._beat_at = started + HEARTBEAT_SECONDS
            self.observer.written(len(taken), self._clock() - started)
            return FlushOutcome.WRITTEN

    def _give_back(self, items: Sequence[_Waiting]) -> None:
        """Let what was not written wait again, behind newer states and without lost partitions."""
        kept = {k: h for k, h in items if h[0] in self._owned or h[0] == NO_PARTITION}
        self._pending = kept | self._pending
        if len(self._pending) > self._max_pending:
            self._overflow()

    def _progress(self, now: float) -> dict[str, bytes]:
        return {str(p): owned.progress(now) for p, owned in self._owned.items() if owned.complete}

    async def _write(self, items: Iterable[_Waiting], progress: Mapping[str, bytes]) -> None:
        commands = Commands()
        for _, (_, item) in items:
            item.write(commands, self.keys)
        pipe = self.redis.pipeline(transaction=True)
        self._presence.ask(pipe, server=bool(progress))
        commands.fill(pipe)
        if progress:
            self._presence.claim(pipe, progress)
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            if self._presence.lost(await pipe.execute()):
                await self._start_over()

    async def _start_over(self) -> None:
        """Redis has lost the views: rebuild those of owned partitions, and say so until then."""
        log.warning("Redis has lost the live views; they are written again from the rows")
        for owned in self._owned.values():
            owned.lose()
        await self.redis.delete(self.keys.progress)
        self.on_lost()

    def _fail(self, error: Exception) -> None:
        reason = type(error).__name__
        if self._backoff.fail(self._clock()):
            log.warning(
                "Live views cannot be written (%s: %s); the pipeline goes on and the views lag. "
                "Check that Redis runs and has memory left",
                reason,
                error,
            )
        self.observer.failed(reason, len(self._pending))

    # --- rebuilding and pruning ------------------------------------------------------------------

    async def _look_after(self) -> None:
        try:
            for partition in self.incomplete:
                await self._complete(partition)
            if self._clock() >= self._prune_at:
                self._prune_at = self._clock() + PRUNE_SECONDS
                await prune(self.redis, self.keys)
        except (RedisError, OSError, TimeoutError) as error:
            self._fail(error)

    async def _complete(self, partition: int) -> None:
        """Make sure that the views hold what the rows hold; rebuild them if not."""
        if (owned := self._owned.get(partition)) is None:
            return  # it went to another worker while the one before it was looked after
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            found = await self.redis.hget(self.keys.progress, str(partition))
        if self._owned.get(partition) is not owned:
            return
        seen = None if found is None else _decode_progress(found).applied
        if seen is not None and seen >= owned.restored and not owned.losses:
            await self._confirm(owned)
        else:
            await self.rebuild(partition, self.source(partition))

    async def rebuild(self, partition: int, items: Iterable[ViewItem]) -> bool:
        """Write all views of an owned partition anew; False if it must be called again.

        Records may be folded meanwhile: what they put is newer than the rows that are being read,
        and is not overwritten.
        """
        owned = self._owned.get(partition)
        if owned is None:
            return False
        started, count, losses = self._clock(), 0, owned.losses
        touched = owned.touched = set[ItemKey]()
        source = iter(items)
        try:
            while chunk := list(islice(source, REBUILD_ITEMS)):
                for item in chunk:
                    if item.key not in touched:
                        self._remember(item.key, partition, item)
                count += len(chunk)
                if await self.flush() in (FlushOutcome.WAITING, FlushOutcome.FAILED):
                    return False
                if self._owned.get(partition) is not owned or owned.losses != losses:
                    return False
        finally:
            owned.touched = None
        owned.losses = 0
        self.observer.rebuilt(partition, count, self._clock() - started)
        await self._confirm(owned)
        return True

    async def _confirm(self, owned: Owned) -> None:
        """The views of a partition are complete: say so at once, not with the next heartbeat."""
        owned.complete = True
        self._beat_at = 0.0
        await self.flush()
