"""The written contract is the one the code keeps: golden files, JSON Schemas, AsyncAPI."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from schemas.codec import (
    RECORD_TYPES,
    decode_as,
    decode_channel_record,
    encode_json,
    unknown_fields,
)
from schemas.common import Channel
from schemas.documents import RECORDS, TOPICS, asyncapi, documents, json_schema, kebab
from streams import topics

GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).resolve().parents[2] / "docs"


def golden(record: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the golden file of a record's first version: every field, none at its default."""
    loaded: dict[str, Any] = json.loads((GOLDEN / f"{kebab(record.__name__)}.v1.json").read_text())
    return loaded


def without_version(value: Any) -> Any:
    """Leave out `version: 1`, which is a default and not written."""
    if isinstance(value, dict):
        return {k: without_version(v) for k, v in value.items() if (k, v) != ("version", 1)}
    return value


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_golden_record_is_read_and_written_as_ever(record: type[msgspec.Struct]) -> None:
    """What was published by an earlier release decodes, and encodes to the same JSON."""
    stored = golden(record)
    decoded = decode_as(record, json.dumps(stored).encode())
    assert json.loads(encode_json(decoded)) == without_version(stored)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_golden_file_holds_every_field(record: type[msgspec.Struct]) -> None:
    """A field added to a record is added to its golden file, so that it cannot be lost later."""
    info = msgspec.inspect.type_info(record)
    assert isinstance(info, msgspec.inspect.StructType)
    assert {field.encode_name for field in info.fields} <= set(golden(record))


@pytest.mark.parametrize("channel", Channel)
def test_golden_channel_records_need_no_mending(channel: Channel) -> None:
    """The lenient reader finds nothing to complain about."""
    raw = json.dumps(golden(RECORD_TYPES[channel])).encode()
    assert decode_channel_record(channel, raw).problems == ()
    assert unknown_fields(channel, raw) == ()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_golden_records_keep_their_json_schema(record: type[msgspec.Struct]) -> None:
    """The schema accepts what the code accepts, and refuses a record without its first field."""
    schema = json_schema(record)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    stored = golden(record)
    validator.validate(stored)
    required = schema["$defs"][record.__name__]["required"]
    broken = {k: v for k, v in stored.items() if k != required[0]}
    assert not validator.is_valid(broken)


def test_the_written_documents_are_current() -> None:
    """After a change of a record, run `make docs`."""
    stale = [
        name
        for name, text in documents()
        if not (DOCS / name).is_file() or (DOCS / name).read_text() != text
    ]
    assert stale == []


def test_topics_are_described_as_they_are_created() -> None:
    """Names, partitions, clean-up and retention in AsyncAPI are those of streams/topics.py."""
    described = {topic.name: topic for topic in TOPICS}
    created = {line.name: line for line in topics.topics()}
    hidden = set(topics.DEAD_LETTER_TOPICS)
    assert set(described) == {
        name for name in created if name not in hidden and "changelog" not in name
    }
    channels = asyncapi()["channels"]
    for name in described:
        binding = channels[name]["bindings"]["kafka"]
        configuration = binding["topicConfiguration"]
        assert binding["partitions"] == created[name].partitions
        for setting, value in configuration.items():
            written = ",".join(value) if isinstance(value, list) else str(value)
            assert created[name].configs[setting] == written


def test_references_in_asyncapi_lead_somewhere() -> None:
    """Every `$ref` names a part of the document."""
    document = asyncapi()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [r for value in node.values() for r in references(value)]
        if isinstance(node, list):
            return [r for value in node for r in references(value)]
        return []

    found = references(document)
    assert len(found) > 50
    for reference in found:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
