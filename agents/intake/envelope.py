"""Envelopes: a record may come as plain JSON or as a CloudEvent 1.0, structured or binary.

Structured: header `content-type: application/cloudevents+json`, or `specversion` in the body.
Binary: headers `ce_specversion`, `ce_id`, … and the record as value. Batches are refused: one event
must be one Kafka record to have an offset of its own. `ce_id`, `ce_source` and `ce_time` fill in
`id`, `source` and `occurred_at` where the record itself lacks them.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from schemas import limits
from schemas.codec import MalformedRecord, parse_object
from schemas.rejection import RejectReason

Headers = Sequence[tuple[str, bytes | None]]

QUIET_HEADER = "manyi-alerts"
"""With the value `off` it marks history: verdicts are kept, nobody is paged."""

_STRUCTURED = "application/cloudevents"
_BATCH = "application/cloudevents-batch"
_SPECVERSION_KEY = b'"specversion"'
_BINARY_PREFIX = "ce_"
_ATTRIBUTE = re.compile(r"^[a-z0-9]+$")
_MEDIA_TYPE = re.compile(r"^[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(?:;.*)?$")
_JSON_TYPE = re.compile(
    r"^(?:application|text)/(?:[\w!#$&^.+-]*\+)?json\s*(?:;.*)?$", re.IGNORECASE
)
_NOT_SOURCE = re.compile(r"[^a-z0-9._:-]+")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_CORE = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
)
_DATA = frozenset({"data", "data_base64"})


class Opened(msgspec.Struct, frozen=True, gc=False):
    """The record without its envelope. `body` is None where the envelope holds no data.

    `hashed` are the bytes whose hash tells a resend from a changed record: the data alone, so that
    an envelope made anew at every delivery does not make the record a new one.
    """

    body: bytes | None
    hashed: bytes = b""
    quiet: bool = False


def open_envelope(value: bytes, headers: Headers) -> Opened:
    """Take the record out of its envelope; raises `MalformedRecord` (bad_envelope, too_large)."""
    if not headers and _SPECVERSION_KEY not in value:
        return Opened(value, value)
    texts = _texts(headers)
    quiet = texts.get(QUIET_HEADER, "").strip().lower() == "off"
    content_type = texts.get("content-type", "").strip().lower()
    if content_type.startswith(_BATCH):
        raise _bad("a batch of events: send each as a Kafka record of its own")
    if content_type.startswith(_STRUCTURED):
        return _structured(parse_object(_bounded(value)), quiet)
    if "ce_specversion" in texts:
        return _binary(value, texts, quiet)
    if _SPECVERSION_KEY in value and len(value) <= limits.RECORD_BYTES:
        values = _object_or_none(value)
        if values is not None and "specversion" in values:
            return _structured(values, quiet)
    return Opened(value, value, quiet)


def normalise_source(uri: str) -> str:
    """Return a CloudEvents source, a URI reference, in the alphabet of `source`.

    Distinct URIs that differ only in case or punctuation become one name; what would be too long is
    cut and ends in a hash of the whole.
    """
    name = _NOT_SOURCE.sub("-", _SCHEME.sub("", uri.strip().lower())).strip("-")
    if name and len(name) <= limits.SOURCE:
        return name
    digest = blake2b(uri.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{name[: limits.SOURCE - 17]}-{digest}" if name else digest


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Check CloudEvents 1.0 context attributes (null: absent); raises `MalformedRecord`."""
    for name in ("specversion", "id", "source", "type"):
        value = attributes.get(name)
        if not isinstance(value, str) or not value:
            raise _bad(f"attribute {name} must be a text of at least one character")
    if attributes["specversion"] != "1.0":
        raise _bad(f"specversion {attributes['specversion'][:16]!r} is not 1.0")
    for name in ("subject", "dataschema", "datacontenttype", "time"):
        value = attributes.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            raise _bad(f"attribute {name} must be a text of at least one character")
    media_type = attributes.get("datacontenttype")
    if media_type is not None and not _MEDIA_TYPE.match(media_type):
        raise _bad("datacontenttype is not a media type")
    if attributes.get("time") is not None:
        _instant(attributes["time"])
    for name, value in attributes.items():
        if name in _CORE:
            continue
        if not _ATTRIBUTE.match(name):
            raise _bad(f"attribute name {name[:40]!r} is not made of a-z and 0-9")
        if value is not None and not isinstance(value, str | int):
            raise _bad(f"extension {name[:40]} is neither text, integer nor boolean")


def _structured(values: dict[str, Any], quiet: bool) -> Opened:
    attributes = {name: value for name, value in values.items() if name not in _DATA}
    check_attributes(attributes)
    data, encoded = values.get("data"), values.get("data_base64")
    if data is not None and encoded is not None:
        raise _bad("data and data_base64 exclude each other")
    if encoded is not None:
        body = _from_base64(encoded)
    elif data is None:
        return Opened(None, b"", quiet)
    else:
        body = _encoded(data)
    _check_json(attributes.get("datacontenttype"))
    return _filled(body, attributes, quiet)


def _binary(value: bytes, texts: Mapping[str, str], quiet: bool) -> Opened:
    attributes = {
        name[len(_BINARY_PREFIX) :]: text
        for name, text in texts.items()
        if name.startswith(_BINARY_PREFIX)
    }
    if "content-type" in texts:
        attributes["datacontenttype"] = texts["content-type"]
    check_attributes(attributes)
    _check_json(attributes.get("datacontenttype"))
    return _filled(_bounded(value), attributes, quiet)


def _filled(body: bytes, attributes: Mapping[str, Any], quiet: bool) -> Opened:
    """Add the envelope's id, source and time to a record that lacks them."""
    try:
        record = _raw_object.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Opened(body, body, quiet)  # the codec says what is wrong with it, or mends it
    defaults = {
        "id": attributes["id"],
        "source": normalise_source(attributes["source"]),
        "occurred_at": attributes.get("time"),
    }
    lacking = {
        name: msgspec.Raw(msgspec.json.encode(default))
        for name, default in defaults.items()
        if default is not None and record.get(name, _NULL) == _NULL
    }
    if not lacking:
        return Opened(body, body, quiet)
    return Opened(msgspec.json.encode(record | lacking), body, quiet)


_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")


def _texts(headers: Headers) -> dict[str, str]:
    """Return headers by lower-case name; of repeated names the last one holds."""
    return {
        name.lower(): value.decode("utf-8", "replace")
        for name, value in headers
        if value is not None
    }


def _bounded(value: bytes) -> bytes:
    if len(value) > limits.RECORD_BYTES:
        raise MalformedRecord(
            RejectReason.TOO_LARGE, "", f"{len(value)} bytes, at most {limits.RECORD_BYTES}"
        )
    return value


def _object_or_none(value: bytes) -> dict[str, Any] | None:
    try:
        return parse_object(value)
    except MalformedRecord:
        return None


def _check_json(media_type: str | None) -> None:
    if media_type is not None and not _JSON_TYPE.match(media_type):
        raise _bad(f"data is {media_type[:60]}, not JSON")


def _encoded(data: Any) -> bytes:
    try:
        return msgspec.json.encode(data)
    except RecursionError:
        raise MalformedRecord(RejectReason.NOT_JSON, "data", "nested too deeply") from None


def _from_base64(encoded: Any) -> bytes:
    if not isinstance(encoded, str):
        raise _bad("data_base64 is no text")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _bad("data_base64 is not base64") from None


def _instant(text: str) -> None:
    try:
        msgspec.convert(text, _Instant)
    except msgspec.ValidationError:
        raise _bad("time is not RFC 3339 with a zone") from None


_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


def _bad(detail: str) -> MalformedRecord:
    return MalformedRecord(RejectReason.BAD_ENVELOPE, "", detail)
