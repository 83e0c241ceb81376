"""Taking quoted mail out of a message: `>` lines, attributions, header blocks, dividers.

Works line by line with bounded look-ahead, so the time is linear whatever the text (the reply
parsers on PyPI are not: docs/detection.md). It cuts what it can name and keeps the rest: a lost
sentence of the customer is worse than a quoted one too many.
"""

import re
from collections.abc import Sequence

_WINDOW_LINES = 12
"""How far a header block may stretch: Outlook wraps recipients and sets blank lines between."""

_ATTRIBUTION_LINES = 4
_ATTRIBUTION_CHARS = 400
"""Mail clients wrap "On … wrote:" at 76 columns; four lines hold every attribution seen."""

_LINE_CHARS = 400
"""A header or divider longer than this is none; longer lines are not even looked at."""

# `>` opens a quote, but `>:(` is a face and `>>>` without text is still a quote.
_QUOTED = re.compile(r"\s{0,8}(?:>(?![:;=][-']?[(\[/|DPpOo3<])|\|>)")
_AFTER_MARKS = re.compile(r"[\s>|*_]*")

_DIVIDER = re.compile(
    r"[-_=*~—－ ]{2,}\s*"
    r"(?:original(?: message| email| mail)?|forwarded (?:message|by\b.{0,200})|reply message|"
    r"replied message|"
    r"原始邮件|原邮件|原始郵件|原郵件|原始信件|转发邮件|轉寄郵件|转发的邮件|轉寄的郵件|邮件原文|"
    r"回复的原邮件|"
    r"ursprüngliche nachricht|mensaje original|message d'origine|исходное сообщение)"
    r"\s*[-_=*~—－: ]*",
    re.I,
)
_BEGIN_FORWARDED = re.compile(
    r"(?:begin forwarded message|下面是被转发的邮件|以下是转发的邮件|以下是轉寄的郵件)\s*[:：]?",
    re.I,
)

_WROTE = re.compile(
    r"(?:\b(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev)|написала?|"
    r"пишет|写道|寫道|写到|寫到)"
    r"\s*[:：]$",
    re.I,
)
_ATTRIBUTION_START = re.compile(
    r"(?:-{2,4}\s*)?(?:on|at|am|le|el|il|em|op|den|в|在|于|於)\b|[在于於]", re.I
)
# An attribution names a moment or an address; "On your site you wrote:" is the customer speaking.
_MOMENT = re.compile(r"@|\d{1,2}[:：.]\d\d|\d[./-]\d|\b(?:19|20)\d\d\b|\d\s?[年月日]")

_FIELDS: dict[str, str] = {
    "from": r"from|von|de|da|от|发件人|寄件者|寄件人|發件人|差出人",
    "sent": r"sent|gesendet|envoyé|enviado|отправлено|发送时间|寄件日期|傳送時間|发送日期|"
    "發送時間|送信日時",
    "date": r"date|datum|fecha|data|дата|日期|时间|時間",
    "to": r"to|an|à|para|кому|收件人|收件者|宛先",
    "cc": r"cc|bcc|kopie|抄送|副本|密送",
    "subject": r"subject|betreff|objet|asunto|oggetto|assunto|тема|主题|主旨|主題|件名|标题",
}
_FIELD = re.compile(
    r"[*_]{0,2}(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _FIELDS.items()) + r")"
    r"[*_]{0,2}[  ]{0,4}[:：]",
    re.I,
)
_MAIL_ONLY_WORDS = frozenset(
    {"发件人", "寄件者", "寄件人", "發件人", "发送时间", "寄件日期", "傳送時間", "收件者"}
)
"""Words that only mail headers use: two are enough, where `From: … To: …` may be a journey."""


def without_quotes(lines: Sequence[str]) -> list[str]:
    """Return the lines that are not quoted or forwarded, in order."""
    kept: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if _QUOTED.match(line):
            _drop_attribution(kept)
            index = _end_of_quote(lines, index)
            continue
        if _starts_foreign_text(lines, index):
            _drop_rule_line(kept)
            break
        attribution = _attribution_length(lines, index)
        if attribution:
            _drop_begun_attribution(kept)
            after = _next_text(lines, index + attribution)
            if after is None or not _QUOTED.match(lines[after]):
                break  # the quote that follows has no marks: all of the rest is it
            index = after
            continue
        kept.append(line)
        index += 1
    return kept


def _end_of_quote(lines: Sequence[str], index: int) -> int:
    while index < len(lines) and _QUOTED.match(lines[index]):
        index += 1
    return index


def _next_text(lines: Sequence[str], index: int) -> int | None:
    for position in range(index, min(index + _WINDOW_LINES, len(lines))):
        if lines[position].strip():
            return position
    return None


def _starts_foreign_text(lines: Sequence[str], index: int) -> bool:
    """Tell whether another message begins here: a divider, a header block."""
    line = lines[index]
    if len(line) > _LINE_CHARS:
        return False
    text = line.strip()
    if not text:
        return False
    if _DIVIDER.fullmatch(text) or _BEGIN_FORWARDED.fullmatch(text):
        return True
    return _FIELD.match(text) is not None and _is_header_block(lines, index)


def _is_header_block(lines: Sequence[str], index: int) -> bool:
    found: set[str] = set()
    mail_words = 0
    misses = 0
    for line in lines[index : index + _WINDOW_LINES]:
        text = line[:_LINE_CHARS].strip()
        if not text:
            continue
        field = _FIELD.match(text)
        if field is None:
            misses += 1  # a wrapped list of recipients
            if misses > 3:
                break
            continue
        found.add(field.lastgroup or "")
        mail_words += field[field.lastgroup or 0] in _MAIL_ONLY_WORDS
    if "from" not in found:
        return False
    return mail_words >= 2 or (len(found) >= 3 and bool(found & {"subject", "sent"}))


def _attribution_length(lines: Sequence[str], index: int) -> int:
    """Return how many lines from here are an attribution ("On …, X wrote:"), 0 if none are."""
    first = lines[index][:_LINE_CHARS].strip()
    if _WROTE.search(first) and len(first) <= _ATTRIBUTION_CHARS:
        return 1 if _MOMENT.search(first) else 0
    if not _ATTRIBUTION_START.match(first):
        return 0
    joined = first
    for count, line in enumerate(lines[index + 1 : index + _ATTRIBUTION_LINES], start=2):
        text = _AFTER_MARKS.sub("", line[:_LINE_CHARS], count=1).strip()
        if not text:
            return 0
        joined = f"{joined} {text}"
        if len(joined) > _ATTRIBUTION_CHARS:
            return 0
        if _WROTE.search(joined):
            return count if _MOMENT.search(joined) else 0
    return 0


def _drop_begun_attribution(kept: list[str]) -> None:
    """Take back the first line of a wrapped attribution: it has a moment and breaks off early."""
    if (
        kept
        and _MOMENT.search(kept[-1][:_LINE_CHARS])
        and kept[-1].rstrip().endswith(("<", ",", "，"))
    ):
        kept.pop()


def _drop_attribution(kept: list[str]) -> None:
    """Take back the lines that announce a quote: a moment, and a colon at the end."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    if not end or not kept[end - 1].rstrip().endswith((":", "：")):
        return
    length = 0
    for start in range(end - 1, max(-1, end - _ATTRIBUTION_LINES), -1):
        line = kept[start][:_LINE_CHARS].strip()
        length += len(line)
        if not line or length > _ATTRIBUTION_CHARS:
            return
        if _MOMENT.search(line):
            del kept[start:]
            _drop_begun_attribution(kept)
            return


def _drop_rule_line(kept: list[str]) -> None:
    """Take back the horizontal line that stands above a quoted header block."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    if end and re.fullmatch(r"\s*[-_=*—－ ]{3,}\s*", kept[end - 1][:_LINE_CHARS]):
        del kept[end - 1 :]
