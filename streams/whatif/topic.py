"""The log on Kafka as a history: `customer-events.v1` up to its end, and what production said."""

from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import json

from schemas.complaint import Complaint
from schemas.events import CustomerEvent
from schemas.policy import PolicySet
from streams import topics
from streams.errors import UserError
from streams.reading import ends_of, open_reader, read
from streams.settings import Settings
from streams.topic_plan import partitions_of
from streams.whatif.histories import Histories
from streams.whatif.sources import EVENTS_A_STEP, History, Tell, history_of

_decode_event = json.Decoder(CustomerEvent).decode
_decode_complaint = json.Decoder(Complaint).decode


async def read_topic(settings: Settings, policy_set: PolicySet, tell: Tell) -> History:
    """Fold the log as production does under `policy_set`, up to where it ends now.

    Raises UserError where the log cannot be read.
    """
    histories = Histories(policy_set, fires=False)
    notes: list[str] = []
    async with open_reader(settings.kafka_clients(), "manyi-whatif") as reader:
        tps = await _partitions(settings, topics.CUSTOMER_EVENTS)
        said = await _partitions(settings, topics.COMPLAINTS)
        if any((await reader.beginning_offsets(tps)).values()):
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
        published = await _published(_read(reader, said))
    history = history_of(histories, topics.CUSTOMER_EVENTS)
    history.notes += notes
    history.published = published
    return history


async def _published(records: AsyncIterator[Any]) -> dict[str, Complaint]:
    """By id, the version of each complaint with the highest change count."""
    published: dict[str, Complaint] = {}
    async for record in records:
        if record.value is not None:
            complaint = _decode_complaint(record.value)
            known = published.get(complaint.complaint_id)
            if known is None or complaint.change_count >= known.change_count:
                published[complaint.complaint_id] = complaint
    return published


async def _partitions(settings: Settings, topic: str) -> list[TopicPartition]:
    numbers = (await partitions_of(settings.kafka_clients(), topic)).get(topic)
    if not numbers:
        raise UserError(f"The broker has no topic {topic}", "Create the topics: manyi topics apply")
    return [TopicPartition(topic, number) for number in numbers]


async def _read(reader: AIOKafkaConsumer, tps: Collection[TopicPartition]) -> AsyncIterator[Any]:
    """Every record of the partitions that was there when it began, one after the other."""
    begins, ends = await reader.beginning_offsets(tps), await ends_of(reader, tps)
    for tp in tps:
        async for records in read(reader, tp, begins[tp], ends[tp]):
            for record in records:
                yield record
