"""Each operator of the mapping language, on the values real systems send."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from agents.mapping import Problem, compile_mapping
from tests.agents.mapping.helpers import Payload, map_one, value_of

AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "payload", "value"),
    [
        ("a.b.c", {"a": {"b": {"c": "x"}}}, "x"),
        ("a.b.c", {"a": {"b": "text"}}, None),
        ("a", {"a": ""}, None),
        ("a", {"a": 12345678901234567890}, "12345678901234567890"),
        ("a", {"a": True}, "true"),
        ("'\"CSAT Score\"'", {"CSAT Score": "5"}, "5"),
        ("{ const: hello }", {}, "hello"),
        ("{ const: hello, when: a }", {"a": []}, None),
        ("{ path: a, default: none }", {}, "none"),
        ("{ path: a, unset: [0, -1, '<unknown>'] }", {"a": "0"}, None),
        ("{ path: a, unset: [0, -1, '<unknown>'] }", {"a": -1}, None),
        ("{ path: a, unset: [0], default: never }", {"a": 0}, "never"),
        ("{ first: [a, b, c] }", {"a": "", "b": "x", "c": "y"}, "x"),
        ("{ first: [a, { const: z }] }", {}, "z"),
        ("{ first: [ { const: y, when: a }, b ] }", {"b": "x"}, "x"),
        ("{ join: [a, b] }", {"a": 1, "b": "x"}, "1:x"),
        ("{ join: [a, b], sep: ' / ' }", {"a": 1.5, "b": "x"}, "1.5 / x"),
        ("{ join: [a, b], sep: '' }", {"a": "p", "b": "q"}, "pq"),
        ("{ join: [a, b] }", {"a": 1}, None),
        ("{ path: a, strip: '<> ' }", {"a": " <x@y> "}, "x@y"),
        ("{ path: a, map: { 1: one, true: yes } }", {"a": "1"}, "one"),
        ("{ path: a, map: { 1: one, true: yes } }", {"a": 1}, "one"),
        ("{ path: a, map: { 1: one, true: yes } }", {"a": True}, "yes"),
        ("{ path: a, map: { x: null } }", {"a": "x"}, None),
        ("{ path: a, map: { x: y }, default: other }", {"a": "z"}, "other"),
        ("{ path: a, map: { x: y }, default: other }", {}, "other"),
        ("{ path: a, map: { x: y } }", {}, None),
    ],
)
def test_text(expression: str, payload: Payload, value: str | None) -> None:
    """A text field gets text, whatever the payload spells it as; what is empty is nothing."""
    assert value_of(expression, payload) == value


@pytest.mark.parametrize(
    ("expression", "payload", "value"),
    [
        ("{ path: a, json: true }", {"a": '{"x": 1}'}, {"x": 1}),
        ("{ list: [a, b] }", {"a": "x", "b": None}, ["x"]),
        ("{ path: a, split: ',' }", {"a": "x, y,,z "}, ["x", "y", "z"]),
        ("{ path: a, split: ' ', strip: '<>' }", {"a": "<x>\n <y>"}, ["x", "y"]),
        ("{ path: a, split: ',' }", {"a": ""}, None),
        ("a[].name", {"a": [{"name": "x"}, {}, {"name": 2}]}, ["x", "2"]),
    ],
)
def test_lists_and_json(expression: str, payload: Payload, value: object) -> None:
    """Lists are built, split or projected; an entry without a value is left out."""
    field = "attributes" if "json" in expression else "tags"
    assert value_of(expression, payload, field) == value


def test_an_entry_with_a_hole_is_dropped() -> None:
    """A handle without a value is no handle; the others stay."""
    handles = (
        "{ list: [ { kind: { const: email }, value: mail }, { kind: { const: phone }, value: tel },"
        " \"extra[].{kind: 'web', value: id}\" ] }"
    )
    payload = {"mail": "", "tel": 4930, "extra": [{"id": "w1"}, {"id": ""}, {}]}
    assert value_of(handles, payload, "customer") == [
        {"kind": "phone", "value": "4930"},
        {"kind": "web", "value": "w1"},
    ]


def test_an_empty_object_vanishes() -> None:
    """A nested object nobody filled is not sent as an empty one."""
    assert value_of("{ id: agent.id, name: agent.name }", {}, "actor") is None
    assert value_of("{ id: agent.id }", {"agent": {"id": 7}}, "actor") == {"id": "7"}


def test_object_takes_names_that_are_operators() -> None:
    """`object` holds a free map whose names are words of the language, and can be conditional."""
    spelled = "{ object: { path: a, time: b }, when: a }"
    assert value_of(spelled, {"a": "x", "b": "y"}, "attributes") == {"path": "x", "time": "y"}
    assert value_of(spelled, {"b": "y"}, "attributes") is None


@pytest.mark.parametrize(
    ("expression", "raw", "value"),
    [
        ("{ time: a }", "2026-03-01T10:00:00Z", AT),
        ("{ time: a }", " 2026-03-01T12:00:00.0000000+02:00 ", AT),
        ("{ time: a }", "2026-03-01T15:30:00+0530", AT),
        ("{ time: a, zone: Asia/Shanghai }", "2026-03-01 18:00:00", AT),
        ("{ time: a, zone: Asia/Shanghai }", "2026-03-01T10:00:00Z", AT),
        ("{ time: a, format: epoch_s }", 1772359200, AT),
        ("{ time: a, format: epoch_s }", "1772359200", AT),
        ("{ time: a, format: epoch_s }", "1772359200.0", AT),
        ("{ time: a, format: epoch_ms }", 1772359200000, AT),
        ("{ time: a, format: epoch_us }", "1772359200000000", AT),
        ("{ time: a, format: rfc2822 }", "Sun, 1 Mar 2026 11:00:00 +0100", AT),
        ("{ time: a, format: '%d/%m/%Y %H:%M', zone: Europe/Berlin }", "1/3/2026 11:00", AT),
        ("{ time: a, format: snowflake }", str((1772359200000 - 1288834974657) << 22), AT),
        ("{ time: a, unset: [0, -1] }", 0, None),
        ("{ time: a, unset: [0, -1], format: epoch_s }", "-1", None),
        ("{ time: a }", "", None),
        ("{ time: a, plus: b, unit: hms }", "2026-03-01T08:30:00Z", AT),
        ("{ time: a, plus: { const: 90 }, unit: min }", "2026-03-01T08:30:00Z", AT),
    ],
)
def test_time(expression: str, raw: object, value: datetime | None) -> None:
    """Every documented way to write an instant is read to UTC; `unset` ones are no time."""
    assert value_of(expression, {"a": raw, "b": "1:30:00"}, "sent_at") == value


def test_fractions_of_an_epoch_are_kept() -> None:
    """A float epoch keeps its microseconds."""
    at = value_of("{ time: a, format: epoch_s }", {"a": 1767225605.123456}, "sent_at")
    assert at == datetime(2026, 1, 1, 0, 0, 5, 123456, tzinfo=UTC)


def test_a_time_can_be_a_revision() -> None:
    """`to: epoch_us` makes of a change time the growing number that corrections need."""
    revision = value_of("{ time: a, to: epoch_us }", {"a": "2022-04-08T15:03:02Z"}, "revision")
    assert revision == 1649430182000000


@pytest.mark.parametrize(
    ("unit", "raw", "seconds"),
    [("s", "90", 90.0), ("ms", 1500, 1.5), ("min", 2, 120.0), ("hms", "1:02:03.5", 3723.5)],
)
def test_durations_become_seconds(unit: str, raw: object, seconds: float) -> None:
    """Durations are seconds in the contract, whatever they were sent in."""
    expression = (
        f"{{ path: a, unit: {unit}, to: int }}" if unit != "hms" else "{ path: a, unit: hms }"
    )
    field = "sequence" if unit != "hms" else "attributes"
    if unit == "hms":
        expression = f"{{ talk: {expression} }}"
        assert value_of(expression, {"a": raw}, field) == {"talk": seconds}
    elif seconds == int(seconds):
        assert value_of(expression, {"a": raw}, field) == seconds


def test_a_hash_is_a_stable_id() -> None:
    """The same values give the same UUIDv5, other values another."""
    one = value_of("{ hash: [a, b] }", {"a": "x", "b": 1})
    assert one == value_of("{ hash: [a, b] }", {"a": "x", "b": 1}) == str(UUID(one))
    assert UUID(one).version == 5
    assert one != value_of("{ hash: [a, b] }", {"a": "x", "b": 2})
    assert one != value_of("{ hash: [a, b] }", {"a": "x1"})


@pytest.mark.parametrize(
    ("field", "expression", "payload", "reason"),
    [
        ("sent_at", "{ time: a }", {"a": "yesterday"}, "'yesterday' is not an ISO 8601 time"),
        ("sent_at", "{ time: a }", {"a": "2026-03-01 10:00"}, "has no zone"),
        ("sent_at", "{ time: a, format: epoch_s }", {"a": "soon"}, "'soon' is no epoch number"),
        ("sent_at", "{ time: a, format: epoch_s }", {"a": 1e300}, "is no epoch number"),
        ("sent_at", "{ time: a, plus: b }", {"a": "2026-03-01T10:00:00Z"}, "`plus` is empty"),
        ("revision", "{ path: a, to: int }", {"a": "1.5"}, "is no whole number"),
        ("revision", "a", {"a": "many"}, "'many' is no number"),
        ("complaint", "a", {"a": "perhaps"}, "neither true nor false"),
        ("text", "a", {"a": {"b": 1}}, "text is expected"),
        ("tags", "a", {"a": "x"}, "a list is expected"),
        ("tags", "{ path: a, json: true }", {"a": "[1"}, "is not JSON"),
        ("text", "{ path: a, map: { x: y } }", {"a": "z"}, "`map` has no entry for 'z'"),
        ("text", "{ hash: [a] }", {}, "every value to hash is empty"),
        ("text", "length(a)", {"a": 5}, "length"),
        ("text", "{ path: a, unit: hms }", {"a": "-1:00:00"}, "is no duration"),
        ("text", "{ path: a, unit: hms }", {"a": "1:nan"}, "is no duration"),
        ("text", "{ path: a, unit: min }", {"a": "inf"}, "is no duration"),
        (
            "sent_at",
            "{ time: a, plus: b }",
            {"a": "2026-03-01T10:00:00Z", "b": 1e200},
            "is out of range",
        ),
    ],
)
def test_what_cannot_be_read_becomes_null_and_a_problem(
    field: str, expression: str, payload: dict[str, Any], reason: str
) -> None:
    """A failing operator costs an optional field only, and is named."""
    result = map_one(f"{field}: {expression}", payload)
    assert field not in result.records[0][1]
    assert [problem.field for problem in result.problems] == [field]
    assert reason in result.problems[0].reason


def test_first_tries_the_next_when_one_fails() -> None:
    """`first` is how a mapping reads a column that holds times in two formats."""
    both = "{ first: [ { time: a }, { time: a, format: '%d.%m.%Y', zone: UTC } ] }"
    assert value_of(both, {"a": "01.03.2026"}, "sent_at") == datetime(2026, 3, 1, tzinfo=UTC)
    result = map_one(f"sent_at: {both}", {"a": "someday"})
    assert result.problems == (Problem("sent_at", "'someday' is not a time like %d.%m.%Y"),)


def test_a_problem_inside_an_object_names_the_way() -> None:
    """A part that cannot be read is named with its field; the other parts stay."""
    result = map_one(
        "rating: { instrument: { const: csat }, score: a, comment: b }", {"a": "good", "b": "x"}
    )
    assert result.records[0][1]["rating"] == {"instrument": "csat", "comment": "x"}
    assert result.problems == (Problem("rating.score", "'good' is no number"),)


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("409.94", "409.94"),
        (409.94, "409.94"),
        (0.1 + 0.2, "0.3"),
        (209.0, "209"),
        (-5, "-5"),
        ("1E+2", "100"),
        ("12.34567", "12.3457"),
        ("NaN", None),
        ("1,234.50", None),
        ("9" * 400, None),
    ],
)
def test_amounts_are_decimal_text(raw: object, amount: str | None) -> None:
    """Money never goes through binary fractions unrounded; what is no money is left out."""
    text = """
mapping: money
emit:
  - channel: web
    source: { const: s }
    id: { const: x }
    kind: { const: purchase }
    occurred_at: { const: 2026-03-01T10:00:00Z }
    amount: a
"""
    record = compile_mapping(text, "money.yaml").apply({"a": raw}).records[0][1]
    assert record.get("amount") == amount
