"""The bodies of a mail: its text, its HTML, what is attached, what a delivery report says.

Python's parser does the MIME; whatever it raises, the mail falls back to its body as it stands.
"""

import logging
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any, NamedTuple

from schemas import limits
from streams.importing.mail_headers import MailHeaders
from streams.importing.mail_text import clean, decode, decode_words

log = logging.getLogger(__name__)

PARTS = 500
"""Most parts of one mail that are looked at; a mail with more is a digest or an attack."""

FALLBACK_CHARS = limits.TEXT


class DeliveryReport(NamedTuple):
    """What a report is about: the address that failed (or complained) and the status code."""

    address: str | None
    status: str = ""
    is_complaint: bool = False


class MailBodies(NamedTuple):
    """What a mail holds. `is_raw` when MIME could not be read and the text is the body as it is."""

    text: str
    html: str
    attachments: list[dict[str, Any]]
    report: DeliveryReport | None
    is_raw: bool = False


def read_bodies(headers: MailHeaders, body: bytes) -> MailBodies:
    """Read the parts of a mail, given its header and what follows it. Never raises."""
    try:
        return _read_parts(BytesParser(policy=compat32).parsebytes(headers.mime() + body))
    except Exception as error:
        # The parser raises dozens of types on malformed mails, and any of them costs the MIME only.
        log.debug("MIME of a mail cannot be read: %r", error)
        return MailBodies(clean(decode(body, None), FALLBACK_CHARS), "", [], None, is_raw=True)


def _read_parts(mail: Message) -> MailBodies:
    texts: list[str] = []
    pages: list[str] = []
    attachments: list[dict[str, Any]] = []
    report: DeliveryReport | None = None
    stack: list[Message] = [mail]
    seen = 0
    while stack and seen < PARTS:
        part = stack.pop()
        seen += 1
        kind = part.get_content_type()
        if kind in ("message/delivery-status", "message/feedback-report"):
            report = report or _report(part, kind)
        elif part.is_multipart() and kind != "message/rfc822":
            children = part.get_payload()
            if isinstance(children, list):
                stack += [one for one in reversed(children) if isinstance(one, Message)]
        elif _is_attachment(part, kind):
            attachments.append(_attachment(part, kind))
        else:
            (pages if kind == "text/html" else texts).append(_text(part))
    return MailBodies(
        text=clean("\n\n".join(filter(None, (text.strip() for text in texts))), limits.TEXT + 1),
        html=clean("".join(pages), limits.HTML),
        attachments=attachments[: limits.MAIL_ATTACHMENTS],
        report=report,
    )


def _is_attachment(part: Message, kind: str) -> bool:
    if part.get_content_disposition() == "attachment" or part.get_filename():
        return True
    # A multipart without parts has a broken boundary: what is in it may still be the message.
    return not kind.startswith(("text/", "multipart/"))


def _attachment(part: Message, kind: str) -> dict[str, Any]:
    name = part.get_filename()
    size = 0 if part.is_multipart() else len(_bytes(part))
    found: dict[str, Any] = {"media_type": clean(kind, limits.MEDIA_TYPE), "size_bytes": size}
    if name:
        found["name"] = clean(decode_words(name), limits.FILE_NAME)
    return found


def _text(part: Message) -> str:
    return decode(_bytes(part), part.get_content_charset())


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _report(part: Message, kind: str) -> DeliveryReport | None:
    blocks = part.get_payload()
    if not isinstance(blocks, list):
        blocks = [blocks]
    address, status = None, ""
    for block in blocks:
        if not isinstance(block, Message):
            continue
        for name in ("Final-Recipient", "Original-Recipient", "Original-Rcpt-To"):
            value = str(block.get(name, ""))
            if address is None and "@" in value:
                address = clean(value.rpartition(";")[2].strip().strip("<>"), limits.HANDLE_VALUE)
        status = status or str(block.get("Status", "")).strip()[:16]
    return DeliveryReport(address, status, kind == "message/feedback-report")
