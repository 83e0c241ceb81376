"""Replaying the log of one partition through the pure steps, whole or for some customers only."""

from collections.abc import Container, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct, field

from agents.complaints.settle import Rulebook
from agents.customer.oracle import Oracle
from schemas.customer import CustomerState
from schemas.events import POLICY_KEY, CustomerEvent, PolicyChanged, PolicyEvent
from streams import topics
from streams.audit.reading import Progress, read

_decode_event = msgspec.json.Decoder(CustomerEvent).decode


class Due(Struct, frozen=True):
    """An alert that must stand on its topic: whose it is, and when its event was appended."""

    customer_id: str
    appended_ms: int


class Replay(Struct):
    """What one partition must look like, for the customers that were folded."""

    oracle: Oracle
    events: int = 0
    alerts: dict[str, Due] = field(default_factory=dict)

    def fold(self, record: Any) -> None:
        """Fold one record; what is no event is a dead letter in production, too."""
        self.events += 1
        if record.value is None:
            return
        try:
            event = _decode_event(record.value)
        except msgspec.MsgspecError:
            return
        known = self.oracle.alert_ids
        before = len(known)
        self.oracle.fold(event)
        if (more := len(known) - before) and not isinstance(event, PolicyEvent):
            due = Due(event.customer_id, record.timestamp)
            for alert_id, _ in zip(reversed(known), range(more), strict=False):
                self.alerts[alert_id] = due


async def names_in(
    reader: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int, progress: Progress
) -> set[bytes]:
    """The keys, which are customers, of the records in [begin, end)."""
    names = {record.key async for record in read(reader, tp, begin, end, progress)}
    return {name for name in names if name is not None and name != POLICY_KEY}


async def replay(
    reader: AIOKafkaConsumer,
    partition: int,
    begin: int,
    end: int,
    rulebook: Rulebook,
    progress: Progress,
    only: Container[bytes] | None = None,
    policies: Sequence[PolicyChanged] = (),
) -> Replay:
    """Fold [begin, end): everything, or what is about the customers in `only` and the policy.

    `policies` are versions the partition may have been told of before `begin`: those that are older
    than the first record are taken as known.
    """
    replayed = Replay(Oracle(rulebook))
    tp = TopicPartition(topics.CUSTOMER_EVENTS, partition)
    known = list(policies)
    async for record in read(reader, tp, begin, end, progress):
        for policy in known:
            if policy.published_at.timestamp() * 1000 <= record.timestamp:
                replayed.oracle.fold(policy)
        known.clear()
        if only is None or record.key == POLICY_KEY or record.key in only:
            replayed.fold(record)
    return replayed


def knows_more(live: CustomerState, folded: CustomerState) -> bool:
    """Whether a row tells of something that is older than what is left of the log.

    It has counted more interactions, or heard earlier of one, or has a complaint or a command that
    the log does not give. A row that has counted one twice looks the same: where the log has lost
    its beginning, that cannot be told apart.
    """
    if live.interaction_count > folded.interaction_count:
        return True
    if live.first_at is not None and (folded.first_at is None or live.first_at < folded.first_at):
        return True
    heard = folded.seen
    if any(
        (later := heard.get(name)) is None or seen.received_s < later.received_s
        for name, seen in live.seen.items()
    ):
        return True
    complaints = {state.complaint.complaint_id for state in folded.complaints}
    return any(
        state.complaint.complaint_id not in complaints for state in live.complaints
    ) or not set(live.commands_seen) <= set(folded.commands_seen)
