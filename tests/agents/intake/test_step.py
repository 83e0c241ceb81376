"""Taking in one record: what is kept, what is refused and why, what says nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

import pytest

from agents.intake import (
    Accepted,
    AcceptedCommand,
    Rejected,
    Skipped,
    SkipReason,
    given_command,
    instant_of,
    take_command,
    take_in,
    with_customer,
)
from agents.intake.ids import NAMESPACE, command_id, interaction_id
from schemas.common import Channel, TimeQuality
from schemas.interaction import Origin
from schemas.rejection import RejectReason
from tests.agents.intake.making import BASE, ORIGIN, RECEIVED_AT, SETTINGS, at

MESSAGE: dict[str, Any] = BASE | {
    "kind": "message",
    "conversation_id": "9",
    "customer": [{"kind": "crm", "value": "7"}],
}


def take(record: dict[str, Any], headers: Any = (), origin: Origin = ORIGIN) -> Any:
    """Take in a chat record."""
    raw = json.dumps(record).encode()
    return take_in(raw, headers, Channel.CHAT, RECEIVED_AT, origin, SETTINGS)


def test_ids_are_uuid5_of_source_and_id() -> None:
    """Anybody can compute them again; commands and interactions never share one."""
    assert interaction_id("s:1", "满意") == str(uuid5(NAMESPACE, "s:1\n满意"))
    assert command_id("s:1", "1") == str(uuid5(NAMESPACE, "command\ns:1\n1"))


def test_an_interaction_says_where_it_came_from() -> None:
    """Origin, arrival, hash and settled time are those of the record."""
    made = take(MESSAGE | {"occurred_at": "2026-03-01T18:00:00+08:00", "revision": 3}).interaction
    assert (made.origin, made.received_at, made.occurred_at) == (ORIGIN, RECEIVED_AT, at("10:00"))
    assert made.occurred_at.tzinfo is UTC
    assert (made.revision, len(made.body_hash), made.customer_id) == (3, 16, "")


def test_arrival_is_the_time_of_a_record_without_one() -> None:
    """Where the publisher knows no time, the broker's timestamp is it."""
    made = take(MESSAGE | {"occurred_at": None, "time_quality": "arrival"}).interaction
    assert (made.occurred_at, made.time_quality) == (RECEIVED_AT, TimeQuality.ARRIVAL)


def test_another_revision_keeps_the_id_and_changes_the_hash() -> None:
    """The same happening told anew is the same interaction with another body."""
    one, two = (take(MESSAGE | {"revision": r, "text": str(r)}).interaction for r in (1, 2))
    assert one.interaction_id == two.interaction_id
    assert one.body_hash != two.body_hash


def test_the_customer_is_filled_in_afterwards() -> None:
    """The interaction then names its customer and the handles, the conversation not among them."""
    made = with_customer(take(MESSAGE), "c" * 36)
    assert (made.customer_id, made.handles) == ("c" * 36, ["crm:7"])


def test_history_is_quiet() -> None:
    """The header `manyi-alerts: off` marks interactions and commands."""
    assert take(MESSAGE, (("manyi-alerts", b"off"),)).interaction.quiet
    assert not take(MESSAGE).interaction.quiet


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, (), SkipReason.TOMBSTONE),
        (
            b'{"specversion":"1.0","id":"1","source":"s","type":"t"}',
            (),
            SkipReason.NO_DATA,
        ),
        (json.dumps(MESSAGE | {"kind": "conversation_rated"}).encode(), (), SkipReason.UNANSWERED),
        (
            json.dumps(
                MESSAGE | {"kind": "conversation_rated", "rating": {"instrument": "nps"}}
            ).encode(),
            (),
            SkipReason.UNANSWERED,
        ),
    ],
)
def test_what_says_nothing_is_skipped(value: bytes | None, headers: Any, reason: Any) -> None:
    """Tombstones, empty events and open questions are in order and counted as skipped."""
    found = take_in(value, headers, Channel.CHAT, RECEIVED_AT, ORIGIN, SETTINGS)
    assert found == Skipped(reason)


def test_a_rating_that_was_dropped_is_not_an_open_question() -> None:
    """A score without its scale is a problem to be seen, so the record is kept."""
    found = take(
        MESSAGE | {"kind": "conversation_rated", "rating": {"instrument": "csat", "score": 1}}
    )
    assert isinstance(found, Accepted)
    assert found.problems
    assert found.interaction.rating is None


def test_a_record_of_nobody_is_refused() -> None:
    """Without a handle that can link and without a conversation there is nobody to keep it for."""
    found = take({**MESSAGE, "conversation_id": None, "customer": [{"kind": "crm", "value": "0"}]})
    assert isinstance(found, Rejected)
    assert (found.reason, found.field) == (RejectReason.NO_CUSTOMER, "customer")


@pytest.mark.parametrize("unset", ["", " ", "0", "-1", "NULL", "undefined"])
def test_placeholders_are_no_conversations_and_no_orders(unset: str) -> None:
    """What systems write for "none" must not join strangers."""
    odd = {"conversation_id": unset, "refs": [{"kind": "order", "value": unset or "0"}]}
    found = take(MESSAGE | odd)
    assert found.interaction.conversation_key is None
    assert found.handles == ("crm:7",)
    call = BASE | {"kind": "call_ended", "call_id": unset, "customer": MESSAGE["customer"]}
    raw = json.dumps(call | odd).encode()
    made = take_in(raw, (), Channel.PHONE, RECEIVED_AT, ORIGIN, SETTINGS)
    assert isinstance(made, Accepted)
    assert (made.interaction.conversation_key, made.interaction.parent_keys) == (None, [])


def test_unknown_fields_are_looked_for_in_a_sample() -> None:
    """One good record in 64 is looked through, chosen by its offset."""
    odd = MESSAGE | {"colour": 1}
    assert take(odd, origin=Origin("t", 0, 128)).unknown_fields == ("colour",)
    assert take(odd, origin=Origin("t", 0, 129)).unknown_fields == ()


def test_a_cloudevent_is_taken_in_like_a_plain_record() -> None:
    """The envelope changes nothing about the interaction."""
    event = {"specversion": "1.0", "id": "e", "source": "x", "type": "t", "data": MESSAGE}
    plain, wrapped = take(MESSAGE).interaction, take(event).interaction
    assert plain.interaction_id == wrapped.interaction_id
    assert plain.contact_at == wrapped.contact_at


def test_a_broker_timestamp_is_data_too() -> None:
    """Producers may write anything; what no calendar holds is the epoch."""
    assert instant_of(1_772_366_400_000) == RECEIVED_AT
    assert instant_of(10**18) == instant_of(-(10**18)) == datetime(1970, 1, 1, tzinfo=UTC)


def test_the_last_representable_arrival_does_not_overflow() -> None:
    """A broker timestamp at the end of the calendar is still compared with."""
    last = datetime.max.replace(tzinfo=UTC)
    raw = json.dumps(MESSAGE).encode()
    assert isinstance(take_in(raw, (), Channel.CHAT, last, ORIGIN, SETTINGS), Accepted)


def test_a_command_is_settled() -> None:
    """A command without a time happened at its arrival; it names its customer or their handles."""
    base = {"source": "crm", "id": "1", "action": "resolve"}

    def command(**fields: Any) -> Any:
        raw = json.dumps(base | fields).encode()
        return take_command(raw, (), RECEIVED_AT, ORIGIN, SETTINGS)

    named = command(customer_id="c1")
    assert isinstance(named, AcceptedCommand)
    given = given_command(named, "c1", RECEIVED_AT)
    assert (given.occurred_at, given.origin_offset, given.customer_id) == (RECEIVED_AT, 1, "c1")
    assert command(customer=[{"kind": "phone", "value": "13800138000"}]).handles == (
        "phone:+8613800138000",
    )
    assert command(conversation_id="9").handles == ("conversation:crm|9",)
    assert command().reason is RejectReason.NO_CUSTOMER
    assert command(complaint_id="k1").reason is RejectReason.NO_CUSTOMER
    assert take_command(None, (), RECEIVED_AT, ORIGIN, SETTINGS) == Skipped(SkipReason.TOMBSTONE)
    late = RECEIVED_AT + timedelta(days=2)
    assert command(customer_id="c", occurred_at=late.isoformat()).reason is (
        RejectReason.TIME_OUT_OF_RANGE
    )
