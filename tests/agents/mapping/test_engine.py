"""What becomes of a payload as a whole: records, skips, problems, errors."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.mapping import MappingError, SkipReason, compile_mapping, shipped, shipped_names
from tests.agents.mapping.helpers import map_one, mapping_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)
KNOWN_NAMES = st.sampled_from(
    [
        "ContactId",
        "Channel",
        "event",
        "message_type",
        "id",
        "conversation",
        "FromFull",
        "MessageID",
        "Headers",
        "order",
        "refund",
        "line_items",
        "total_price",
        "ticket_id",
        "created_at",
        "channel",
        "RecordType",
        "Date",
        "csat",
        "tags",
        "Queue",
    ]
)


def test_a_payload_that_is_not_meant_is_skipped() -> None:
    """`when` tells receipts and heartbeats from happenings: they are counted as skipped."""
    mapping = mapping_of("text: a", head="when: event == 'message'")
    assert mapping.apply({"event": "typing"}).skipped is SkipReason.WHEN
    assert mapping.apply({"event": "message", "id": 1}).skipped is None


def test_a_payload_no_entry_takes_is_skipped_for_that_reason() -> None:
    """A payload that passes `when` but fits no entry is skipped, with its own reason."""
    result = map_one("when: a", {})
    assert (result.records, result.skipped) == ([], SkipReason.NOTHING)


@pytest.mark.parametrize(
    ("fields", "payload", "field", "reason"),
    [
        ("id: nowhere", {}, "id", "is empty"),
        ("id: { join: [ { const: x }, nowhere ] }", {}, "id", "is empty"),
        ("source: a", {"a": ""}, "source", "is empty"),
        ("kind: { path: a, map: { x: message } }", {"a": "y"}, "kind", "no entry for 'y'"),
        ("occurred_at: { time: a }", {}, "occurred_at", "is empty"),
        ("occurred_at: { time: a }", {"a": "noon"}, "occurred_at", "'noon' is not an ISO"),
    ],
)
def test_a_record_without_its_essentials_is_an_error(
    fields: str, payload: dict[str, Any], field: str, reason: str
) -> None:
    """What makes a happening (id, kind, source, time) is never guessed; the error names it."""
    result = map_one(fields, payload)
    assert result.records == []
    assert result.skipped is None
    (error,) = result.errors
    assert isinstance(error, MappingError)
    assert error.field == field
    assert reason in error.reason


def test_the_time_of_arrival_may_stand_for_a_missing_one() -> None:
    """A mapping that says so lets a payload without a time through, marked as such."""
    fields = "occurred_at: { time: a }\ntime_quality: { const: arrival, when: '!a' }"
    record = map_one(fields, {}).records[0][1]
    assert record["time_quality"] == "arrival"
    assert "occurred_at" not in record
    record = map_one(fields, {"a": "2026-03-01T10:00:00Z"}).records[0][1]
    assert "time_quality" not in record


@pytest.mark.parametrize(
    "occurred_at",
    [
        "{ time: a, zone: Asia/Shanghai }",
        "{ first: [ { time: b }, { time: a, zone: Asia/Shanghai } ] }",
        "at",
    ],
)
def test_an_assumed_zone_is_told(occurred_at: str) -> None:
    """Clocks need to know when the zone of an event time was a guess, however it was read."""
    head = "let: { at: { time: a, zone: Asia/Shanghai } }"
    guessed = map_one(f"occurred_at: {occurred_at}", {"a": "2026-03-01 18:00:00"}, head)
    assert guessed.records[0][1]["time_quality"] == "assumed_zone"
    assert guessed.records[0][1]["occurred_at"] == datetime(2026, 3, 1, 10, tzinfo=UTC)
    told = map_one(f"occurred_at: {occurred_at}", {"a": "2026-03-01T18:00:00+08:00"}, head)
    assert "time_quality" not in told.records[0][1]
    assert told.records[0][1]["occurred_at"] == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_each_explodes_from_the_outside_in() -> None:
    """One payload, many events: names nest, `top` is the payload, one bad item spoils no other."""
    mapping = mapping_of(
        "id: { join: [top.account, box.name, message.id] }\ntext: message.text",
        head="each: { box: boxes, message: box.messages }",
    )
    payload = {
        "account": 7,
        "boxes": [
            {"name": "a", "messages": [{"id": 1, "text": "x"}, {"text": "no id"}]},
            {"name": "b", "messages": []},
            {"name": "c"},
            {"name": "d", "messages": {"id": 4, "text": "a lone object counts as one"}},
        ],
    }
    result = mapping.apply(payload)
    assert [record["id"] for _, record in result.records] == ["7:a:1", "7:d:4"]
    assert [str(error) for error in result.errors] == ["id: is empty"]


def test_an_entry_may_explode_for_itself() -> None:
    """Two lists in one payload need two entries, each with its own `each`."""
    mapping = compile_mapping(
        """
mapping: two
common: { source: { const: s }, occurred_at: { const: 2026-03-01T10:00:00Z } }
emit:
  - { channel: chat, each: { m: messages }, kind: { const: message }, id: m.id }
  - channel: chat
    each: { s: receipts }
    when: s.failed
    kind: { const: delivery_failed }
    id: s.id
""",
        "two.yaml",
    )
    payload = {"messages": [{"id": 1}], "receipts": [{"id": 2, "failed": True}, {"id": 3}]}
    assert [record["id"] for _, record in mapping.apply(payload).records] == ["1", "2"]


def test_explosions_are_limited() -> None:
    """A payload that explodes beyond the limit is one error, not a million records."""
    mapping = mapping_of("id: b", head="each: { a: xs, b: top.xs }")
    result = mapping.apply({"xs": list(range(200))})
    assert (result.records, len(result.errors)) == ([], 1)
    assert "more than 10000 items" in str(result.errors[0])


def test_let_gives_names_to_values() -> None:
    """A name may stand for anything an operator makes, in the order of the file."""
    names = "env: { path: envelope, json: true }, first: 'env.to[0]', bad: { path: n, to: int }"
    head = f"let: {{ {names} }}"
    result = map_one("text: first", {"envelope": '{"to": ["x"]}', "n": "many"}, head)
    assert result.records[0][1]["text"] == "x"
    assert [problem.field for problem in result.problems] == ["let.bad"]


def test_unset_values_of_the_file_mean_nothing_anywhere() -> None:
    """A table that writes `?` for missing needs to say so once."""
    mapping = mapping_of("text: a.b\ntags: c\nparent_id: d", head="unset: ['?', 0]")
    payload = {"id": "1", "a": {"b": "?"}, "c": ["x", "?"], "d": 0}
    assert mapping.apply(payload).records[0][1].get("text") is None
    assert mapping.apply(payload).records[0][1]["tags"] == ["x"]
    assert "parent_id" not in mapping.apply(payload).records[0][1]


def test_headers_are_found_in_any_case() -> None:
    """What the edge learnt from the transport is `_headers`."""
    mapping = mapping_of("parent_id: '_headers.\"X-Delivery\"'")
    headers = {"x-DELIVERY": "d1"}
    assert mapping.apply({"id": "1"}, headers).records[0][1]["parent_id"] == "d1"
    assert "parent_id" not in mapping.apply({"id": "1"}).records[0][1]


def test_commands_are_records_of_their_own_topic() -> None:
    """Exports tell what staff did; common fields a command does not know are left out of it."""
    mapping = compile_mapping(
        """
mapping: both
common: { source: { const: s }, conversation_id: ticket, direction: { const: in } }
emit:
  - { channel: chat, kind: { const: message }, id: ticket, occurred_at: { time: opened } }
  - channel: commands
    when: closed
    action: { const: resolve }
    id: ticket
    occurred_at: { time: closed }
""",
        "both.yaml",
    )
    payload = {"ticket": "T1", "opened": "2026-03-01T10:00:00Z", "closed": "2026-03-01T11:00:00Z"}
    (_, message), (channel, command) = mapping.apply(payload).records
    assert channel == "commands"
    assert command == {
        "source": "s",
        "conversation_id": "T1",
        "action": "resolve",
        "id": "T1",
        "occurred_at": datetime(2026, 3, 1, 11, tzinfo=UTC),
    }
    assert message["mapped_by"] == "both@1"


def test_what_common_gives_is_not_shared_between_payloads() -> None:
    """Records of two payloads never lend each other a value."""
    mapping = shipped("helpdesk-export")
    one = mapping.apply({"ticket_id": "1", "created_at": "2026-03-01", "customer_email": "a@x.com"})
    two = mapping.apply({"ticket_id": "2", "created_at": "2026-03-01"})
    assert one.records[0][1]["customer"] == [{"kind": "email", "value": "a@x.com"}]
    assert "customer" not in two.records[0][1]


@given(JSON)
@pytest.mark.parametrize("payload_of", [lambda value: value, lambda value: {"id": value}])
def test_no_payload_raises(payload_of: Any, value: object) -> None:
    """Whatever is sent: records, a skip or an error with a reason."""
    for name in shipped_names():
        result = shipped(name).apply(payload_of(value))
        assert result.records or result.skipped or result.errors


@given(st.dictionaries(KNOWN_NAMES, JSON, max_size=10))
def test_no_mangled_payload_raises(payload: dict[str, object]) -> None:
    """Known fields of any type make records, problems or errors, and the same ones again."""
    for name in shipped_names():
        first, again = shipped(name).apply(payload), shipped(name).apply(payload)
        assert first.records == again.records
        assert list(map(str, first.errors)) == list(map(str, again.errors))
