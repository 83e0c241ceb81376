"""Links on Kafka: publishing them, and reading all of them back."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.intake.handles import CONVERSATION, STRENGTH, handle_kind
from schemas.events import IdentityLink
from streams import topics
from streams.engine import Consumer, Effect
from streams.identity.restoring import Link
from streams.topic_plan import partitions_of

CONVERSATION_DAYS = 30
"""How long a record that names nobody still finds the customer of its conversation or order."""

FETCH_BYTES = 1 << 20
"""Per partition: with 16 partitions some 16 MB wait in the client, whatever the log's length."""

READ_LINKS = 2_000
"""Links in hand at once: some 10 ms of work between two turns of the event loop."""

POLL_MS = 200
QUIET_POLLS = 3
"""Empty polls that end a read where the broker may tell too low an end (the embedded one)."""

STUCK_SECONDS = 30.0
"""Without a record for so long although there should be more: begin anew, and say so."""

FENCE_KEY = b"#epoch"
"""Key of the record whose offset is the number of an epoch; it has no value, so readers of links
see a deletion of something they never had."""

_CUSTOMER_ID = re.compile(r"[0-9a-f-]{36}").fullmatch
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(IdentityLink).decode


def link_effects(links: Iterable[IdentityLink]) -> list[Effect]:
    """The records that publish links; those of conversations go where they are forgotten again."""
    effects = []
    for link in links:
        conversation = handle_kind(link.handle) == CONVERSATION
        topic = topics.CONVERSATION_LINKS if conversation else topics.IDENTITY_LINKS
        effects.append(Effect(topic, None, link_key(link), _encode(link), ()))
    return effects


def link_key(link: IdentityLink) -> bytes:
    """Handle and epoch: compaction keeps one link per handle of every index there was."""
    return f"{link.handle}#{link.epoch}".encode()


async def read_links(
    clients: Mapping[str, Any],
    *,
    exact_ends: bool = True,
    now: Callable[[], float] = time.time,
    still_here: Callable[[], Awaitable[object]] | None = None,
) -> AsyncIterator[list[Link]]:
    """Every link published before this was called, in parts, in no particular order.

    `clients` are settings of Kafka clients, `still_here` is called where reading takes a while.
    Raises KafkaError where the log cannot be read to its end.
    """
    reader = Consumer(
        **clients,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    try:
        await reader.start()
        ends = await _assign(reader, clients)
        moved_at, quiet = time.monotonic(), 0
        while True:
            behind = [tp for tp, end in ends.items() if await reader.position(tp) < end]
            if not behind and (exact_ends or quiet >= QUIET_POLLS):
                return
            got = await reader.getmany(timeout_ms=POLL_MS, max_records=READ_LINKS)
            if records := [record for part in got.values() for record in part]:
                moved_at, quiet = time.monotonic(), 0
                yield _links(records, now())
                continue
            quiet += 1
            if still_here is not None:
                await still_here()
            if behind and time.monotonic() - moved_at > STUCK_SECONDS:
                raise KafkaError(f"{behind[0]} gives no records although more were promised")
            await asyncio.sleep(0)
    finally:
        await reader.stop()


async def _assign(reader: Consumer, clients: Mapping[str, Any]) -> dict[TopicPartition, int]:
    """All partitions from their beginning; returns where they end now."""
    names = (topics.IDENTITY_LINKS, topics.CONVERSATION_LINKS)
    found = await partitions_of(clients, *names)
    tps = [TopicPartition(name, number) for name in names for number in found.get(name, ())]
    if {tp.topic for tp in tps} != set(names):
        raise KafkaError(f"the broker lacks {' or '.join(names)}: manyi topics apply")
    reader.assign(tps)
    begins: dict[TopicPartition, int] = await reader.beginning_offsets(tps)
    ends: dict[TopicPartition, int] = await reader.end_offsets(tps)
    for tp, begin in begins.items():
        reader.seek(tp, begin)
    return ends


def _links(records: Sequence[Any], now_seconds: float) -> list[Link]:
    """What the records say, without fences and what is over; a foreign record is not ours."""
    links = []
    for record in records:
        if record.value is None:
            continue
        try:
            link = _decode(record.value)
        except msgspec.MsgspecError:
            continue  # not written by manyi: it cannot be anybody's identity
        if not _CUSTOMER_ID(link.customer_id) or handle_kind(link.handle) not in STRENGTH:
            continue
        seconds = 0
        if record.topic == topics.CONVERSATION_LINKS:
            # Redis counted from when the link was made, a moment before it was published.
            age = now_seconds - record.timestamp / 1000
            seconds = int(CONVERSATION_DAYS * 86_400 - age)
            if seconds <= 0:
                continue
        links.append(Link(link.handle, link.customer_id, link.epoch, seconds))
    return links
