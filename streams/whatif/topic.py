"""The log on Kafka as a history: `customer-events.v1` up to its end, and what production said."""

import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import json

from schemas.complaint import Complaint
from schemas.events import CustomerEvent
from schemas.policy import PolicySet
from streams import topics
from streams.errors import UserError
from streams.settings import Settings
from streams.topic_plan import partitions_of
from streams.whatif.histories import Histories
from streams.whatif.sources import EVENTS_A_STEP, History, Tell, history_of

POLL_MS = 500
FETCH_RECORDS = 5_000
QUIET_POLLS = 2
"""Empty polls that end a read: some brokers tell the start of their last batch as the end."""

STUCK_POLLS = 40
"""Empty polls before a read that should have more to come gives up (20 s)."""

_decode_event = json.Decoder(CustomerEvent).decode
_decode_complaint = json.Decoder(Complaint).decode


async def read_topic(settings: Settings, policy_set: PolicySet, tell: Tell) -> History:
    """Fold the log as production does under `policy_set`, up to where it ends now.

    Raises UserError where the log cannot be read.
    """
    histories = Histories(policy_set, fires=False)
    notes: list[str] = []
    async with AIOKafkaConsumer(
        **settings.kafka_clients(),
        client_id="manyi-whatif",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=16 << 20,
    ) as reader:
        published: dict[str, Complaint] = {}
        tps = await _partitions(settings, topics.CUSTOMER_EVENTS)
        said = await _partitions(settings, topics.COMPLAINTS)
        begin = await reader.beginning_offsets(tps)
        if any(begin.values()):
            notes.append("The log no longer reaches back to its beginning: what is older is not in")
        unreadable = 0
        async for record in _read(reader, tps):
            try:
                histories.take(_decode_event(record.value or b""), record.partition)
            except msgspec.MsgspecError:
                unreadable += 1  # a dead letter in production, too
            if histories.events % EVENTS_A_STEP == 0:
                tell("events", histories.events)
        if unreadable:
            notes.append(f"{unreadable:,} records of the log are no customer events")
        # Read last: effects are out before the rows they follow from.
        async for record in _read(reader, said):
            if record.value is not None:
                complaint = _decode_complaint(record.value)
                known = published.get(complaint.complaint_id)
                if known is None or complaint.change_count >= known.change_count:
                    published[complaint.complaint_id] = complaint
    history = history_of(histories, topics.CUSTOMER_EVENTS)
    history.notes += notes
    history.published = published
    return history


async def _partitions(settings: Settings, topic: str) -> list[TopicPartition]:
    numbers = (await partitions_of(settings.kafka_clients(), topic)).get(topic)
    if not numbers:
        raise UserError(f"The broker has no topic {topic}", "Create the topics: manyi topics apply")
    return [TopicPartition(topic, number) for number in numbers]


async def _read(reader: AIOKafkaConsumer, tps: Iterable[TopicPartition]) -> AsyncIterator[Any]:
    """Every record of the partitions that was there when it began, one after the other."""
    began_ms = time.time() * 1_000
    for tp in tps:
        end = (await reader.end_offsets([tp]))[tp]
        position = (await reader.beginning_offsets([tp]))[tp]
        reader.assign([tp])
        reader.seek(tp, position)
        empty, done = 0, False
        while not done and (position < end or empty < QUIET_POLLS):
            got = await reader.getmany(tp, timeout_ms=POLL_MS, max_records=FETCH_RECORDS)
            records = got.get(tp, ())
            for record in records:
                done = record.offset >= end and record.timestamp > began_ms
                if done:
                    break
                yield record
            empty = 0 if records else empty + 1
            position = await reader.position(tp)
            if empty >= STUCK_POLLS:
                raise UserError(
                    f"{tp.topic}/{tp.partition} ends at {position}, {end} was promised",
                    "Look at the broker, or try again",
                )
