"""Messy events: what the world publishes on a bad day, each with what must become of it.

`messy_events(count, seed)` yields records as they would stand on Kafka; `Expected` says whether
each must be accepted, rejected (and why) or skipped. The mess is seeded, so a failure repeats.
"""

import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple

from schemas.common import Channel
from schemas.rejection import RejectReason

Headers = tuple[tuple[str, bytes], ...]

SAMPLES: dict[Channel, list[dict[str, Any]]] = {
    Channel.PHONE: [
        {
            "source": "amazon-connect",
            "id": "contact:1",
            "kind": "call_ended",
            "occurred_at": "2026-03-01T10:00:00Z",
            "direction": "in",
            "call_id": "c-1",
            "from_number": "+8613800138000",
            "started_at": "2026-03-01T09:50:00Z",
            "queued_at": "2026-03-01T09:51:00Z",
            "answered_at": "2026-03-01T09:52:00Z",
            "queue_wait_seconds": 60,
            "actor": {"type": "human", "id": "agent-7"},
            "refs": [{"kind": "order", "value": "4711"}],
        },
        {
            "source": "tccc:2",
            "id": "csat:9",
            "kind": "call_rated",
            "occurred_at": "2026-03-01T10:01:00+08:00",
            "customer": [{"kind": "phone", "value": "+8613800138001"}],
            "rating": {
                "instrument": "csat",
                "score": 1,
                "scale_min": 1,
                "scale_max": 5,
                "reversed": True,
            },
        },
    ],
    Channel.EMAIL: [
        {
            "source": "imap:support",
            "id": "m2@x.example",
            "kind": "email_received",
            "occurred_at": "2026-03-01T10:00:00Z",
            "message_id": "m2@x.example",
            "in_reply_to": ["m1@x.example"],
            "references": ["m0@x.example", "m1@x.example"],
            "from": {"address": "Ann@Example.com", "name": "Ann Lee"},
            "to": [{"address": "support@shop.example"}],
            "subject": "Re: order 4711",
            "text": "Where is it?\n\n> thank you for your order",
        }
    ],
    Channel.CHAT: [
        {
            "source": "chatwoot:1",
            "id": "message:55",
            "kind": "message",
            "occurred_at": "2026-03-01T10:00:00Z",
            "direction": "in",
            "actor": {"type": "customer"},
            "customer": [
                {"kind": "chat", "value": "u1"},
                {"kind": "email", "value": "u1@x.example"},
            ],
            "conversation_id": "9",
            "text": "我要投诉 😡",
        }
    ],
    Channel.WEB: [
        {
            "source": "shop",
            "id": "order:4711",
            "kind": "purchase",
            "occurred_at": "2026-03-01T10:00:00Z",
            "customer": [{"kind": "crm", "value": "c7"}],
            "order_id": "4711",
            "amount": "12.50",
            "currency": "EUR",
        },
        {
            "source": "typeform",
            "id": "a:1",
            "kind": "survey_answer",
            "occurred_at": "2026-03-01T10:00:00Z",
            "customer": [{"kind": "crm", "value": "c7"}],
            "survey_id": "s1",
            "rating": {"instrument": "nps", "score": 3, "comment": "slow"},
        },
    ],
}
"""Good records of every channel, to make bad ones of."""


class Outcome(StrEnum):
    """What must become of a messy event."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SKIPPED = "skipped"


class Expected(NamedTuple):
    """The class of an event; `reason` only where it must be rejected; `mess` says what it is."""

    outcome: Outcome
    reason: RejectReason | None
    mess: str


class MessyEvent(NamedTuple):
    """A record as it stands on Kafka, with what must become of it."""

    channel: Channel
    key: bytes | None
    value: bytes | None
    headers: Headers
    expected: Expected


Mess = Callable[[Random, dict[str, Any]], bytes | None]


def messy_events(count: int, seed: int) -> Iterator[MessyEvent]:
    """Yield `count` events, every sort of mess in turn, the same ones for the same seed.

    Ids are unique but for `duplicate id`, which repeats the event before it byte for byte: intake
    accepts both, the customer's row must count the second as a duplicate.
    """
    rng = Random(seed)
    previous: MessyEvent | None = None
    for number in range(count):
        name, expected, make = _MESSES[number % len(_MESSES)]
        if name == "duplicate id" and previous is not None:
            yield previous._replace(expected=expected)
            continue
        channel = rng.choice(list(Channel))
        record = dict(rng.choice(SAMPLES[channel])) | {"id": f"messy-{seed}-{number}"}
        key = rng.choice([None, b"", str(number).encode()])
        event = MessyEvent(channel, key, make(rng, record), (), expected)
        if expected.outcome is Outcome.ACCEPTED:
            previous = event
        yield event


def _changed(**changes: Any) -> Mess:
    return lambda rng, record: _dump(record | changes)


def _dump(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


def _without(name: str) -> Mess:
    return lambda rng, record: _dump({k: v for k, v in record.items() if k != name})


def _cut(rng: Random, record: dict[str, Any]) -> bytes:
    raw = _dump(record)
    return raw[: rng.randrange(1, len(raw))]


def _noise(rng: Random, record: dict[str, Any]) -> bytes:
    return b"\xff" + rng.randbytes(40)


def _five_megabytes(rng: Random, record: dict[str, Any]) -> bytes:
    return _dump(record | {"text": "x" * 5_000_000})


def _all_null(rng: Random, record: dict[str, Any]) -> bytes:
    return _dump(dict.fromkeys(["tags", "text", "rating_", "attributes", "language"]) | record)


def _raw(value: bytes | None) -> Mess:
    return lambda rng, record: value


def _accepted(name: str, make: Mess) -> tuple[str, Expected, Mess]:
    return name, Expected(Outcome.ACCEPTED, None, name), make


def _rejected(name: str, reason: RejectReason, make: Mess) -> tuple[str, Expected, Mess]:
    return name, Expected(Outcome.REJECTED, reason, name), make


_MESSES: list[tuple[str, Expected, Mess]] = [
    _accepted("good", _changed()),
    _accepted("duplicate id", _changed()),
    _rejected("cut in the middle", RejectReason.NOT_JSON, _cut),
    _rejected("no text at all", RejectReason.NOT_JSON, _noise),
    _rejected("empty value", RejectReason.NOT_JSON, _raw(b"")),
    _rejected("a list", RejectReason.NOT_AN_OBJECT, _raw(b'[{"id": "1"}]')),
    _rejected("NaN", RejectReason.NOT_JSON, _changed(sequence=float("nan"))),
    _rejected(
        "deep nesting", RejectReason.NOT_JSON, _raw(b'{"a":' * 60_000 + b"1" + b"}" * 60_000)
    ),
    _rejected("five megabytes", RejectReason.TOO_LARGE, _five_megabytes),
    _rejected("version of tomorrow", RejectReason.UNKNOWN_VERSION, _changed(version=2)),
    _rejected("unknown kind", RejectReason.UNKNOWN_KIND, _changed(kind="telepathy")),
    _rejected("no id", RejectReason.MISSING_FIELD, _without("id")),
    _rejected("id null", RejectReason.MISSING_FIELD, _changed(id=None)),
    _rejected("id an object", RejectReason.INVALID_FIELD, _changed(id={"$oid": "1"})),
    _rejected("source with a space", RejectReason.INVALID_FIELD, _changed(source="My CRM")),
    _rejected("no time", RejectReason.MISSING_FIELD, _without("occurred_at")),
    _rejected(
        "time without a zone",
        RejectReason.INVALID_FIELD,
        _changed(occurred_at="2026-03-01 10:00:00"),
    ),
    _rejected("an epoch", RejectReason.INVALID_FIELD, _changed(occurred_at=1_772_359_200_000)),
    _rejected("1970", RejectReason.TIME_OUT_OF_RANGE, _changed(occurred_at="1970-01-01T00:00:00Z")),
    _rejected("2099", RejectReason.TIME_OUT_OF_RANGE, _changed(occurred_at="2099-12-31T23:59:59Z")),
    _rejected(
        "nobody",
        RejectReason.NO_CUSTOMER,
        lambda rng, record: _dump(
            {k: record[k] for k in ("source", "id", "kind", "occurred_at")}
            | {"rating": {"instrument": "nps", "score": 5}}
            | {"customer": [{"kind": "crm", "value": "0"}]}
        ),
    ),
    _accepted(
        "arrival time", lambda rng, r: _dump(r | {"occurred_at": None, "time_quality": "arrival"})
    ),
    _accepted("wrong types", _changed(tags="a", attributes=[], sequence="7", team={"id": 1})),
    _accepted("nulls", _all_null),
    _accepted("NUL and surrogates", _changed(customer_name="A\x00\ud800", tags=["\udfff", "\x00"])),
    _accepted("emoji", _changed(customer_name="👩‍👩‍👧‍👦 🇨🇳", category="😡")),
    _accepted("unknown words", _changed(visibility="public", language="tlh", time_quality="guess")),
    _accepted("unknown fields", _changed(colour="red", nested={"a": [1, {"b": None}]})),
    _accepted("long lists", _changed(tags=["t"] * 5_000)),
    _accepted("a number as id", lambda rng, r: _dump(r | {"id": 10**17 + rng.getrandbits(56)})),
    ("tombstone", Expected(Outcome.SKIPPED, None, "tombstone"), _raw(None)),
]
"""Name, what must become of it, and how it is made."""

MESSES = len(_MESSES)
"""Sorts of mess; a run of this many events holds each once."""
