"""Reading partitions whole and in no group, to ends fixed before: so beside their writers."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition

from streams.engine import Consumer
from streams.errors import UserError

POLL_MS = 500
FETCH_RECORDS = 5_000
"""Records in hand at once: some 20 ms of work between two turns of the event loop."""

FETCH_BYTES = 16 << 20
"""The largest batch there is, rows of a changelog."""

FETCH_WAIT_MS = 50
"""How long a broker may keep a fetch that finds nothing: what is read stands there already."""

STUCK_SECONDS = 20.0
"""Without a record for so long although there should be more: say so."""


class UnreadError(UserError):
    """A partition gives no records although its end was told to be further on."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Look at the broker (`manyi doctor`), or try again")


@asynccontextmanager
async def open_reader(
    clients: Mapping[str, Any], client_id: str, fetch_wait_ms: int = FETCH_WAIT_MS
) -> AsyncIterator[Consumer]:
    """A consumer outside of any group; `clients` are settings of Kafka clients.

    Who waits for what is yet to come lets the broker keep a fetch longer.
    """
    reader = Consumer(
        **clients,
        client_id=client_id,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=fetch_wait_ms,
    )
    try:
        await reader.start()
        yield reader
    finally:
        await reader.stop()


async def begin_of(reader: Consumer, tp: TopicPartition) -> int:
    """The first offset that is still there."""
    begin: int = (await reader.beginning_offsets([tp]))[tp]
    return begin


async def end_of(reader: Consumer, tp: TopicPartition) -> int:
    """The offset the next record will get."""
    return (await ends_of(reader, [tp]))[tp]


async def ends_of(reader: Consumer, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset the next record of each will get; what the reader was assigned to is given up.

    Asked for it, some brokers (the embedded one) tell the beginning of their last batch; what they
    say along with records they are fetched from is right everywhere. One wait serves all.
    """
    ends: dict[TopicPartition, int] = await reader.end_offsets(tps)
    if not ends:
        return ends
    reader.assign(tps)  # something must be fetched after it: aiokafka cannot stop just then
    for tp, end in ends.items():
        reader.seek(tp, end)
    try:
        async with asyncio.timeout(STUCK_SECONDS):
            while unseen := [tp for tp in ends if reader.highwater(tp) is None]:
                await reader.getmany(*unseen, timeout_ms=FETCH_WAIT_MS)
    except TimeoutError:
        tp = unseen[0]
        raise UnreadError(f"{tp.topic}/{tp.partition} does not tell its end") from None
    return {tp: max(end, reader.highwater(tp)) for tp, end in ends.items()}


async def read(
    reader: Consumer, tp: TopicPartition, begin: int, end: int
) -> AsyncIterator[Sequence[Any]]:
    """The records of one partition in [begin, end), some at a time; raises `UnreadError`.

    It goes by position, not by the last record seen: a log may end in records that compaction has
    taken away. Nothing at `end` or later comes out, so what was written in one batch comes whole.
    """
    if begin >= end:
        return
    reader.assign([tp])
    reader.seek(tp, begin)
    position, quiet_ms = begin, 0
    while position < end:
        got = (await reader.getmany(tp, timeout_ms=POLL_MS, max_records=FETCH_RECORDS)).get(tp, ())
        if records := [record for record in got if record.offset < end]:
            yield records
        before, position = position, await reader.position(tp)
        quiet_ms = 0 if position > before else quiet_ms + POLL_MS
        if quiet_ms >= STUCK_SECONDS * 1000:
            raise UnreadError(
                f"{tp.topic}/{tp.partition} gives nothing at offset {position} although it ends "
                f"at {end}"
            )
        await asyncio.sleep(0)
