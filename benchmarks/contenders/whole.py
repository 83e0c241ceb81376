"""What the contenders of the whole job share: the traffic, manyi's pure rules, and the check.

The rivals call the very rules manyi calls, one event at a time, and keep the same customer rows.
They do less: no live views, satisfaction tables, accounting, published links or deadlines.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy
from agents.customer.step import step
from agents.effects import PublishAlert, PublishComplaint, PublishScore
from agents.identity.resolve import IdentityBook
from agents.intake.outcomes import Accepted
from agents.intake.settings import IntakeSettings
from agents.intake.step import instant_of, take_in, with_customer
from agents.simulation import simulate
from schemas.common import Channel
from schemas.customer import CustomerState
from schemas.events import CustomerEvent
from schemas.interaction import Origin

SEED = 7
RECORDS_PER_CONTACT = 7.5
MESSY_SHARE = 0.005
SPARE = 2.0
"""So many records are simulated for one that is kept."""
CHANNELS = tuple(Channel)
DAYS_AHEAD = 30
"""The simulated day lies ahead, so that no clock falls due during a run: rivals have none."""
IDENTITY_PREFIX = "bench:handle:"
"""Where rivals keep whose a handle is; known before the run, so that ids do not hang on order."""

_encode_event = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(CustomerEvent).decode
_encode_row = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(CustomerState).decode
_INTAKE = IntakeSettings()


class WholeTask(msgspec.Struct):
    """What a contender of the whole job is told."""

    broker: str
    redis_url: str
    group: str
    sources: dict[str, str]
    """Channel -> its topic."""
    events: str
    complaints: str
    count: int
    customers: int
    start_at: datetime
    idempotent: bool
    policy: str = ""
    """A policy file; none is the built-in one."""

    def encoded(self) -> str:
        """As `read_whole_task` wants it."""
        return msgspec.json.encode(self).decode()


def read_whole_task() -> WholeTask:
    """The task, from the command line."""
    return msgspec.json.decode(sys.argv[1], type=WholeTask)


def start_of(now: datetime) -> datetime:
    """The simulated day: midnight, weeks ahead."""
    return (now + timedelta(days=DAYS_AHEAD)).replace(hour=0, minute=0, second=0, microsecond=0)


Record = tuple[str, bytes, bytes, int]
"""Channel, key, value, timestamp in ms."""


def simulated(count: int, customers: int, start_at: datetime) -> list[Record]:
    """Records of one simulated day in order of arrival."""
    return [
        (event.channel, event.key.encode(), _bytes(event.record), int(event.at.timestamp() * 1e3))
        for event in simulate(
            SEED,
            count,
            start_at,
            customers=customers,
            contacts_per_day=count / RECORDS_PER_CONTACT,
            messy_share=MESSY_SHARE,
            channels=[channel.value for channel in CHANNELS],
        )
    ]


def traffic(count: int, customers: int, start_at: datetime) -> list[Record]:
    """Simulated records of which all rows can be compared, whoever folded them.

    A customer keeps to the channel used most, and is the key: so everybody folds a customer's
    records in the same order. What comes after what decides whether a word is a new complaint.
    """
    records = simulated(int(count * SPARE), customers, start_at)
    book = IdentityBook()
    whose = []
    used: Counter[tuple[str, str]] = Counter()
    for channel, _, value, at_ms in records:
        accepted = take(Channel(channel), channel, 0, 0, at_ms, value)
        owner = None if accepted is None else book.resolve(accepted.handles).customer_id
        whose.append(owner)
        if owner is not None:
            used[owner, channel] += 1
    most: dict[str, str] = {}
    for (owner, channel), _ in used.most_common():
        most.setdefault(owner, channel)
    kept = [
        (channel, key if who is None else who.encode(), value, at_ms)
        for (channel, key, value, at_ms), who in zip(records, whose, strict=True)
        if who is None or most[who] == channel
    ]
    return kept[:count]


def _bytes(record: dict[str, Any] | bytes) -> bytes:
    return record if isinstance(record, bytes) else json.dumps(record).encode()


def take(
    channel: Channel, topic: str, partition: int, offset: int, at_ms: int, value: bytes
) -> Accepted | None:
    """Intake of one record by manyi's rules; None for what it would put aside."""
    origin = Origin(topic, partition, offset)
    outcome = take_in(value, (), channel, instant_of(at_ms), origin, _INTAKE)
    return outcome if isinstance(outcome, Accepted) else None


def handle_sets(records: Iterable[Record]) -> list[tuple[str, ...]]:
    """The handles of every record that has some, in order of arrival."""
    found = []
    for offset, (channel, _, value, at_ms) in enumerate(records):
        accepted = take(Channel(channel), channel, 0, offset, at_ms, value)
        if accepted is not None:
            found.append(accepted.handles)
    return found


def owners(sets: Sequence[tuple[str, ...]]) -> dict[str, str]:
    """Whose each handle is, by manyi's rules of identity."""
    book = IdentityBook()
    for handles in sets:
        book.resolve(handles)
    return book.owners


def identified(accepted: Accepted, found: Sequence[bytes | None]) -> tuple[str, bytes]:
    """Customer and event, given what Redis says of each handle; the strongest known one counts."""
    customer_id = next(each for each in found if each is not None).decode()
    return customer_id, _encode_event(with_customer(accepted, customer_id))


class Rules:
    """manyi's customer step on rows and events as bytes."""

    def __init__(self) -> None:
        self._rulebook = Rulebook(Plan(default_policy()), ComplaintRules())

    def fold(self, row: bytes | None, event: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
        """The new row, and (key, value) of what is to be published."""
        state = None if row is None else _decode_row(row)
        result = step(state, _decode_event(event), self._rulebook)
        published = []
        for effect in result.effects:
            match effect:
                case PublishComplaint(complaint):
                    published.append((complaint.complaint_id, _encode_event(complaint)))
                case PublishAlert(alert):
                    published.append((alert.complaint_id, _encode_event(alert)))
                case PublishScore(answer):
                    published.append((answer.customer_id, _encode_event(answer)))
        return _encode_row(result.state), published


Digest = dict[str, Any]


def digest(state: CustomerState) -> Digest:
    """What must be equal whoever folded, in whatever order topics were read."""
    return {
        "interactions": state.interaction_count,
        "channels": {name: use.count for name, use in sorted(state.channels.items())},
        "first_at": _text(state.first_at),
        "last_at": _text(state.last_at),
        "complaints": sorted(each.complaint.complaint_id for each in state.complaints),
        "complaint_count": state.complaint_count,
        "seen": len(state.seen),
    }


def digest_of_row(row: bytes) -> Digest:
    """The same, of a row as bytes."""
    return digest(_decode_row(row))


def plain_fold(records: Iterable[Record], known: Mapping[str, str]) -> dict[str, Digest]:
    """What a loop over the records gives, without any machinery."""
    rules = Rules()
    rows: dict[str, bytes] = {}
    for offset, (channel, _, value, at_ms) in enumerate(records):
        accepted = take(Channel(channel), channel, 0, offset, at_ms, value)
        if accepted is not None:
            found = [who.encode() if (who := known.get(h)) else None for h in accepted.handles]
            customer, event = identified(accepted, found)
            rows[customer], _ = rules.fold(rows.get(customer), event)
    return {customer: digest_of_row(row) for customer, row in rows.items()}


def _text(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat()


def differences(mine: Mapping[str, Digest], other: Mapping[str, Digest]) -> list[str]:
    """The customers that are not the same in both."""
    return sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))
