"""CloudEvents in both modes, plain JSON beside them, and what the envelope fills in."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from agents.intake.envelope import Opened, check_attributes, normalise_source, open_envelope
from schemas.codec import MalformedRecord
from schemas.common import SourceName
from schemas.limits import RECORD_BYTES
from schemas.rejection import RejectReason

STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
DATA = {"kind": "message", "text": "hello"}
EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "https://Chat.Example/acme",
    "type": "chat.message",
    "time": "2026-03-01T10:00:00Z",
    "data": DATA,
}
BINARY = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"/chat"),
    ("ce_type", b"chat.message"),
    ("ce_time", b"2026-03-01T10:00:00Z"),
    ("content-type", b"application/json"),
)


def refusal(value: bytes, headers: Any = ()) -> MalformedRecord:
    """Open an envelope that must be refused."""
    with pytest.raises(MalformedRecord) as caught:
        open_envelope(value, headers)
    return caught.value


def opened(event: Any, headers: Any = STRUCTURED) -> dict[str, Any] | None:
    """Open an envelope and parse the record in it."""
    body = open_envelope(json.dumps(event).encode(), headers).body
    return None if body is None else json.loads(body)


def test_plain_json_is_left_alone() -> None:
    """Without an envelope the bytes are the record."""
    raw = b'{"text": "the \\"specversion\\" of it"}'
    assert open_envelope(raw, ()) == Opened(raw, raw, False)
    nested = b'{"attributes": {"specversion": "9"}}'
    assert open_envelope(nested, ()).body == nested


def test_a_structured_event_is_opened_by_header_or_by_body() -> None:
    """The envelope's id, source and time become the record's where it has none."""
    expected = DATA | {
        "id": "e-1",
        "source": "chat.example-acme",
        "occurred_at": "2026-03-01T10:00:00Z",
    }
    assert opened(EVENT) == expected
    assert opened(EVENT, ()) == expected


def test_what_the_record_says_itself_holds() -> None:
    """The envelope fills gaps, and a null is a gap; it never overwrites."""
    data = DATA | {"id": "message:7", "source": None, "occurred_at": "2026-02-01T00:00:00Z"}
    record = opened(EVENT | {"data": data})
    assert record is not None
    assert (record["id"], record["source"]) == ("message:7", "chat.example-acme")
    assert record["occurred_at"] == "2026-02-01T00:00:00Z"


def test_a_binary_event_is_opened_by_its_headers() -> None:
    """Header names count in any case; the value is the record."""
    for headers in (BINARY, tuple((name.upper(), value) for name, value in BINARY)):
        record = opened(DATA, headers)
        assert record == DATA | {
            "id": "e-1",
            "source": "chat",
            "occurred_at": "2026-03-01T10:00:00Z",
        }


def test_base64_data_is_decoded() -> None:
    """`data_base64` holds the same record."""
    event = {k: v for k, v in EVENT.items() if k != "data"}
    encoded = base64.b64encode(json.dumps(DATA | {"id": "x"}).encode()).decode()
    record = opened(event | {"data_base64": encoded})
    assert record is not None
    assert record["id"] == "x"
    error = refusal(json.dumps(event | {"data_base64": "%%%"}).encode(), STRUCTURED)
    assert error.reason is RejectReason.BAD_ENVELOPE


def test_an_event_without_data_is_an_empty_envelope() -> None:
    """A null or absent `data` is no record, and no fault."""
    assert opened(EVENT | {"data": None}) is None
    assert opened({k: v for k, v in EVENT.items() if k != "data"}) is None


def test_the_hash_is_of_the_data_alone() -> None:
    """A redelivery in a new envelope is the same record."""
    later = EVENT | {"time": "2026-03-01T11:00:00Z"}
    one, two = (open_envelope(json.dumps(e).encode(), STRUCTURED).hashed for e in (EVENT, later))
    assert one == two == b'{"kind":"message","text":"hello"}'


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ((("Content-Type", b"application/cloudevents-batch+json"),), b"[]"),
        ((*BINARY[:-1], ("content-type", b"text/plain")), b"{}"),
        (tuple(h for h in BINARY if h[0] != "ce_id"), b"{}"),
        ((("ce_specversion", b"0.3"), *BINARY[1:]), b"{}"),
        (STRUCTURED, json.dumps(EVENT | {"datacontenttype": "application/xml"}).encode()),
        (STRUCTURED, json.dumps(EVENT | {"data_base64": "e30="}).encode()),
    ],
)
def test_a_broken_envelope_is_refused(headers: Any, value: bytes) -> None:
    """Batches, other versions, missing attributes and data that is not JSON are refused."""
    assert refusal(value, headers).reason is RejectReason.BAD_ENVELOPE


def test_what_is_no_json_in_an_envelope_is_refused_as_such() -> None:
    """The reason is that of the body, not of the envelope."""
    assert refusal(b"{", STRUCTURED).reason is RejectReason.NOT_JSON
    assert refusal(b"[]", STRUCTURED).reason is RejectReason.NOT_AN_OBJECT
    assert refusal(b" " * (RECORD_BYTES + 1), STRUCTURED).reason is RejectReason.TOO_LARGE
    assert refusal(b" " * (RECORD_BYTES + 1), BINARY).reason is RejectReason.TOO_LARGE


def test_the_quiet_header_marks_history() -> None:
    """`manyi-alerts: off`, in any case, keeps the record from paging anybody."""
    assert open_envelope(b"{}", (("Manyi-Alerts", b" OFF "),)).quiet
    assert not open_envelope(b"{}", (("manyi-alerts", b"on"), ("trace", None))).quiet


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://cloudevents.io", "cloudevents.io"),
        ("urn:uuid:6e8bc430", "urn:uuid:6e8bc430"),
        ("/Sensors/tn 12/", "sensors-tn-12"),
        ("chatwoot:1", "chatwoot:1"),
    ],
)
def test_sources_become_names(uri: str, name: str) -> None:
    """A source is a URI reference; ours is a name."""
    assert normalise_source(uri) == name


@pytest.mark.parametrize("uri", ["#", "满意", "https://x.example/" + "y" * 500])
def test_sources_without_a_usable_name_get_a_hash(uri: str) -> None:
    """Distinct long sources stay distinct, and every name keeps the alphabet."""
    import msgspec

    name = normalise_source(uri)
    assert msgspec.convert(name, SourceName) == name == normalise_source(uri)
    assert name != normalise_source(uri + "z")


def cloudevents(shared_data: Path, kind: str) -> list[dict[str, Any]]:
    """Return the conformance events of one kind."""
    tests = json.loads((shared_data / "cloudevents" / f"{kind}-events.json").read_text())["tests"]
    assert len(tests) >= 10
    return list(tests)


def test_valid_events_of_the_conformance_set_are_accepted(shared_data: Path) -> None:
    """Every valid event is opened, or refused for data that is no JSON and for nothing else."""
    for test in cloudevents(shared_data, "valid"):
        event = test["event"]
        check_attributes({k: v for k, v in event.items() if k not in ("data", "data_base64")})
        raw = json.dumps(event).encode()
        if event.get("data") is None:
            assert open_envelope(raw, STRUCTURED).body is None
        else:
            assert "not JSON" in refusal(raw, STRUCTURED).detail


def test_invalid_events_of_the_conformance_set_are_refused(shared_data: Path) -> None:
    """Every invalid event is refused as a bad envelope."""
    for test in cloudevents(shared_data, "invalid"):
        error = refusal(json.dumps(test["event"]).encode(), STRUCTURED)
        assert error.reason is RejectReason.BAD_ENVELOPE, test["id"]
