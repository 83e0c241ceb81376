"""Journeys as people write them: what happens to a complaint, and what must follow from it."""

from __future__ import annotations

import datetime as dt
from functools import partial
from zoneinfo import ZoneInfo

import msgspec

from agents.complaints.sla.durations import format_duration, parse_duration
from agents.complaints.sla.plan import TARGETS
from agents.complaints.sla.policy_file import digest_of, parse_policy, policy_of_node
from agents.complaints.sla.yaml_reader import Field, Node, Reader, ScalarNode, entry, suggest
from schemas.alert import AlertKind
from schemas.clock import ClockState
from schemas.common import Channel
from schemas.policy import PolicySet

COMMANDS = ("acknowledge", "assign", "pause", "resume", "resolve", "reopen", "change")
ACTORS = ("customer", "staff", "bot", "note")
CUSTOMER_KEYS = ("tier", "region", "timezone", "language", "attributes")
COMPLAINT_KEYS = ("severity", "category", "kind", "team", "priority", "tag")
CHANGES = {"change": ("tier", "severity", "category", "region", "language", "priority"),
           "assign": ("team", "owner"), "staff": ("team",)}  # fmt: skip
"""What a command or a reply may say besides."""
CLOCK_KEYS = ("target", "team", "started", "due", "state", "breached", "ended", "used")
ANNOUNCED_KEYS = ("at", "what", "target", "team", "for")
MAX_EVENTS = 1_000

_NOTHING = ("", "null", "~", "none")
"""How people write that a field is absent, or a list empty."""


class JourneyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `events`. `actor` is customer, staff, bot or note, else `command` is set.

    `complaint` (`COMPLAINT_KEYS`) opens the complaint, whatever the words. `changes` are the new
    values of a change or an assignment, and the team of who replied.
    """

    at: dt.datetime
    arrives: dt.datetime
    number: int
    actor: str = ""
    channel: str = ""
    complaint: dict[str, str] | None = None
    command: str = ""
    reason: str = ""
    changes: dict[str, str] = {}


class Expected(msgspec.Struct, frozen=True):
    """One expected clock or announcement: the fields that are compared, as text, and its line."""

    fields: dict[str, str]
    line: int


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """One YAML document: a policy, a customer, events in order of arrival, and expectations."""

    file: str
    line: int
    name: str
    says: str
    zone: str
    policy: PolicySet
    customer: dict[str, str]
    attributes: dict[str, str]
    events: tuple[JourneyEvent, ...]
    until: dt.datetime
    clocks: tuple[Expected, ...] | None
    announced: tuple[Expected, ...] | None


def parse_journeys(text: str, file: str = "journeys.yaml") -> list[Journey]:
    """All journeys of a YAML text. Raises PolicyError with every problem found."""
    reader = Reader(file)
    journeys = [_journey(reader, document, text) for document in reader.documents(text)]
    reader.done()
    return [journey for journey in journeys if journey is not None]


def format_instant(at: dt.datetime, zone: ZoneInfo) -> str:
    """`2026-03-02 09:00` in the journey's zone; seconds only where there are some."""
    local = at.astimezone(zone)
    text = local.strftime("%Y-%m-%d %H:%M")
    if local.second or local.microsecond:
        text += local.strftime(":%S")
    if local.microsecond:
        text += f".{local.microsecond:06d}".rstrip("0")
    # The hour that comes twice in autumn needs its offset to be told apart.
    return text if _is_plain(local, zone) else f"{text}{local.strftime('%z')}"


def _is_plain(local: dt.datetime, zone: ZoneInfo) -> bool:
    return local.replace(tzinfo=zone, fold=0).utcoffset() == local.utcoffset()


def _journey(reader: Reader, node: Node, text: str) -> Journey | None:
    known = ("journey", "says", "zone", "policy", "customer", "events", "until", "expect")
    required = ("journey", "zone", "policy", "events", "until", "expect")
    before = len(reader.problems)
    fields = reader.mapping(node, "a journey", known, required=required)
    if len(reader.problems) > before:
        return None
    zone = reader.parsed(fields["zone"][1], "zone", _parse_zone) or ZoneInfo("UTC")
    says_node, customer_node = entry(fields, "says"), entry(fields, "customer")
    customer, attributes = _customer(reader, customer_node)
    policy_node = fields["policy"][1]
    events = tuple(_events(reader, fields["events"][1], zone))
    expect = reader.mapping(fields["expect"][1], "expect", ("clocks", "announced"))
    until = reader.parsed(fields["until"][1], "until", lambda text: parse_instant(text, zone))
    if until is None or len(reader.problems) > before:
        policy_of_node(reader, policy_node, "")
        return None
    return Journey(
        file=reader.file,
        line=node.start_mark.line + 1,
        name=reader.text(fields["journey"][1], "journey") or "",
        says="" if says_node is None else reader.text(says_node, "says") or "",
        zone=zone.key,
        policy=policy_of_node(reader, policy_node, _digest(policy_node, text)),
        customer=customer,
        attributes=attributes,
        events=events,
        until=until,
        clocks=_expected(reader, entry(expect, "clocks"), CLOCK_KEYS, zone),
        announced=_expected(reader, entry(expect, "announced"), ANNOUNCED_KEYS, zone),
    )


def _digest(node: Node, text: str) -> str:
    return digest_of(text[node.start_mark.index : node.end_mark.index])


def _parse_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is named {text!r}: write one like Asia/Shanghai") from None


def parse_instant(text: str, zone: ZoneInfo) -> dt.datetime:
    """An instant in UTC; a text without an offset is in `zone`. Raises ValueError."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        how = "write it like 2026-03-02 09:00 or 2026-03-02T09:00:00Z"
        raise ValueError(f"{text!r} is not an instant: {how}") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(dt.UTC)


def _customer(reader: Reader, node: Node | None) -> tuple[dict[str, str], dict[str, str]]:
    if node is None:
        return {}, {}
    fields = reader.mapping(node, "customer", CUSTOMER_KEYS)
    plain = {key: field for key, field in fields.items() if key != "attributes"}
    attributes: dict[str, str] = {}
    if "attributes" in fields:
        entries = reader.mapping(fields["attributes"][1], "attributes", None)
        attributes = _texts(reader, entries)
    return _texts(reader, plain), attributes


def _texts(reader: Reader, fields: dict[str, Field]) -> dict[str, str]:
    read = {key: reader.text(value, key) for key, (_, value) in fields.items()}
    return {key: text for key, text in read.items() if text is not None}


def _events(reader: Reader, node: Node, zone: ZoneInfo) -> list[JourneyEvent]:
    items = reader.sequence(node, "events")
    if len(items) > MAX_EVENTS:
        reader.problem(node, f"more than {MAX_EVENTS} events", "split the journey")
        return []
    read = [_event(reader, item, zone, number) for number, item in enumerate(items)]
    events = [event for event in read if event is not None]
    for earlier, later, item in zip(events, events[1:], items[1:], strict=False):
        if later.arrives < earlier.arrives:
            fix = "events stand in order of arrival; move it up"
            reader.problem(item, "this arrives before the one above it", fix)
    return events


def _event(reader: Reader, node: Node, zone: ZoneInfo, number: int) -> JourneyEvent | None:
    known = (
        "at", "arrives", *ACTORS, "complaint", "command", "reason",
        *dict.fromkeys(key for keys in CHANGES.values() for key in keys),
    )  # fmt: skip
    fields = reader.mapping(node, "an event", known, required=("at",))
    who = [key for key in (*ACTORS, "command") if key in fields]
    if "at" not in fields or len(who) != 1:
        if "at" in fields:
            reader.problem(
                node, "nobody acts here, or several do", "name one of " + ", ".join(ACTORS)
            )
        return None
    at = reader.parsed(fields["at"][1], "at", lambda text: parse_instant(text, zone))
    arrives_node = entry(fields, "arrives")
    arrives = at
    if arrives_node is not None:
        arrives = reader.parsed(arrives_node, "arrives", lambda text: parse_instant(text, zone))
    value = reader.text(fields[who[0]][1], who[0])
    if at is None or arrives is None or value is None:
        return None
    choices = COMMANDS if who[0] == "command" else tuple(Channel)
    if value not in choices:
        reader.problem(fields[who[0]][1], f"unknown {value!r}", suggest(value, choices))
        return None
    complaint_node = entry(fields, "complaint")
    complaint = None
    if complaint_node is not None:
        complaint = _texts(reader, reader.mapping(complaint_node, "complaint", COMPLAINT_KEYS))
    rest = {key: field for key, field in fields.items()
            if key not in ("at", "arrives", who[0], "complaint", "reason")}  # fmt: skip
    changes = _texts(reader, rest)
    allowed = CHANGES.get(value if who[0] == "command" else who[0], ())
    if not changes.keys() <= set(allowed) or (complaint is not None and who[0] != "customer"):
        fix = "`change` changes, `assign` names a team or owner, only a customer complains"
        reader.problem(node, "this event cannot do that", fix)
    reason_node = entry(fields, "reason")
    return JourneyEvent(
        at=at,
        arrives=arrives,
        number=number,
        actor="" if who[0] == "command" else who[0],
        channel="" if who[0] == "command" else value,
        complaint=complaint,
        command=value if who[0] == "command" else "",
        reason="" if reason_node is None else reader.text(reason_node, "reason") or "",
        changes=changes,
    )


def _expected(
    reader: Reader, node: Node | None, known: tuple[str, ...], zone: ZoneInfo
) -> tuple[Expected, ...] | None:
    """The expectations, each field in its one normal form so that texts can be compared."""
    if node is None:
        return None
    if isinstance(node, ScalarNode) and node.value in _NOTHING:
        return ()
    expected: list[Expected] = []
    for item in reader.sequence(node, "expect"):
        fields = reader.mapping(item, "an expectation", known)
        read: dict[str, str | None] = {}
        for key, (_, value) in fields.items():
            if isinstance(value, ScalarNode) and value.value in _NOTHING:
                read[key] = ""
            else:
                read[key] = reader.parsed(value, key, partial(_normal, zone, key))
        kept = {key: text for key, text in read.items() if text is not None}
        expected.append(Expected(kept, item.start_mark.line + 1))
    return tuple(expected)


def _normal(zone: ZoneInfo, key: str, text: str) -> str:
    choices = {"target": TARGETS, "state": tuple(ClockState), "what": tuple(AlertKind)}.get(key)
    if choices is not None and text not in choices:
        raise ValueError(f"unknown {key} {text!r}: {suggest(text, choices)}")
    if key == "used":
        return format_duration(parse_duration(text))
    if key in ("started", "due", "breached", "ended", "at"):
        return format_instant(parse_instant(text, zone), zone)
    return text


__all__ = [
    "Expected",
    "Journey",
    "JourneyEvent",
    "format_instant",
    "parse_journeys",
    "parse_policy",
]
