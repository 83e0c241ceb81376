"""The header of a mail, read by hand: what a strict parser trips over must still arrive.

Folded lines are joined, names lower-cased, eight-bit values decoded. A line that is no header field
ends the header, as it does for mail readers.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime
from typing import NamedTuple

from schemas import limits
from streams.importing.mail_text import clean, decode, decode_words

FIELDS = 1_000
"""Most fields of one header; mails that passed twenty relays have about a hundred."""

FIELD_BYTES = 65_536
"""Longest field: a list of a few hundred recipients. The rest of a longer one is not looked at."""

_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_ENVELOPE = re.compile(rb">?From [^:\s]")
_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_CHARSET = re.compile(rb"(?im)^content-type:(?:[^\r\n]|\r?\n[ \t])*?charset=\"?([\w.:-]+)")
_BRACKETED = re.compile(r"<([^<>]+)>")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]\\@]+@[^\s<>,;:\"()\[\]\\@]+")
_SPACE = re.compile(r"\s+")
_FOLDING = re.compile(r"[\r\n]+[ \t]*")


class MailAddress(NamedTuple):
    """An address and its display name ("" if none)."""

    address: str
    name: str


class MailHeaders(NamedTuple):
    """The fields of a header, in order; values still hold their encoded words."""

    fields: tuple[tuple[str, str], ...]
    envelope: str
    """The `From ` line of a mailbox file, "" where there is none."""

    def all(self, name: str) -> list[str]:
        """Return every value of a field, in order, encoded words and all."""
        return [value for field, value in self.fields if field == name]

    def text(self, name: str, limit: int) -> str | None:
        """Return the first non-empty value as people read it, cut to `limit` characters."""
        for value in self.all(name):
            text = clean(_SPACE.sub(" ", decode_words(value)).strip(), limit)
            if text:
                return text
        return None

    def message_ids(self, name: str, most: int) -> list[str]:
        """Return the message ids a field names, without `<>` and each once, the last `most`."""
        found: list[str] = []
        for value in self.all(name):
            words = value.split()
            ids = _BRACKETED.findall(value) or (
                words if len(words) == 1 else [word for word in words if "@" in word]
            )
            found += [clean(_SPACE.sub("", one).strip("<>"), limits.MESSAGE_ID) for one in ids]
        return list(dict.fromkeys(one for one in found if one))[-most:]

    def addresses(self, name: str) -> list[MailAddress]:
        """Return the addresses of a field; what is no address is left out."""
        found: list[MailAddress] = []
        for value in self.all(name):
            found += _addresses(value)
            if len(found) >= limits.ADDRESSES:
                break
        return found[: limits.ADDRESSES]

    def mime(self) -> bytes:
        """Return the fields that say how the body is built, as a header of their own."""
        lines = [f"{name}: {value}" for name, value in self.fields if name.startswith("content-")]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace") + b"\n"

    def lowered(self) -> dict[str, str]:
        """Return the fields by name; repeated ones keep the first value."""
        first: dict[str, str] = {}
        for name, value in self.fields:
            first.setdefault(name, value)
        return first


def split_mail(raw: bytes) -> tuple[MailHeaders, bytes]:
    """Split a mail into its header and its body. Never raises."""
    hint = _CHARSET.search(raw[:FIELD_BYTES])
    charset = hint.group(1).decode("ascii", "replace") if hint else None
    fields: list[list[bytes]] = []
    envelope, body_at = "", len(raw)
    for line, start, end in _lines(raw):
        if not line.strip() and not fields:
            continue
        if not line:
            body_at = end
            break
        if not fields and _ENVELOPE.match(line):
            envelope = decode(line[:400], None)
        elif line[:1] in b" \t" and fields:
            fields[-1].append(line)
        elif (field := _FIELD.match(line)) and len(fields) < FIELDS:
            fields.append([field.group(1), field.group(2)])
        else:
            body_at = start
            break
    read = tuple((name.decode("ascii").lower(), _value(parts, charset)) for name, *parts in fields)
    return MailHeaders(read, envelope), raw[body_at:]


def read_date(text: str) -> datetime | None:
    """Read an RFC 2822 date; one without a zone comes back naive, an unreadable one as None."""
    try:
        found = parsedate_to_datetime(_SPACE.sub(" ", text).strip())
        return found if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None


def _lines(raw: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at < len(raw):
        found = _LINE.match(raw, at)
        if found is None:
            return
        yield found.group(1), at, found.end()
        at = found.end()


def _value(parts: list[bytes], charset: str | None) -> str:
    data = b"\n".join(parts)[:FIELD_BYTES]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = decode(data, charset)
    return _FOLDING.sub(" ", text).strip()


def _addresses(value: str) -> Iterator[MailAddress]:
    # Names are decoded after the split: a decoded name may hold the comma that ends an address.
    try:
        pairs = getaddresses([value])
    except (ValueError, TypeError, IndexError, AttributeError):
        pairs = []
    found = [(name, address) for name, address in pairs if _ADDRESS.fullmatch(address)]
    if not found:
        found = [("", address) for address in _ADDRESS.findall(value)]
    for name, address in found:
        shown = clean(_SPACE.sub(" ", decode_words(name)).strip(), limits.NAME)
        address = clean(address, limits.HANDLE_VALUE + 1)
        if len(address) <= limits.HANDLE_VALUE:
            yield MailAddress(address, shown)
