"""Laws of codec and intake: never a crash, always the same answer, nothing said twice."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.intake import (
    Accepted,
    AcceptedCommand,
    IntakeSettings,
    Rejected,
    Skipped,
    take_command,
    take_in,
    with_customer,
)
from schemas.codec import decode_customer_event, encode_json
from schemas.common import Channel
from schemas.interaction import Origin
from tests.messy import SAMPLES

RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = Origin("interactions.test.v1", 3, 64)
SETTINGS = IntakeSettings(default_region="CN", own_domains=frozenset({"shop.example"}))

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["2026-03-01T10:00:00Z", "0001-01-01T00:00:00+14:00", "out", "message", "<>", "", "0"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
channels = st.sampled_from(Channel)

LAW = settings(max_examples=60)
"""No deadline: a busy machine is no fault of the code."""


def dumped(value: Any) -> bytes:
    """Return JSON as a careless publisher writes it: NaN and lone surrogates included."""
    return json.dumps(value).encode()


def take(channel: Channel, value: bytes | None, headers: Any = ()) -> Accepted | Rejected | Skipped:
    """Take in one record with the usual surroundings."""
    return take_in(value, headers, channel, RECEIVED_AT, ORIGIN, SETTINGS)


def check(channel: Channel, value: bytes | None, headers: Any = ()) -> None:
    """Taking in gives an outcome, the same one again, and an event that can be read back."""
    outcome = take(channel, value, headers)
    assert take(channel, value, headers) == outcome
    if isinstance(outcome, Accepted):
        assert outcome.handles
        event = with_customer(outcome, "c" * 36)
        assert decode_customer_event(encode_json(event)) == event
        for instant in (event.occurred_at, event.contact_at, event.response_at):
            assert instant is None or instant.tzinfo is UTC
        if event.contact_at is not None and event.response_at is not None:
            assert event.contact_at <= event.response_at
        assert event.wait_seconds is None or event.wait_seconds >= 0
    elif isinstance(outcome, Rejected):
        assert outcome.reason.value
        assert outcome.detail


@LAW
@given(channel=channels, value=st.none() | st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(channel: Channel, value: bytes | None) -> None:
    """Any bytes are rejected or skipped with a reason."""
    check(channel, value)


@LAW
@given(channel=channels, value=json_values)
def test_arbitrary_json_never_raises(channel: Channel, value: Any) -> None:
    """Any JSON is an outcome."""
    check(channel, dumped(value))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Channel, dict[str, Any]]:
    """Return a good record of which up to four fields hold something else."""
    channel = draw(channels)
    record = dict(draw(st.sampled_from(SAMPLES[channel])))
    names = st.sampled_from(sorted(record)) | st.sampled_from(
        [
            "rating",
            "customer",
            "attributes",
            "from",
            "references",
            "started_at",
            "answered_at",
            "ended_at",
            "queue_wait_seconds",
            "talk_seconds",
            "transcript",
            "fields",
            "about",
            "direction",
            "visibility",
            "time_quality",
            "occurred_at",
            "conversation_id",
            "revision",
        ]
    )
    for _ in range(draw(st.integers(1, 4))):
        name = draw(names)
        if draw(st.booleans()):
            record[name] = draw(json_values)
        else:
            record.pop(name, None)
    return channel, record


@LAW
@given(change=mutated())
@example(
    change=(
        Channel.PHONE,
        {
            "source": "a",
            "id": "1",
            "kind": "call_ended",
            "occurred_at": "2026-03-01T10:00:00Z",
            "talk_seconds": 604800,
            "conversation_id": "x",
        },
    )
)
def test_good_records_with_odd_fields_never_raise(change: tuple[Channel, dict[str, Any]]) -> None:
    """Whatever a field of a good record turns into, the record has an outcome."""
    channel, record = change
    check(channel, dumped(record))


@LAW
@given(
    record=json_values, names=st.sampled_from(["content-type", "ce_specversion"]), text=st.binary()
)
def test_arbitrary_headers_never_raise(record: Any, names: str, text: bytes) -> None:
    """Headers are data as well."""
    check(Channel.CHAT, dumped(record), ((names, text), ("ce_id", text), ("manyi-alerts", None)))


@LAW
@given(channel=channels, data=json_values, more=st.dictionaries(st.text(max_size=9), json_values))
def test_arbitrary_cloudevents_never_raise(
    channel: Channel, data: Any, more: dict[str, Any]
) -> None:
    """Whatever an envelope holds, it has an outcome."""
    event = {"specversion": "1.0", "id": "e", "source": "s", "type": "t", "data": data}
    check(channel, dumped(event))
    check(channel, dumped(event | more))


@LAW
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                "source",
                "id",
                "action",
                "customer",
                "customer_id",
                "occurred_at",
                "by",
                "refs",
                "conversation_id",
                "tier",
                "version",
            ]
        ),
        json_values,
        max_size=4,
    )
)
def test_commands_never_raise(changes: dict[str, Any]) -> None:
    """Whatever a command holds, it has an outcome, the same one again."""
    base = {"source": "crm", "id": "1", "action": "resolve", "customer_id": "c"}
    raw = dumped(base | changes)
    outcome = take_command(raw, (), RECEIVED_AT, ORIGIN, SETTINGS)
    assert take_command(raw, (), RECEIVED_AT, ORIGIN, SETTINGS) == outcome
    if isinstance(outcome, AcceptedCommand):
        assert outcome.customer_id or outcome.handles
