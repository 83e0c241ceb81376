"""Bytes of mails to text: declared charsets, wrong charsets, no charsets, encoded words.

Nothing here raises. A mail whose charset lies is read as well as it can be: an unreadable character
costs that character, not the mail.
"""

import binascii
import quopri
import re

_ALIASES = {
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "windows-874": "cp874",
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
}
"""What mailers call a charset, and the wider one that reads what they send under its name."""

_UNSAFE = re.compile("[\x00\ud800-\udfff]")
_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(=\?[^?\s]{1,40}\?[bBqQ]\?)")


def decode(data: bytes, charset: str | None) -> str:
    """Decode with the declared charset, else UTF-8, else as Western text; never fails."""
    declared = (charset or "").strip().strip("\"'").lower()
    # Mailers that declare ASCII and send eight bits mostly mean UTF-8.
    names = [] if declared in ("", "us-ascii", "ascii") else [_ALIASES.get(declared, declared)]
    for name in (*names, "utf-8", "cp1252"):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def clean(text: str, limit: int) -> str:
    """Cut a text to `limit` characters, without NUL and lone surrogates."""
    return _UNSAFE.sub("", text[:limit])


def decode_words(text: str) -> str:
    """Decode the encoded words (RFC 2047) of a header; what is none stays as it is.

    The bytes of neighbouring words are joined before they are decoded: some mailers split a
    character between two words.
    """
    if "=?" not in text:
        return text
    text = _BETWEEN_WORDS.sub(r"\1\2", text)
    parts: list[str] = []
    waiting, charset, end = b"", "", 0
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        name = word[1].partition("*")[0].lower()
        if waiting and (between or name != charset):
            parts.append(decode(waiting, charset))
            waiting = b""
        parts.append(between)
        waiting, charset, end = waiting + _word_bytes(word[2], word[3]), name, word.end()
    if waiting:
        parts.append(decode(waiting, charset))
    return "".join(parts) + text[end:]


def _word_bytes(encoding: str, content: str) -> bytes:
    raw = content.encode("utf-8", "replace")
    if encoding in "qQ":
        return quopri.decodestring(raw.replace(b"_", b" "))
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4)) or raw
    except binascii.Error:
        return raw
