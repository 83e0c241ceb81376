"""Traffic with everything in it: a simulated contact centre, one customer who writes half of all,
retries, records out of order, and one record in a hundred that nobody can read.

A seed and a number of records give the same traffic, but for the times, which end about now.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import orjson

from agents.simulation import simulate, start_before
from schemas.common import Channel
from streams import topics
from streams.demo import topic_of

HOT_SHARE = 0.5
POISON_SHARE = 0.01
POISON_IN_MESS = 0.7
"""Of the simulator's messy records so many cannot be read; the others are odd but in order."""
EVENT_POISON_SHARE = 0.001
"""Of all records so many are garbage that a stranger writes to `customer-events.v1` itself."""
TOMBSTONE_SHARE = 0.002
RETRY_SHARE = 0.02
RETRIED_AMONG = 500
SHUFFLED = 64
"""Records that overtake each other."""
RECORDS_PER_CONTACT = 7.5
HISTORY_DAYS = 0.5
HOT_ORDERS = 20
COMPLAINTS = ("我要投诉，订单一直没有发货", "This is a complaint: nobody answers", "请尽快处理")


class Record(NamedTuple):
    """One record to publish."""

    topic: str
    key: bytes
    value: bytes | None


def traffic(
    seed: int, count: int, now: datetime | None = None, customers: int = 2_000
) -> Iterator[Record]:
    """So many records, shuffled, some of them twice; every kind of trouble has its share."""
    chance = Random(seed)
    waiting: list[Record] = []
    recent: deque[Record] = deque(maxlen=RETRIED_AMONG)
    for number, record in enumerate(_in_order(chance, seed, count, now, customers)):
        if number >= count:
            break
        if recent and chance.random() < RETRY_SHARE:
            record = chance.choice(recent)
        recent.append(record)
        waiting.append(record)
        if len(waiting) > SHUFFLED:
            yield waiting.pop(chance.randrange(len(waiting)))
    chance.shuffle(waiting)
    yield from waiting


def _in_order(
    chance: Random, seed: int, count: int, now: datetime | None, customers: int
) -> Iterator[Record]:
    now = now or datetime.now(UTC)
    contacts = count * (1 - HOT_SHARE) / RECORDS_PER_CONTACT
    per_day = max(1.0, contacts / HISTORY_DAYS)
    start = start_before(now, contacts, per_day)
    events = simulate(
        seed,
        count + 1,
        start,
        customers=customers,
        contacts_per_day=per_day,
        messy_share=POISON_SHARE / POISON_IN_MESS / (1 - HOT_SHARE),
    )
    hot = _hot_customer(chance, seed, start)
    for event in events:
        while chance.random() < HOT_SHARE:
            yield next(hot)
        draw = chance.random()
        if draw < EVENT_POISON_SHARE:
            yield Record(topics.CUSTOMER_EVENTS, b"stranger", b'{"type": "nonsense"')
        elif draw < EVENT_POISON_SHARE + TOMBSTONE_SHARE:
            yield Record(chance.choice(topics.INTAKE_TOPICS), b"gone", None)
        record = event.record
        value = record if isinstance(record, bytes) else orjson.dumps(record)
        yield Record(topic_of(event.channel), event.key.encode(), value)


def _hot_customer(chance: Random, seed: int, start: datetime) -> Iterator[Record]:
    """Somebody, or somebody's script, that never stops writing."""
    at = start
    number = 0
    while True:
        number += 1
        at += timedelta(seconds=chance.expovariate(1.0))
        mail: dict[str, Any] = {
            "source": "mailbox:hot",
            "id": f"hot-{seed}-{number}",
            "kind": "email_received",
            "occurred_at": at.isoformat(),
            "message_id": f"hot-{seed}-{number}@example.com",
            "from": {"address": "hot@example.com", "name": "Hot Key"},
            "subject": "again",
            "text": chance.choice(COMPLAINTS) if chance.random() < 0.05 else f"hello {number}",
            "refs": [{"kind": "order", "value": f"hot-{chance.randrange(HOT_ORDERS)}"}],
        }
        yield Record(topics.CHANNEL_TOPICS[Channel.EMAIL], b"hot@example.com", orjson.dumps(mail))
