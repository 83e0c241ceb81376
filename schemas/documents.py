"""The contract for readers and machines: JSON Schema per record, one AsyncAPI document for all.

`python -m schemas.documents docs` writes them; a test keeps what is checked in current. Topic
settings are repeated from streams/topics.py, which this package must not import; a test compares.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas import limits
from schemas.alert import SlaAlert
from schemas.chat import ChatRecord
from schemas.command import Command, CommandGiven
from schemas.complaint import Complaint
from schemas.email import EmailRecord
from schemas.events import (
    DeadlineReached,
    IdentityLink,
    PolicyChanged,
    PolicyPublished,
    PolicyReached,
    PolicySettled,
)
from schemas.interaction import Interaction
from schemas.merging import ComplaintsMoved, CustomersMerged, Forwarded, MergeUndone
from schemas.phone import PhoneRecord
from schemas.rejection import DeadLetterHeader, RejectReason
from schemas.satisfaction import SurveyAnswer
from schemas.web import WebRecord

CONTRACT_VERSION = "1.0.0"
"""Version of the contract: the first number grows when a record's `version` does."""

DAY_MS = 86_400_000
PARTITIONS = 8


class Topic(NamedTuple):
    """A topic as the contract shows it: what stands on it, under which key, kept how long."""

    name: str
    about: str
    records: tuple[type[msgspec.Struct], ...]
    key: str
    actions: tuple[str, ...]
    compacted: bool = False
    days: int | None = 14
    partitions: int = PARTITIONS

    def configuration(self) -> dict[str, Any]:
        """Return Kafka's own settings of the topic."""
        return {
            "cleanup.policy": ["compact" if self.compacted else "delete"],
            "retention.ms": -1 if self.days is None else self.days * DAY_MS,
            "max.message.bytes": limits.TOPIC_MESSAGE_BYTES,
        }


def _intake(channel: str, record: type[msgspec.Struct]) -> Topic:
    return Topic(
        f"interactions.{channel}.v1",
        f"What {channel} systems publish. The key is theirs to choose.",
        (record,),
        "free",
        ("receive",),
    )


TOPICS: tuple[Topic, ...] = (
    _intake("phone", PhoneRecord),
    _intake("email", EmailRecord),
    _intake("chat", ChatRecord),
    _intake("web", WebRecord),
    Topic(
        "commands.v1",
        "What staff tell manyi to do with a complaint.",
        (Command,),
        "free",
        ("receive",),
    ),
    Topic(
        "customer-events.v1",
        "The one log per customer; the field `type` tells its records apart.",
        (
            Interaction,
            CommandGiven,
            DeadlineReached,
            CustomersMerged,
            ComplaintsMoved,
            Forwarded,
            MergeUndone,
            PolicyChanged,
            PolicyReached,
            PolicySettled,
        ),
        "customer_id",
        ("send", "receive"),
        days=90,
    ),
    Topic(
        "sla-policies.v1",
        "Every version of the policy file; the latest `published_at` is in force.",
        (PolicyPublished,),
        "digest of the version",
        ("send", "receive"),
        compacted=True,
        days=None,
        partitions=1,
    ),
    Topic(
        "complaints.v1",
        "Every change of a complaint; the last one per complaint stays.",
        (Complaint,),
        "complaint_id",
        ("send",),
        compacted=True,
        days=None,
    ),
    Topic(
        "sla-alerts.v1",
        "Announcements about clocks. Consumers drop an `alert_id` they have seen.",
        (SlaAlert,),
        "complaint_id",
        ("send",),
        days=90,
    ),
    Topic(
        "satisfaction-scores.v1",
        "Every counted answer. The same `interaction_id` again replaces it; no score: withdrawn.",
        (SurveyAnswer,),
        "customer_id",
        ("send",),
        days=90,
    ),
    Topic(
        "identity-links.v1",
        "Which handle belongs to which customer; of several links that with the highest epoch.",
        (IdentityLink,),
        "handle#epoch",
        ("send",),
        compacted=True,
        days=None,
    ),
    Topic(
        "conversation-links.v1",
        "Which conversation or order belongs to which customer, for records that name nobody.",
        (IdentityLink,),
        "handle#epoch",
        ("send",),
        days=31,
    ),
)
"""The topics other systems may write or read; changelogs are manyi's own and not listed."""

RECORDS: tuple[type[msgspec.Struct], ...] = tuple(
    record for topic in TOPICS for record in topic.records
)

_DEAD_LETTERS_OF = ("interactions.{channel}.v1", "commands.v1", "customer-events.v1")


def kebab(name: str) -> str:
    """Return a class name as it is written in file names: `PhoneRecord`, `phone-record`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def documents() -> Iterator[tuple[str, str]]:
    """Yield every document as its path below docs/ and its text."""
    for record in RECORDS:
        yield f"schemas/{kebab(record.__name__)}.schema.json", _text(json_schema(record))
    yield "asyncapi.json", _text(asyncapi())


def json_schema(record: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one record, complete in itself."""
    (reference,), components = msgspec.json.schema_components(
        [record], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:manyi:{kebab(record.__name__)}:v1",
        **reference,
        "$defs": components,
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document: channels, operations as manyi does them, messages."""
    _, schemas = msgspec.json.schema_components(RECORDS, ref_template="#/components/schemas/{name}")
    channels = {topic.name: _channel(topic) for topic in TOPICS}
    channels["dead-letters"] = _dead_letter_channel()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "manyi",
            "version": CONTRACT_VERSION,
            "description": (
                "Live customer satisfaction on Kafka. Records are JSON, one per Kafka record, "
                f"at most {limits.RECORD_BYTES} bytes; plain or as CloudEvents 1.0 "
                "(structured or binary). See contract.md."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": dict(_operations()),
        "components": {
            "schemas": {**schemas, **_header_schemas()},
            "messages": {record.__name__: _message(record) for record in RECORDS}
            | {"DeadLetter": _dead_letter()},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.about,
        "messages": {
            record.__name__: {"$ref": f"#/components/messages/{record.__name__}"}
            for record in topic.records
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": topic.configuration(),
                "bindingVersion": "0.5.0",
            }
        },
    }


def _dead_letter_channel() -> dict[str, Any]:
    return {
        "address": "{topic}.dlq",
        "description": (
            "What could not be read: key, value and headers of the original untouched, the reason "
            f"in further headers. Exists for {', '.join(_DEAD_LETTERS_OF)}."
        ),
        "parameters": {"topic": {"description": "the topic the record came from"}},
        "messages": {"DeadLetter": {"$ref": "#/components/messages/DeadLetter"}},
        "bindings": {
            "kafka": {
                "partitions": 1,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": 90 * DAY_MS,
                    "max.message.bytes": limits.DEAD_LETTER_BYTES,
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in TOPICS:
        for action in topic.actions:
            name = re.sub(r"[^A-Za-z0-9]+", "_", f"{action} {topic.name.removesuffix('.v1')}")
            yield name, _operation(action, topic.name)
    yield "send_dead_letters", _operation("send", "dead-letters")


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _message(record: type[msgspec.Struct]) -> dict[str, Any]:
    name = record.__name__
    topic = next(topic for topic in TOPICS if record in topic.records)
    message: dict[str, Any] = {
        "name": name,
        "title": (record.__doc__ or name).strip().splitlines()[0],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }
    if "receive" in topic.actions and topic.key == "free":
        message["headers"] = {"$ref": "#/components/schemas/RecordHeaders"}
    else:
        message["bindings"] = {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "bindingVersion": "0.5.0",
            }
        }
    return message


def _dead_letter() -> dict[str, Any]:
    return {
        "name": "DeadLetter",
        "title": "A record that could not be read, with its reason in the headers",
        "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
        "payload": {"description": "the bytes of the original record"},
    }


def _header_schemas() -> dict[str, Any]:
    text = {"type": "string"}
    optional: Mapping[str, str] = {
        "content-type": "application/json, or application/cloudevents+json for structured mode",
        "ce_specversion": "1.0: the record is a CloudEvent in binary mode",
        "ce_id": "stands in for `id` where the record has none",
        "ce_source": "stands in for `source` where the record has none",
        "ce_type": "required by CloudEvents, not read",
        "ce_time": "stands in for `occurred_at` where the record has none",
        "manyi-alerts": "off: history; verdicts are kept, nobody is paged",
    }
    dead_letter: dict[str, Any] = {header.value: text for header in DeadLetterHeader}
    dead_letter[DeadLetterHeader.REASON.value] = {
        "type": "string",
        "description": f"such as {', '.join(reason.value for reason in RejectReason)}",
    }
    return {
        "RecordHeaders": {
            "type": "object",
            "description": "All optional.",
            "properties": {name: text | {"description": d} for name, d in optional.items()},
        },
        "DeadLetterHeaders": {
            "type": "object",
            "description": "UTF-8 texts, added to the headers of the original.",
            "properties": dead_letter,
            "required": sorted(dead_letter),
        },
    }


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(directory: Path) -> None:
    """Write all documents below `directory`."""
    for name, text in documents():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m schemas.documents DIRECTORY")
    main(Path(sys.argv[1]))
