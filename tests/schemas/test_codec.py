"""Reading what others publish: strict where it must be, lenient where it can be, never a crash."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import limits
from schemas.chat import ChatRecord, MessageType
from schemas.codec import (
    MalformedRecord,
    decode_channel_record,
    decode_command,
    decode_customer_event,
    encode_json,
    unknown_fields,
)
from schemas.common import ActorType, Channel, Visibility
from schemas.events import DeadlineReached
from schemas.leniency import Fault, Problem
from schemas.phone import EndReason, PhoneRecord
from schemas.rejection import RejectReason
from schemas.web import WebRecord

RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGE = {
    "source": "chatwoot:1",
    "id": "message:55",
    "kind": "message",
    "occurred_at": "2026-03-01T10:00:00Z",
}


def chat(**changes: Any) -> tuple[ChatRecord, tuple[Problem, ...]]:
    """Read the sample message with some fields changed."""
    raw = json.dumps(MESSAGE | changes).encode()
    decoded = decode_channel_record(Channel.CHAT, raw, RECEIVED_AT)
    assert isinstance(decoded.record, ChatRecord)
    return decoded.record, decoded.problems


def refusal(raw: bytes, channel: Channel = Channel.CHAT) -> MalformedRecord:
    """Read bytes that must be refused, and return the refusal."""
    with pytest.raises(MalformedRecord) as caught:
        decode_channel_record(channel, raw, RECEIVED_AT)
    return caught.value


def test_a_record_that_keeps_the_contract_loses_nothing() -> None:
    """A good record is read whole, without problems."""
    record, problems = chat(text="好的 👍", direction="in", actor={"type": "customer"})
    assert (record.text, record.actor.type, problems) == ("好的 👍", ActorType.CUSTOMER, ())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", RejectReason.NOT_JSON),
        (b"{", RejectReason.NOT_JSON),
        (b"\xff\xfe", RejectReason.NOT_JSON),
        (b'{"sequence": NaN}', RejectReason.NOT_JSON),
        (b'{"sequence": Infinity}', RejectReason.NOT_JSON),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", RejectReason.NOT_JSON),
        (b"[]", RejectReason.NOT_AN_OBJECT),
        (b"null", RejectReason.NOT_AN_OBJECT),
        (b'"text"', RejectReason.NOT_AN_OBJECT),
        (b" " * (limits.RECORD_BYTES + 1), RejectReason.TOO_LARGE),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes, reason: RejectReason) -> None:
    """Bytes that are no JSON object of at most 1 MiB are refused with the reason."""
    assert refusal(raw).reason is reason


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"source": None}, RejectReason.MISSING_FIELD, "source"),
        ({"id": ""}, RejectReason.INVALID_FIELD, "id"),
        ({"id": "x" * 257}, RejectReason.INVALID_FIELD, "id"),
        ({"id": {"a": 1}}, RejectReason.INVALID_FIELD, "id"),
        ({"source": "My System"}, RejectReason.INVALID_FIELD, "source"),
        ({"kind": "seen"}, RejectReason.UNKNOWN_KIND, "kind"),
        ({"kind": 7}, RejectReason.INVALID_FIELD, "kind"),
        ({"version": 2}, RejectReason.UNKNOWN_VERSION, "version"),
        ({"version": "1"}, RejectReason.UNKNOWN_VERSION, "version"),
        ({"version": True}, RejectReason.UNKNOWN_VERSION, "version"),
        ({"version": 2, "kind": "seen"}, RejectReason.UNKNOWN_VERSION, "version"),
        ({"occurred_at": None}, RejectReason.MISSING_FIELD, "occurred_at"),
        ({"occurred_at": "yesterday"}, RejectReason.INVALID_FIELD, "occurred_at"),
        ({"occurred_at": "2026-03-01T10:00:00"}, RejectReason.INVALID_FIELD, "occurred_at"),
        ({"occurred_at": 1772359200}, RejectReason.INVALID_FIELD, "occurred_at"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, RejectReason.TIME_OUT_OF_RANGE, "occurred_at"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, RejectReason.TIME_OUT_OF_RANGE, "occurred_at"),
        (
            {"occurred_at": "0001-01-01T00:00:00+23:00"},
            RejectReason.TIME_OUT_OF_RANGE,
            "occurred_at",
        ),
    ],
)
def test_a_fault_in_a_required_field_names_it(
    changes: dict[str, Any], reason: RejectReason, field: str
) -> None:
    """Source, id, kind, time and version refuse the record, and the refusal names the field."""
    error = refusal(json.dumps(MESSAGE | changes).encode())
    assert (error.reason, error.field) == (reason, field)
    assert error.detail


def test_an_event_may_be_one_day_ahead_of_its_arrival() -> None:
    """The bound of the future is the arrival plus a day, itself included."""
    last = RECEIVED_AT + timedelta(days=1)
    record, _ = chat(occurred_at=last.isoformat())
    assert record.occurred_at == last
    beyond = (last + timedelta(microseconds=1)).isoformat()
    assert (
        refusal(json.dumps(MESSAGE | {"occurred_at": beyond}).encode()).reason
        is RejectReason.TIME_OUT_OF_RANGE
    )


@pytest.mark.parametrize("occurred_at", [None, "soon", "1970-01-01T00:00:00Z"])
def test_arrival_time_needs_no_occurred_at(occurred_at: str | None) -> None:
    """Where the time is that of arrival, a missing or senseless `occurred_at` is no fault."""
    record, _ = chat(occurred_at=occurred_at, time_quality="arrival")
    assert record.occurred_at is None


@pytest.mark.parametrize(
    ("changes", "kept", "problem"),
    [
        ({"message_type": "reel"}, {"message_type": MessageType.OTHER}, Fault.UNKNOWN_WORD),
        ({"direction": "sideways"}, {"direction": None}, Fault.UNKNOWN_WORD),
        ({"visibility": "whisper"}, {"visibility": Visibility.PRIVATE}, Fault.UNKNOWN_WORD),
        ({"text": ["a"]}, {"text": None}, Fault.WRONG_TYPE),
        ({"sequence": "7"}, {"sequence": None}, Fault.WRONG_TYPE),
        ({"sequence": 1.5}, {"sequence": None}, Fault.WRONG_TYPE),
        ({"revision": -1}, {"revision": None}, Fault.OUT_OF_RANGE),
        ({"revision": 2**70}, {"revision": None}, Fault.OUT_OF_RANGE),
        ({"tags": ["a"] * 40}, {"tags": ["a"] * 32}, Fault.SHORTENED),
        ({"tags": ["a", 1.5, "b"]}, {"tags": ["a", "b"]}, Fault.WRONG_TYPE),
        ({"category": "x" * 65}, {"category": "x" * 64}, Fault.CUT),
        ({"conversation_id": "x" * 257}, {"conversation_id": None}, Fault.TOO_LONG),
        ({"sent_at": "2026-03-01"}, {"sent_at": None}, Fault.OUT_OF_RANGE),
    ],
)
def test_a_fault_in_an_optional_field_costs_that_field(
    changes: dict[str, Any], kept: dict[str, Any], problem: Fault
) -> None:
    """An optional field that cannot be read is dropped, cut or shortened, and named."""
    record, problems = chat(**changes)
    assert {name: getattr(record, name) for name in kept} == kept
    assert [p.fault for p in problems] == [problem]
    assert problems[0].field.startswith(next(iter(changes)))


def test_an_unknown_word_is_kept_in_attributes() -> None:
    """The raw word of an enum manyi does not know stays readable, and never beats a sent one."""
    record, _ = chat(message_type="reel", attributes={"plan": "gold"})
    assert record.attributes == {"plan": "gold", "message_type": "reel"}
    record, _ = chat(message_type="reel", attributes={"message_type": "mine"})
    assert record.attributes == {"message_type": "mine"}


def test_a_long_text_is_cut_and_says_so() -> None:
    """Text beyond its limit is cut, and `text_truncated` tells it."""
    record, problems = chat(text="é" * (limits.TEXT + 1))
    assert record.text is not None
    assert (len(record.text), record.text_truncated) == (limits.TEXT, True)
    assert problems == (Problem("text", Fault.CUT),)


def test_null_means_absent() -> None:
    """A null, in any field that is not required, is no value and no problem."""
    record, problems = chat(tags=None, actor=None, text=None, visibility=None, attributes=None)
    assert (record.tags, record.visibility, problems) == ([], Visibility.PUBLIC, ())


def test_ids_sent_as_numbers_are_texts() -> None:
    """Ids beyond 2^53 and ids that are now number, now text: they are always text."""
    record, problems = chat(
        id=12345678901234567890123, conversation_id=9, customer=[{"kind": "crm", "value": 7}]
    )
    assert (record.id, record.conversation_id) == ("12345678901234567890123", "9")
    assert record.customer[0].value == "7"
    assert problems == ()


def test_nul_and_lone_surrogates_are_mended() -> None:
    """NUL is removed and a lone surrogate becomes U+FFFD, in keys and values of any depth."""
    raw = json.dumps(
        MESSAGE
        | {"text": "a\x00b\ud800c", "attributes": {"k\x00": "\udfff"}, "customer_name": "😀"}
    )
    record = decode_channel_record(Channel.CHAT, raw.encode(), RECEIVED_AT).record
    assert (record.text, record.attributes) == ("ab\ufffdc", {"k": "\ufffd"})
    assert record.customer_name == "😀"


def test_text_is_not_normalised() -> None:
    """Composed and decomposed letters stay as sent."""
    assert chat(text="e\u0301")[0].text == "e\u0301"


def test_a_handle_that_cannot_be_read_does_not_cost_the_others() -> None:
    """One bad handle is dropped alone."""
    record, problems = chat(
        customer=[{"kind": "fax", "value": "1"}, {"value": "x"}, {"kind": "chat", "value": "u1"}]
    )
    assert [h.value for h in record.customer] == ["u1"]
    assert Problem("customer[]", Fault.INCOMPLETE) in problems


def test_an_amount_sent_as_a_number_is_decimal_text() -> None:
    """Money keeps its digits; what is no amount of at most 4 places is dropped."""
    base = MESSAGE | {"kind": "purchase"}
    for sent, kept in ((12.5, "12.5"), (12, "12"), ("-3.0001", "-3.0001"), (0.00001, None)):
        raw = json.dumps(base | {"amount": sent}).encode()
        record = decode_channel_record(Channel.WEB, raw, RECEIVED_AT).record
        assert isinstance(record, WebRecord)
        assert record.amount == kept


def test_a_number_beyond_a_double_costs_its_field() -> None:
    """1e999 is JSON but no number a computer holds: the field is dropped."""
    raw = json.dumps(MESSAGE | {"kind": "call_ended"})[:-1] + ', "talk_seconds": 1e999}'
    decoded = decode_channel_record(Channel.PHONE, raw.encode(), RECEIVED_AT)
    assert isinstance(decoded.record, PhoneRecord)
    assert decoded.record.talk_seconds is None
    assert [p.field for p in decoded.problems] == ["talk_seconds"]


def test_unknown_fields_are_no_fault_and_can_be_named() -> None:
    """Unknown fields are ignored; a sample of good records, and every mended one, names them."""
    raw = json.dumps(MESSAGE | {"colour": 1, "end": {}}).encode()
    assert decode_channel_record(Channel.CHAT, raw).problems == ()
    assert unknown_fields(Channel.CHAT, raw) == ("colour", "end")
    mended = json.dumps(MESSAGE | {"colour": 1, "tags": None}).encode()
    assert decode_channel_record(Channel.CHAT, mended).unknown_fields == ("colour",)


def test_end_reason_keeps_its_raw_word() -> None:
    """An end reason of a new switch is `other`, its word is kept."""
    raw = json.dumps(MESSAGE | {"kind": "call_ended", "end_reason": "fax"}).encode()
    record = decode_channel_record(Channel.PHONE, raw).record
    assert isinstance(record, PhoneRecord)
    assert (record.end_reason, record.attributes) == (EndReason.OTHER, {"end_reason": "fax"})


@pytest.mark.parametrize(
    ("rating", "score", "fault"),
    [
        ({"instrument": "csat", "score": 4}, None, Fault.NO_SCALE),
        ({"instrument": "custom", "score": 4, "scale_max": 5}, None, Fault.NO_SCALE),
        ({"instrument": "csat", "score": 4, "scale_min": 5, "scale_max": 1}, None, Fault.NO_SCALE),
        ({"instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}, 4.0, None),
        ({"instrument": "csat", "score": 9, "scale_min": 1, "scale_max": 5}, None, Fault.OFF_SCALE),
        ({"instrument": "csat", "score": 0, "scale_min": 1, "scale_max": 5}, None, None),
        ({"instrument": "nps", "score": 0}, 0.0, None),
        ({"instrument": "nps", "score": 11}, None, Fault.OFF_SCALE),
        ({"instrument": "ces", "score": 7}, 7.0, None),
        ({"instrument": "stars", "score": 3, "scale_min": 1, "scale_max": 5}, 3.0, "word"),
        ({"instrument": "csat", "score": "4"}, None, Fault.WRONG_TYPE),
    ],
)
def test_a_score_counts_only_on_its_scale(
    rating: dict[str, Any], score: float | None, fault: Fault | str | None
) -> None:
    """A score without a scale is noise, one off its scale no answer, a 0 outside it not rated."""
    record, problems = chat(kind="conversation_rated", rating=rating | {"comment": "so so"})
    assert record.rating is not None
    assert (record.rating.score, record.rating.comment) == (score, "so so")
    expected = [] if fault is None else [Fault.UNKNOWN_WORD if fault == "word" else fault]
    assert [p.fault for p in problems] == expected


def test_a_command_is_read_like_a_record() -> None:
    """Commands keep the same rules: unknown orders are refused, odd optional fields dropped."""
    base = {"source": "crm", "id": 1, "action": "assign", "customer_id": "c1"}
    decoded = decode_command(json.dumps(base | {"tier": ["gold"], "team": "north"}).encode())
    assert (decoded.record.id, decoded.record.team, decoded.record.tier) == ("1", "north", None)
    for changes, reason in (
        ({"action": "delete"}, RejectReason.UNKNOWN_KIND),
        ({"action": None}, RejectReason.MISSING_FIELD),
        ({"version": 9}, RejectReason.UNKNOWN_VERSION),
        ({"occurred_at": "1999-12-31T23:59:59Z"}, RejectReason.TIME_OUT_OF_RANGE),
    ):
        with pytest.raises(MalformedRecord) as caught:
            decode_command(json.dumps(base | changes).encode())
        assert caught.value.reason is reason


def test_events_of_the_one_log_are_told_apart_by_type() -> None:
    """What stands on customer-events is read back as the record it was."""
    event = DeadlineReached(
        deadline_id="d", customer_id="c", wake_at=RECEIVED_AT, read_through_at=RECEIVED_AT
    )
    assert decode_customer_event(encode_json(event)) == event
    for raw in (b"{}", b'{"type":"nonsense"}', b"\xff", b"[" * 100_000):
        with pytest.raises(MalformedRecord):
            decode_customer_event(raw)
