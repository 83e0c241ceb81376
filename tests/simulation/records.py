"""The input of a run: some records of a few customers within seconds, drawn from a seed.

Small on purpose: what breaks an engine is order and repetition, not volume. Promises are seconds
long (`POLICY`), so clocks run out while workers die.
"""

from datetime import UTC, datetime
from enum import Enum
from random import Random
from typing import Any, NamedTuple

import msgspec

from schemas.common import Channel
from streams import topics
from tests.simulation.loop import EPOCH

__all__ = ["JUDGED_SECONDS", "POLICY", "Fate", "Publication", "publications"]

POLICY = """
version: 1
policies:
  - name: talk
    when: {channel: [phone, chat]}
    targets:
      first_response: {within: 2s, warn: [50%], escalate: [{after: 1s, to: lead}]}
      next_response: {within: 3s}
      total_resolution: {within: 8s, warn: [80%]}
  - name: everyone
    targets:
      first_response: {within: 4s, warn: [50%, 80%]}
      total_resolution: {within: 9s}
"""
JUDGED_SECONDS = 16.0
"""So long after the last record every clock has run out, and its escalations are due."""

PHONE, EMAIL, CHAT, WEB = (topics.CHANNEL_TOPICS[channel] for channel in Channel)
_encode = msgspec.json.Encoder().encode


class Fate(Enum):
    """What must become of a record."""

    TAKEN = "taken"
    REJECTED = "rejected"
    SKIPPED = "skipped"


class Publication(NamedTuple):
    """A record and when it is published, in seconds after the run began."""

    at: float
    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    fate: Fate
    name: str
    """Its id at the publisher; repeated records share one."""


class _Story:
    """Draws records; `at` is the second something happens in."""

    def __init__(self, rng: Random, read: tuple[str, ...], customers: int, hot: float) -> None:
        self.rng = rng
        self.read = read
        self.customers = customers
        self.hot = hot
        self.count = 0

    def customer(self) -> int:
        """Somebody, or the one who writes all the time."""
        return 0 if self.rng.random() < self.hot else self.rng.randrange(self.customers)

    def record(self, at: float) -> tuple[str, dict[str, Any]]:
        """A topic and a record for it."""
        self.count += 1
        topic = self.rng.choice(self.read)
        who = self.customer()
        base: dict[str, Any] = {
            "source": "sim",
            "id": f"r{self.count}",
            "occurred_at": datetime.fromtimestamp(EPOCH + at, UTC).isoformat(),
        }
        make = {PHONE: _phone, EMAIL: _email, CHAT: _chat, WEB: _web, topics.COMMANDS: _command}
        return topic, base | make[topic](self.rng, who)


def _phone(rng: Random, who: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"call_id": f"call{who}", "from_number": f"+861380013800{who}"}
    draw = rng.random()
    if draw < 0.4:
        return fields | {"kind": "call_ended", "direction": "in", "category": "complaint"}
    if draw < 0.7:
        human = {"type": "human", "id": f"rep{rng.randrange(3)}"}
        return fields | {"kind": "call_answered", "direction": "in", "actor": human}
    rating = {"instrument": "csat", "score": rng.randint(1, 5), "scale_min": 1, "scale_max": 5}
    return fields | {"kind": "call_rated", "rating": rating}


def _email(rng: Random, who: int) -> dict[str, Any]:
    mail = {"address": f"u{who}@x.example"}
    thread: dict[str, Any] = {"refs": [{"kind": "order", "value": f"o{who}{rng.randrange(2)}"}]}
    if rng.random() < 0.6:
        angry = {"category": "complaint"} if rng.random() < 0.6 else {"text": "我要投诉!"}
        return thread | {"kind": "email_received", "from": mail, "subject": "order"} | angry
    desk = {"address": "desk@shop.example"}
    human = {"type": "human", "id": "rep1"}
    return thread | {"kind": "email_sent", "from": desk, "to": [mail], "actor": human}


def _chat(rng: Random, who: int) -> dict[str, Any]:
    handles = [{"kind": "chat", "value": f"w{who}"}]
    if rng.random() < 0.5:
        handles.append({"kind": "email", "value": f"u{who}@x.example"})
    fields: dict[str, Any] = {
        "kind": "message",
        "customer": handles,
        "conversation_id": f"conversation{who}",
        "text": rng.choice(["hello", "我要投诉!", "where is it?", "thank you"]),
    }
    if rng.random() < 0.4:
        human = {"type": "human", "id": f"rep{rng.randrange(3)}"}
        return fields | {"direction": "out", "actor": human}
    return fields | {"direction": "in", "actor": {"type": "customer"}}


def _web(rng: Random, who: int) -> dict[str, Any]:
    handles = [{"kind": "crm", "value": f"crm{who}"}]
    if rng.random() < 0.5:
        handles.append({"kind": "phone", "value": f"+861380013800{who}"})
    fields: dict[str, Any] = {"customer": handles}
    if rng.random() < 0.5:
        rating = {"instrument": "nps", "score": rng.randint(0, 10)}
        return fields | {"kind": "survey_answer", "survey_id": "s", "rating": rating}
    profile = {"tier": rng.choice(["vip", "common"]), "region": rng.choice(["CN", "DE"])}
    order = {"order_id": f"o{who}", "amount": "12.50", "currency": "EUR"}
    return fields | {"kind": "purchase", "customer_profile": profile} | order


def _command(rng: Random, who: int) -> dict[str, Any]:
    action = rng.choice(["acknowledge", "resolve", "reopen", "pause", "resume", "comment"])
    handle = rng.choice([("email", f"u{who}@x.example"), ("chat", f"w{who}")])
    return {
        "action": action,
        "reason": "waiting_for_customer",
        "comment": "so it is",
        "customer": [{"kind": handle[0], "value": handle[1]}],
    }


def _broken(rng: Random, value: bytes) -> bytes:
    return rng.choice([value[: len(value) // 2], b"\xff\x00", b"[]", b"", b'{"source":"sim"}'])


def publications(
    rng: Random, count: int, seconds: float, partitions: int, read: tuple[str, ...]
) -> list[Publication]:
    """About `count` records within `seconds`, in the order they are published."""
    story = _Story(rng, read, rng.randint(2, 6), rng.choice([0.0, 0.0, 0.5, 0.9]))
    poison, again = rng.choice([0.0, 0.05, 0.3]), rng.choice([0.0, 0.05, 0.3])
    late = rng.choice([0.0, 0.1])
    found: list[Publication] = []
    for _ in range(count):
        at = rng.random() * seconds
        topic, record = story.record(at)
        value: bytes | None = _encode(record)
        assert value is not None
        fate, name = Fate.TAKEN, record["id"]
        key = f"k{rng.randrange(9)}".encode()
        partition = rng.randrange(partitions)
        published = at + (rng.random() * 4.0 if rng.random() < late else rng.random() * 0.3)
        if rng.random() < poison:
            value = None if rng.random() < 0.2 else _broken(rng, value)
            fate = Fate.SKIPPED if value is None else Fate.REJECTED
        found.append(Publication(published, topic, partition, key, value, fate, name))
        while rng.random() < again:  # a publisher's retry, perhaps into another partition
            where = rng.choice([partition, rng.randrange(partitions)])
            later = published + rng.random() * 3.0
            if fate is Fate.TAKEN and topic != topics.COMMANDS and rng.random() < 0.3:
                record["revision"] = record.get("revision", 0) + 1  # or a correction
                value = _encode(record)
            found.append(Publication(later, topic, where, key, value, fate, name))
    return sorted(found, key=lambda each: each.at)
