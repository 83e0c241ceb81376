"""Short forms for rows: ids as 16 bytes instead of 36 characters, the contract's words as one.

Every short form is exact and goes back to the text it came from. 16 bytes are a UUID and 8 a hash;
any other text is marked in front, and never of that length.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

ShortId = bytes
"""A UUID in its usual spelling as 16 bytes; any other text marked, in UTF-8."""

ShortHash = bytes
"""16 lower-case hex digits as 8 bytes; any other text marked, in UTF-8."""

_UUID_BYTES: Final = 16
_HASH_BYTES: Final = 8
_MARK: Final = b"\xff"
"""Begins no UTF-8 text. Written twice where once would give the length of a short form."""

ShortWord = int | str
"""The place of a word in `WORDS`; any other text as it is."""

WORDS: Final = (
    "",
    "phone",
    "email",
    "chat",
    "web",
    "in",
    "out",
    "internal",
    "customer",
    "human",
    "bot",
    "system",
    "unknown",
    "other",
    "call_started",
    "call_queued",
    "call_answered",
    "call_transferred",
    "call_ended",
    "call_abandoned",
    "voicemail",
    "call_rated",
    "email_received",
    "email_sent",
    "email_bounced",
    "email_complained",
    "message",
    "message_edited",
    "message_deleted",
    "conversation_started",
    "conversation_assigned",
    "conversation_closed",
    "conversation_reopened",
    "conversation_rated",
    "delivery_failed",
    "form_submitted",
    "page_problem",
    "purchase",
    "refund",
    "review",
    "survey_answer",
)
"""Words that stand in rows by their place: only ever add at the end, rows hold the numbers."""

REMEMBERED_IDS: Final = 8_192
"""One event asks for the short form of its id four times, and a card at every change of a customer
for those of its last lines. Some 200 bytes each."""

_is_uuid = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII
).fullmatch
_is_hash = re.compile(r"[0-9a-f]{16}", re.ASCII).fullmatch


@lru_cache(REMEMBERED_IDS)
def short_id(text: str) -> ShortId:
    """The short form of an id."""
    return bytes.fromhex(text.replace("-", "")) if _is_uuid(text) else _marked(text, _UUID_BYTES)


@lru_cache(REMEMBERED_IDS)
def id_text(short: ShortId) -> str:
    """The id that `short` stands for."""
    if len(short) != _UUID_BYTES:
        return short.lstrip(_MARK).decode("utf-8", "surrogatepass")
    digits = short.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def short_hash(text: str) -> ShortHash:
    """The short form of a hash; two hashes are equal where their short forms are."""
    return bytes.fromhex(text) if _is_hash(text) else _marked(text, _HASH_BYTES)


def _marked(text: str, taken_length: int) -> bytes:
    marked = _MARK + text.encode("utf-8", "surrogatepass")
    return marked if len(marked) != taken_length else _MARK + marked


class _Shortened(dict[str, ShortWord]):
    def __missing__(self, text: str) -> ShortWord:
        return text


class _Spelled(dict[ShortWord, str]):
    def __missing__(self, short: ShortWord) -> str:
        if type(short) is int:
            raise ValueError(f"no word stands at place {short}")
        return str(short)


# Asked ten times a record, so they are look-ups and not functions.
short_word: Final[Callable[[str], ShortWord]] = _Shortened(
    {word: place for place, word in enumerate(WORDS)}
).__getitem__
"""The short form of a word."""

word_text: Final[Callable[[ShortWord], str]] = _Spelled(enumerate(WORDS)).__getitem__
"""The word that a short form stands for; ValueError for a place that holds none."""
