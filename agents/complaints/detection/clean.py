"""What the customer really wrote: without markup, quoted mail, signatures and legal footers.

Rules judge these words only. A complaint quoted back by our own reply, a disclaimer that threatens
"legal action", a signature of the "Complaints Department" must not open a complaint.
"""

import re

from agents.complaints.detection.markup import html_to_text, looks_like_html
from agents.complaints.detection.quotes import without_quotes
from agents.complaints.detection.signature import without_signature
from schemas import limits
from schemas.common import Channel, TextFormat

INPUT_CHARS = 2 * limits.HTML
"""Longest text looked at; the contract cuts bodies earlier, so this only guards other callers."""

_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_ODD_SPACES = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n{3,}")

_ANSWER_PREFIX = re.compile(
    r"\s*(?:\[[^\]]{0,40}\]\s*)?(?:re|fwd?|aw|wg|sv|antw|tr|回复|回覆|答复|答覆|转发|轉寄|"
    r"回信)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]",
    re.I,
)

# WeChat and DingTalk quote inside the text: 「name：words」, a dashed line, then the answer.
_CHAT_QUOTE = re.compile(r"\s{0,4}「[^「」]{1,2000}」\s{0,4}\n(?:\s{0,4}-(?:\s?-){4,60}\s{0,4}\n)")


def own_words(
    text: str,
    *,
    channel: Channel,
    subject: str | None = None,
    text_format: TextFormat = TextFormat.PLAIN,
) -> str:
    """Return the customer's own words, at most `limits.TEXT` characters. Never raises; linear time.

    The subject of a new mail belongs to the words; that of an answer (`Re:`, `回复：`) repeats
    somebody else's. Only e-mail has quotes and signatures; other channels lose markup and unseen
    characters.
    """
    body = _plain(text[:INPUT_CHARS], text_format)
    if channel == Channel.EMAIL:
        lines = without_signature(without_quotes(body.split("\n")))
        body = "\n".join(line.rstrip() for line in lines)
    elif channel == Channel.CHAT:
        body = _CHAT_QUOTE.sub("", body, count=1)
    if subject and not _ANSWER_PREFIX.match(subject[: limits.SUBJECT]):
        body = f"{_plain(subject[: limits.SUBJECT], TextFormat.PLAIN).strip()}\n{body}"
    return _BLANK_LINES.sub("\n\n", body).strip()[: limits.TEXT]


def _plain(text: str, text_format: TextFormat) -> str:
    """Markup to text, line breaks to `\\n`, unseen characters out, odd spaces to plain ones."""
    if text_format == TextFormat.HTML or looks_like_html(text):
        text = html_to_text(text)
    if "\r" in text or not text.isprintable():
        text = _UNSEEN.sub("", _LINE_BREAKS.sub("\n", text))
        text = _ODD_SPACES.sub(" ", text)
    elif not text.isascii():
        text = _ODD_SPACES.sub(" ", text)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
