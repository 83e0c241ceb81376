"""The traffic and the check of the whole job: what makes different programs comparable."""

from datetime import UTC, datetime
from random import Random

import msgspec

from benchmarks.contenders.job import Account, after, decode, records
from benchmarks.contenders.whole import (
    differences,
    handle_sets,
    owners,
    plain_fold,
    traffic,
)
from benchmarks.harness.customers import Templates, customer_key
from schemas.customer import CustomerState
from schemas.events import CustomerEvent
from schemas.interaction import Interaction
from streams.engine.envelope import body_of, wake_of

START_AT = datetime(2026, 3, 2, tzinfo=UTC)


def test_the_records_of_the_engine_job_are_the_same_every_time() -> None:
    """The first few of many are the same as few; ten ids are kept."""
    many = list(records(300, 5))
    assert many[:100] == list(records(100, 5))
    account = Account()
    for _, value in many:
        account = after(account, decode(value))
    assert account.count == 300
    assert account.recent == tuple(f"p{number}" for number in range(290, 300))


def test_topics_may_be_read_in_any_order() -> None:
    """Rows do not depend on which channel is ahead, as long as each is read in its own order."""
    sent = traffic(400, 60, START_AT)
    known = owners(handle_sets(sent))
    expected = plain_fold(sent, known)
    assert sum(row["interactions"] for row in expected.values()) > 300
    assert any(row["complaints"] for row in expected.values())
    chance = Random(3)
    for _ in range(3):
        lanes = {name: [r for r in sent if r[0] == name] for name in {r[0] for r in sent}}
        mixed = []
        while lanes:
            name = chance.choice(sorted(lanes))
            mixed.append(lanes[name].pop(0))
            if not lanes[name]:
                del lanes[name]
        assert differences(plain_fold(mixed, known), expected) == []


def test_a_lost_record_is_noticed() -> None:
    """The check can fail."""
    sent = traffic(200, 30, START_AT)
    known = owners(handle_sets(sent))
    assert differences(plain_fold(sent[:-20], known), plain_fold(sent, known))


def test_copies_of_customers_are_genuine_rows_with_ids_of_their_own() -> None:
    """Rows decode, wake when they are told, and events are new interactions of known customers."""
    templates = Templates(2)
    rows = list(templates.sealed_rows(50, range(1_000, 1_050)))
    states = [msgspec.msgpack.decode(body_of(row), type=CustomerState) for _, row, _ in rows]
    assert [state.customer_id.encode() for state in states] == [key[1:] for key, _, _ in rows]
    assert len({key for key, _, _ in rows}) == 50
    assert [wake_of(row) for _, row, _ in rows] == list(range(1_000, 1_050))
    events = [
        msgspec.json.decode(value, type=CustomerEvent)
        for _, value, _ in templates.next_events([1, 2, 1])
    ]
    assert all(isinstance(event, Interaction) for event in events)
    assert [event.customer_id.encode() for event in events] == [customer_key(n) for n in (1, 2, 1)]
    ids = {event.interaction_id for event in events if isinstance(event, Interaction)}
    assert len(ids) == 3
