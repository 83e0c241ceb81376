"""What goes wrong between a publisher and Kafka: late, doubled and broken records."""

from collections.abc import Callable
from typing import Any

import orjson

from agents.simulation.world import Emission, EventClass, World

LATE_SHARE = 0.01
DUPLICATE_SHARE = 0.01
JITTER_SHARE = 0.05
"""Records overtaken by younger ones of the same customer, by seconds."""


def delay_of(w: World) -> tuple[int, bool]:
    """Milliseconds a record is under way, and whether that is late rather than jitter."""
    draw = w.rng.random()
    if draw < LATE_SHARE:
        return w.wait_ms(2 * 3600, 1.2), True
    if draw < LATE_SHARE + JITTER_SHARE:
        return w.wait_ms(20, 1.0), False
    return 0, False


def duplicate_of(w: World, emission: Emission) -> Emission | None:
    """The same record once more, as a publisher's retry sends it; None for most."""
    if not w.chance(DUPLICATE_SHARE):
        return None
    return emission._replace(at_ms=emission.at_ms + w.wait_ms(30, 1.5), label=EventClass.DUPLICATE)


Fault = Callable[[World, dict[str, Any]], bytes]


def _cut_short(w: World, record: dict[str, Any]) -> bytes:
    body = orjson.dumps(record)
    return body[: max(1, int(len(body) * w.rng.uniform(0.1, 0.9)))]


def _not_json(w: World, record: dict[str, Any]) -> bytes:
    return w.pick((b"", b"null", b"[]", b"\x00\xff\xfe\x80binary", b"<xml><call/></xml>", b"42"))


def _unknown_kind(w: World, record: dict[str, Any]) -> bytes:
    return orjson.dumps({**record, _kind_field(record): "teleported"})


def _no_id(w: World, record: dict[str, Any]) -> bytes:
    return orjson.dumps({key: value for key, value in record.items() if key != "id"})


def _wrong_type(w: World, record: dict[str, Any]) -> bytes:
    return orjson.dumps({**record, "source": {"system": "unknown"}})


def _future_time(w: World, record: dict[str, Any]) -> bytes:
    # An epoch read in the wrong unit; a thousand years off, so that no replay catches up with it.
    return orjson.dumps({**record, "occurred_at": "2999-12-31T23:59:59Z"})


def _newer_version(w: World, record: dict[str, Any]) -> bytes:
    return orjson.dumps({**record, "version": 99})


def _kind_field(record: dict[str, Any]) -> str:
    return "kind" if "kind" in record else "action"


FAULTS: dict[str, Fault] = {
    "cut_short": _cut_short,
    "not_json": _not_json,
    "unknown_kind": _unknown_kind,
    "no_id": _no_id,
    "wrong_type": _wrong_type,
    "future_time": _future_time,
    "newer_version": _newer_version,
}
"""Ways to break a record so that it cannot be taken in; none of them is ever valid by chance."""


def _extra_fields(w: World, record: dict[str, Any]) -> bytes:
    return orjson.dumps({**record, "x_trace": "7f3a", "beta": {"nested": [1, 2]}})


def _wrong_optional(w: World, record: dict[str, Any]) -> bytes:
    return orjson.dumps({**record, "language": 5, "tags": "not a list"})


def _nul_in_text(w: World, record: dict[str, Any]) -> bytes:
    return orjson.dumps({**record, "text": f"\x00{record.get('text', 'ok')}\x00"})


def _lone_surrogate(w: World, record: dict[str, Any]) -> bytes:
    # Half an emoji, as systems write it that cut texts by UTF-16 units; orjson refuses to.
    body = orjson.dumps({**record, "text": f"{record.get('text', 'ok')}@@"})
    return body.replace(b"@@", b"\\ud83d")


ODDITIES: dict[str, Fault] = {
    "extra_fields": _extra_fields,
    "wrong_optional": _wrong_optional,
    "nul_in_text": _nul_in_text,
    "lone_surrogate": _lone_surrogate,
}
"""Ways to bend a record that must be taken in all the same."""

_FAULT_NAMES = tuple(FAULTS)
_ODDITY_NAMES = tuple(ODDITIES)
_ONLY_RECORDS = ("future_time", "newer_version")


def broken(w: World, emission: Emission) -> tuple[bytes, str]:
    """A broken copy of a record, sent beside the good one, and the name of its fault.

    The copy has an id of its own, so that it can never count as a duplicate of the good one.
    """
    name = w.pick(_FAULT_NAMES)
    if emission.channel == "commands" and name in _ONLY_RECORDS:
        name = "unknown_kind"
    record = {**emission.record, "id": w.next_id("broken")}
    return FAULTS[name](w, record), name


def bent(w: World, emission: Emission) -> tuple[bytes, str]:
    """The record itself in an odd but acceptable form, and the name of the oddity."""
    name = w.pick(_ODDITY_NAMES)
    return ODDITIES[name](w, emission.record), name
