"""Taking signatures, device footers and disclaimers off the end of a message.

They are dangerous to leave in: "Head of Legal, Complaints Department" or "legal action may be
taken" below a friendly question is nobody's threat.
"""

import re
from collections.abc import Sequence

_LINE_CHARS = 300

_DELIMITER = re.compile(r"\s{0,4}(?:--|—|－－|__)\s*")
"""RFC 3676, section 4.3, and what clients make of it."""

_DEVICE = re.compile(
    r"(?:sent (?:from|via|with|using) (?:my |the )?[^.!?]{1,60}|"
    r"get outlook for \S{1,20}(?:\s*<[^>]{0,200}>)?|"
    r"(?:发自|發自|來自|来自|发送自|傳送自)\s{0,2}(?:我的|我的 )?[^。！？]{1,40}|"
    r"从我的[^。！？]{1,40}发送|從我的[^。！？]{1,40}(?:傳送|發送)|"
    r"sent with sparrow.{0,100}|签名由.{1,20}定制|via mobile|enviado desde mi .{1,40}|"
    r"von meinem .{1,40} gesendet|"
    r"envoyé de mon .{1,40}|отправлено с .{1,40})\s*",
    re.I,
)
_DEVICE_WORDS = re.compile(
    r"iphone|ipad|ios|android|galaxy|samsung|huawei|xiaomi|mobile|phone|device|blackberry|windows|"
    r"outlook|yahoo|mail|"
    r"sparrow|tablet|签名由|mac\b|app\b|proton|nokia|pixel|oneplus|oppo|vivo|honor|手机|手機|邮箱|"
    r"郵件|邮件|华为|華為|小米|荣耀|移动|平板|客户端|"
    r"handy|teléfono",
    re.I,
)

_CLOSING = re.compile(
    r"(?:(?:with )?(?:my )?(?:best|kind|kindest|warm|warmest|many)?\s?regards|(?:with )?(?:best|"
    r"kind|warm) wishes|best|cheers|"
    r"(?:yours )?(?:sincerely|truly|faithfully|respectfully)(?: yours)?|respectfully(?: yours)?|"
    r"cordially|all the best|"
    r"(?:many |kind )?thanks(?: again| a lot| so much| in advance| and (?:best |kind )?regards)?|"
    r"thank you(?: very much| so much| again| in advance| kindly)?|"
    r"thx|rgds|br|kr|mit freundlichen grüßen|viele grüße|cordialement|saludos|atentamente|"
    r"с уважением|"
    r"此致\s?敬礼|此致|敬礼|敬上|谨上|祝好|祝商祺|顺祝商祺|顺颂商祺|祝工作顺利|谢谢|多谢|感谢|"
    r"非常感谢|此致\s?敬禮|敬禮|謹上|順頌商祺|順祝商祺|謝謝|多謝|感謝)"
    r"\s{0,2}[,，.。!！~～:)\s]{0,6}",
    re.I,
)
_SIGNED_LINES = 12
_SIGNED_CHARS = 90
_NAME_WORDS = 6
_NAME_CHARS = 50

_NAME_PARTICLES = frozenset(
    {"de", "da", "del", "van", "von", "der", "of", "and", "the", "la", "le", "bin", "al"}
)
_CJK = re.compile("[\u4e00-\u9fff]")
_CJK_SENTENCE = re.compile("[。，！？；,!?;]|.{16}")
_CJK_SPEAKER = re.compile("[我你您他她它这这那但还還不没沒请請为為太]")
"""How a sentence begins and a name hardly ever does."""

_DASHES = re.compile(r"\s*[-_=*~—]{4,}\s*")

_CONTACT = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}\.\w|https?://|\bwww\.|(?:\+?\d[\d\s().-]{6,18}\d)|"
    r"\b(?:tel|phone|mobile|fax|skype|cell|office|ext)\b|电话|手机|传真|地址|邮编|微信|電話|手機|"
    r"傳真|郵編|QQ",
    re.I,
)

_DISCLAIMER = re.compile(
    r"\W{0,6}(?:confidentiality (?:notice|note|statement)|disclaimer\b|legal (?:notice|"
    r"disclaimer)\b|privileged (?:and|&) confidential|"
    r"th(?:is|e information (?:contained )?in this|e contents? of this) (?:e-?mail|message|"
    r"communication|transmission)\b"
    r".{0,120}\b(?:confidential|privileged|intended (?:only|solely)|for the sole use)|"
    r"please consider the environment before|this (?:e-?mail|message) (?:was|has been) (?:scanned|"
    r"checked)|"
    r"免责声明|免責聲明|保密声明|保密聲明|声明[:：]|(?:此|本)(?:邮件|郵件|电子邮件|"
    r"電子郵件).{0,60}(?:保密|机密|機密|收件人))",
    re.I,
)
_POSTSCRIPT = re.compile(r"\s{0,4}(?:p\.?\s?p?\.?s\b|附言|又及)", re.I)


def without_signature(lines: Sequence[str]) -> list[str]:
    """Return the lines without what mail programs and offices put below the words."""
    kept = _before_delimiter(_before_disclaimer(lines))
    kept = [line for line in kept if not _is_device_footer(line)]
    return _before_contact_block(_before_closing(kept))


def _is_device_footer(line: str) -> bool:
    text = line[:_LINE_CHARS].strip()
    return _DEVICE.fullmatch(text) is not None and _DEVICE_WORDS.search(text) is not None


def _before_disclaimer(lines: Sequence[str]) -> list[str]:
    for index, line in enumerate(lines):
        if _DISCLAIMER.match(line[:_LINE_CHARS].strip()) and any(
            kept.strip() for kept in lines[:index]
        ):
            return list(lines[:index])
    return list(lines)


def _before_delimiter(lines: list[str]) -> list[str]:
    for index, line in enumerate(lines):
        if index and _DELIMITER.fullmatch(line[:_LINE_CHARS]):
            return lines[:index]
    return lines


def _before_closing(lines: list[str]) -> list[str]:
    """Cut at the last closing formula if only a name and a contact block stand below it; keep a
    postscript."""
    texts = [(index, line.strip()) for index, line in enumerate(lines) if line.strip()]
    oldest = max(0, len(texts) - 1 - _SIGNED_LINES)
    for place in range(len(texts) - 1, oldest - 1, -1):
        text = texts[place][1]
        if len(text) > _SIGNED_CHARS:
            return lines  # prose: nothing above it is a signature
        if not _CLOSING.fullmatch(text):
            continue
        below = [text for _, text in texts[place + 1 :]]
        ends = next((at for at, line in enumerate(below) if _POSTSCRIPT.match(line)), len(below))
        if ends and not _is_name(below[0]):
            return lines
        while (
            place
            and len(texts[place - 1][1]) <= _SIGNED_CHARS
            and _CLOSING.fullmatch(texts[place - 1][1])
        ):
            place -= 1  # formulas of two lines: 此致 / 敬礼
        if place == 0:
            return lines  # the whole message is "Thank you"
        return lines[: texts[place][0]] + below[ends:]
    return lines


def _is_name(text: str) -> bool:
    """Tell whether a line may be a person, office or company: short, words capitalised."""
    if len(text) > _NAME_CHARS:
        return False
    if _CJK.search(text):
        return not (_CJK_SENTENCE.search(text) or _CJK_SPEAKER.match(text))
    words = text.split()
    return len(words) <= _NAME_WORDS and all(
        not word[0].islower() or word in _NAME_PARTICLES for word in words if word[0].isalpha()
    )


def _before_contact_block(lines: list[str]) -> list[str]:
    """Cut a last block of short lines that opens with a name, or a dashed line, and holds two
    contacts."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and end - start <= _SIGNED_LINES and lines[start - 1].strip():
        start -= 1
    if start and _is_contact_block(lines[start:end]) and _is_name(lines[start].strip()):
        return lines[:start]
    for index in range(max(1, end - 2 * _SIGNED_LINES), end):
        if _DASHES.fullmatch(lines[index][:_LINE_CHARS]) and _is_contact_block(
            lines[index + 1 : end]
        ):
            return lines[:index]
    return lines


def _is_contact_block(lines: Sequence[str]) -> bool:
    block = [line.strip() for line in lines if line.strip()]
    is_short = 2 < len(block) <= _SIGNED_LINES and all(len(line) <= _SIGNED_CHARS for line in block)
    return is_short and sum(1 for line in block if _CONTACT.search(line)) >= 2
