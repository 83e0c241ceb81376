"""Which format a file has: by its name, else by its first bytes."""

import csv
import re
from enum import StrEnum

from streams.importing.files import OpenFile
from streams.importing.rows import DELIMITERS


class Format(StrEnum):
    """The formats `manyi import` reads."""

    CSV = "csv"
    JSONL = "jsonl"
    JSON = "json"
    MBOX = "mbox"
    EML = "eml"

    @property
    def is_mail(self) -> bool:
        """Whether its records are mails, which need no mapping."""
        return self in (Format.MBOX, Format.EML)


SNIFFED_LINES = 20
"""How many lines must look like a table before a file without a telling name is taken for one."""

SNIFFED_LEAST = 3
"""How many there must be: two lines with a comma each are easily prose."""

_SUFFIXES = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".mbox": Format.MBOX,
    ".eml": Format.EML,
}
_HEADER_FIELD = re.compile(rb"^[!-9;-~]{1,80}[ \t]*:")
_MAIL_FIELD = re.compile(
    rb"(?im)^(?:from|to|subject|date|received|message-id|return-path|mime-version|content-type"
    rb"|reply-to|delivered-to|x-[a-z0-9-]{1,60}) ?:"
)
_CONTINUATION = re.compile(rb"^[ \t]")
_MAILBOX_LINE = re.compile(rb"(?m)^From \S+.{10,80}\d{4}\s*$")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_OBJECT_LINE = re.compile(rb"^\{.*\}\s*$")


def detect(file: OpenFile) -> Format | None:
    """Return the format of a file, or None where it is none of them (a picture, a licence)."""
    lowered = file.name.lower()
    for suffix, form in _SUFFIXES.items():
        if lowered.endswith(suffix):
            return form
    head = file.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        return None
    if head[:1] in b"{[":
        return _json_kind(head)
    if head.startswith(b"From ") and _MAILBOX_LINE.match(head):
        return Format.MBOX
    if looks_like_mail(file.head):
        return Format.EML
    if _BINARY.search(head[:1_000]):
        return None
    return Format.CSV if _has_columns(head) else None


def looks_like_mail(head: bytes) -> bool:
    """Say whether a file begins as a mail does: header fields, one of them a mail's own."""
    lines = head.lstrip(b"\r\n\xef\xbb\xbf").splitlines()[:50]
    if lines and lines[0].startswith((b"From ", b">From ")):
        lines = lines[1:]
    fields: list[bytes] = []
    for line in lines:
        if not line.strip():
            break
        if not (_HEADER_FIELD.match(line) or (fields and _CONTINUATION.match(line))):
            break
        fields.append(line)
    return bool(fields) and any(_MAIL_FIELD.match(line) for line in fields)


def _json_kind(head: bytes) -> Format:
    if head[:1] == b"[":
        return Format.JSON
    lines = head.splitlines()
    is_lines = len(lines) > 1 and all(_OBJECT_LINE.match(line) for line in lines[:2])
    return Format.JSONL if is_lines else Format.JSON


def _has_columns(head: bytes) -> bool:
    """Say whether the first lines are a table: as many columns in each, and more than one."""
    if head.startswith(b"<"):
        return False
    lines = head.decode("utf-8", "replace").splitlines()[: SNIFFED_LINES + 1]
    whole = lines[:-1] if len(lines) > SNIFFED_LINES else lines
    for delimiter in DELIMITERS:
        try:
            widths = {len(cells) for cells in csv.reader(whole, delimiter=delimiter) if cells}
        except csv.Error:
            continue
        if len(whole) >= SNIFFED_LEAST and len(widths) == 1 and widths.pop() > 1:
            return True
    return False
