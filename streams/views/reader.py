"""`ViewReader`: answers from the live views. Adds partitions up, and says how fresh the sum is."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from agents.satisfaction.derive import figures
from agents.satisfaction.rollup import RowKey, hour_of, merge_rows, start_of
from schemas.common import Channel
from schemas.explanation import ComplaintHistory
from schemas.policy import PolicySet
from schemas.satisfaction import Dimension, SatisfactionRow, Window
from schemas.view import (
    ChannelCounts,
    ComplaintCard,
    CustomerCard,
    Freshness,
    PartitionProgress,
    SatisfactionEntry,
)
from streams.topics import CHANNEL_TOPICS, COMMANDS
from streams.views.facts import QueueFacts
from streams.views.freshness import judge
from streams.views.joining import joined
from streams.views.keys import ViewKeys

SCANNED_COMPLAINTS = 5_000
"""Complaints looked through for one filtered answer at most; a cursor goes on from there."""

SCAN_CHUNK = 200
MERGES_FOLLOWED = 8
"""Customers merged into merged customers are followed this far."""

COMMANDS_NAME = "commands"
OPEN_LISTS = ("open", "resolved", "closed")

_decode_customer = msgspec.json.Decoder(CustomerCard).decode
_decode_complaint = msgspec.json.Decoder(ComplaintCard).decode
_decode_history = msgspec.json.Decoder(ComplaintHistory).decode
_decode_policy = msgspec.json.Decoder(PolicySet).decode
_decode_row = msgspec.json.Decoder(SatisfactionRow).decode
_decode_facts = msgspec.json.Decoder(QueueFacts).decode
_decode_progress = msgspec.json.Decoder(PartitionProgress).decode
_decode_intake = msgspec.json.Decoder(dict[str, Any]).decode
_decode_outcomes = msgspec.json.Decoder(dict[str, dict[str, int]]).decode


class ComplaintPage(NamedTuple):
    """Some complaints, and where the next ones begin; None at the end."""

    complaints: list[ComplaintCard]
    next_cursor: str | None


class ViewReader:
    """Reads the live views. `redis` is a `redis.asyncio.Redis` that returns bytes."""

    def __init__(
        self, redis: Any, prefix: str = "manyi:", *, clock: Callable[[], float] = time.time
    ) -> None:
        self.redis = redis
        self.keys = ViewKeys(prefix)
        self._clock = clock

    # --- customers -------------------------------------------------------------------------------

    async def customer(self, customer_id: str) -> CustomerCard | None:
        """A customer's card, with all who were merged into it; a merged customer's is that of who
        goes on."""
        for _ in range(MERGES_FOLLOWED):
            found = await self.redis.get(self.keys.customer(customer_id))
            if found is None:
                return None
            card = _decode_customer(found)
            if not card.merged_into:
                return await self._with_merged(card)
            customer_id = card.merged_into
        return None

    async def _with_merged(self, card: CustomerCard) -> CustomerCard:
        if not card.merged:
            return card
        found = await self.redis.mget([self.keys.customer(name) for name in card.merged])
        return joined(card, [_decode_customer(each) for each in found if each is not None])

    # --- complaints ------------------------------------------------------------------------------

    async def complaint(self, complaint_id: str) -> ComplaintCard | None:
        """One complaint."""
        found = await self.redis.get(self.keys.complaint(complaint_id))
        return None if found is None else _decode_complaint(found)

    async def history(self, complaint_id: str) -> ComplaintHistory | None:
        """What a complaint's clocks follow from."""
        found = await self.redis.get(self.keys.history(complaint_id))
        return None if found is None else _decode_history(found)

    async def policy(self, digest: str) -> PolicySet | None:
        """A version of the policy file that judged complaints."""
        found = await self.redis.get(self.keys.policy(digest))
        return None if found is None else _decode_policy(found)

    async def complaints_of(self, customer_id: str) -> list[ComplaintCard]:
        """The complaints of a customer, newest first."""
        ids = await self.redis.zrevrange(self.keys.complaints_of(customer_id), 0, -1)
        return [c for c in await self._cards(ids) if c.customer_id == customer_id]

    async def complaints(
        self,
        state: str = "open",
        *,
        limit: int = 50,
        cursor: str = "",
        filters: Mapping[str, str] | None = None,
    ) -> ComplaintPage:
        """Complaints of a state: open ones by due time, resolved and closed ones newest first.

        `state` is open, resolved, closed or all (in that order). `filters` are fields and the texts
        they must have. `cursor` is what the page before returned.
        """
        names = OPEN_LISTS if state == "all" else (state,)
        at_list, at_rank = _read_cursor(cursor)
        found: list[ComplaintCard] = []
        scanned = 0
        for number, name in enumerate(names[at_list:], at_list):
            while True:
                ids = await self._ids(name, at_rank, SCAN_CHUNK)
                for offset, card in enumerate(await self._cards(ids, keep_gaps=True), 1):
                    if card is not None and _matches(card, filters):
                        found.append(card)
                    if len(found) == limit:
                        return ComplaintPage(found, f"{number}.{at_rank + offset}")
                at_rank += len(ids)
                scanned += len(ids)
                if len(ids) < SCAN_CHUNK:
                    break
                if scanned >= SCANNED_COMPLAINTS:
                    return ComplaintPage(found, f"{number}.{at_rank}")
            at_rank = 0
        return ComplaintPage(found, None)

    async def open_facts(self) -> list[QueueFacts]:
        """What the board counts, of every open complaint."""
        return [_decode_facts(v) for v in await self.redis.hvals(self.keys.open_facts)]

    async def cards(self, complaint_ids: Sequence[str]) -> list[ComplaintCard]:
        """Some complaints by id, without those that are gone."""
        return await self._cards(complaint_ids)

    async def _ids(self, name: str, start: int, count: int) -> list[bytes]:
        key = {"open": self.keys.open, "resolved": self.keys.resolved, "closed": self.keys.closed}[
            name
        ]
        read = self.redis.zrange if name == "open" else self.redis.zrevrange
        found: list[bytes] = await read(key, start, start + count - 1)
        return found

    async def _cards(self, ids: Sequence[str | bytes], keep_gaps: bool = False) -> list[Any]:
        if not ids:
            return []
        names = [i.decode() if isinstance(i, bytes) else i for i in ids]
        found = await self.redis.mget([self.keys.complaint(name) for name in names])
        cards = [None if value is None else _decode_complaint(value) for value in found]
        return cards if keep_gaps else [card for card in cards if card is not None]

    # --- satisfaction ----------------------------------------------------------------------------

    async def starts(
        self,
        window: Window,
        from_hour: int | None = None,
        to_hour: int | None = None,
        limit: int = 1,
    ) -> list[int]:
        """The newest starts of a window in [from, to), newest first."""
        low = "-inf" if from_hour is None else str(from_hour)
        high = "+inf" if to_hour is None else f"({to_hour}"
        found = await self.redis.zrevrangebyscore(
            self.keys.starts(window), high, low, start=0, num=limit
        )
        return [int(hour) for hour in found]

    async def rows(
        self, window: Window, hours: Sequence[int], dimension: Dimension
    ) -> dict[int, dict[str, SatisfactionRow]]:
        """The rows of some starts by one dimension, added up over partitions."""
        if not hours:
            return {}
        pipe = self.redis.pipeline(transaction=False)
        for hour in hours:
            pipe.hgetall(self.keys.satisfaction(window, hour, dimension))
        found = await pipe.execute()
        return {hour: _added(fields) for hour, fields in zip(hours, found, strict=True)}

    async def satisfaction(
        self,
        dimension: Dimension,
        window: Window,
        *,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        limit: int = 200,
    ) -> list[SatisfactionEntry]:
        """Rows with their figures: newest start first, then by key; at most `limit`."""
        hours = [0]
        if window is not Window.ALL:
            from_hour = None if from_at is None else _first_start(window, from_at)
            to_hour = None if to_at is None else _first_start(window, to_at)
            hours = await self.starts(window, from_hour, to_hour, limit)
        entries: list[SatisfactionEntry] = []
        for at in range(0, len(hours), SCAN_CHUNK):
            found = await self.rows(window, hours[at : at + SCAN_CHUNK], dimension)
            for hour, by_key in found.items():
                for key in sorted(by_key):
                    entries.append(_entry(RowKey(window, hour, dimension, key), by_key[key]))
                    if len(entries) == limit:
                        return entries
        return entries

    async def span(
        self, from_at: datetime, to_at: datetime, dimension: Dimension
    ) -> dict[str, SatisfactionRow]:
        """The sum over the hours in [from, to), by key; both are full hours."""
        hours = list(range(hour_of(from_at), hour_of(to_at)))
        total: dict[str, SatisfactionRow] = {}
        for by_key in (await self.rows(Window.HOUR, hours, dimension)).values():
            for key, row in by_key.items():
                total[key] = merge_rows(total[key], row) if key in total else row
        return total

    # --- counts and freshness --------------------------------------------------------------------

    async def stats(self) -> dict[str, ChannelCounts]:
        """What became of all records, per channel and for `commands`, over all partitions."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.hgetall(self.keys.intake_counts)
        pipe.hgetall(self.keys.customer_counts)
        intake, customers = await pipe.execute()
        names = {topic: channel.value for channel, topic in CHANNEL_TOPICS.items()}
        names[COMMANDS] = COMMANDS_NAME
        totals = {channel.value: ChannelCounts() for channel in Channel}
        totals[COMMANDS_NAME] = ChannelCounts()
        for field, value in intake.items():
            total = totals.get(names.get(field.decode().rpartition("/")[0], ""))
            if total is not None:
                counts = _decode_intake(value)
                total.received += int(counts.get("received", 0))
                total.rejected += int(counts.get("rejected", 0))
                total.skipped += int(counts.get("skipped", 0))
        for value in customers.values():
            for name, outcomes in _decode_outcomes(value).items():
                if name in totals:
                    _add_outcomes(totals[name], outcomes)
        return totals

    async def freshness(self) -> Freshness:
        """How far the views can be trusted: live, stale, catching_up or empty."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.get(self.keys.partitions)
        pipe.hgetall(self.keys.progress)
        partitions, found = await pipe.execute()
        progress = {int(field): _decode_progress(value) for field, value in found.items()}
        expected = range(int(partitions)) if partitions is not None else range(0)
        return judge(progress, expected, self._clock())


def _added(fields: Mapping[bytes, bytes]) -> dict[str, SatisfactionRow]:
    parts: defaultdict[str, list[SatisfactionRow]] = defaultdict(list)
    for field, value in fields.items():
        parts[field.decode().partition(":")[2]].append(_decode_row(value))
    total = {}
    for key, (first, *others) in parts.items():
        row = first
        for other in others:
            row = merge_rows(row, other)
        total[key] = row
    return total


def _entry(parts: RowKey, row: SatisfactionRow) -> SatisfactionEntry:
    return SatisfactionEntry(
        window=parts.window,
        start_at=parts.start_at,
        end_at=parts.end_at,
        dimension=parts.dimension,
        key=parts.key,
        counts=row,
        figures=figures(row),
    )


def _first_start(window: Window, at: datetime) -> int:
    """The first start at or after `at`."""
    hour = -int(-at.timestamp() // 3_600)
    start = start_of(window, hour)
    return start if start == hour else start + 24


def _matches(card: ComplaintCard, filters: Mapping[str, str] | None) -> bool:
    return not filters or all(str(getattr(card, name)) == text for name, text in filters.items())


def _read_cursor(cursor: str) -> tuple[int, int]:
    """The list and the rank a cursor points at; ValueError for what is none."""
    if not cursor:
        return 0, 0
    number, dot, rank = cursor.partition(".")
    if not (dot and number.isdigit() and rank.isdigit() and int(number) < len(OPEN_LISTS)):
        raise ValueError(f"{cursor!r} is no cursor; use the next_cursor of an earlier answer")
    return int(number), int(rank)


def _add_outcomes(total: ChannelCounts, outcomes: Mapping[str, int]) -> None:
    """Corrections are accepted; what a customer's row refused as known is a duplicate.

    `replayed` is intake's own second copy of a record that was counted the first time.
    """
    total.accepted += outcomes.get("accepted", 0) + outcomes.get("corrected", 0)
    total.duplicate += sum(outcomes.get(name, 0) for name in ("duplicate", "stale", "conflict"))
    total.rejected += outcomes.get("rejected", 0)
    total.skipped += outcomes.get("skipped", 0)
