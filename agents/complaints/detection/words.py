"""Deciding from a customer's own words whether they complain, how badly, about what, wanting what.

The phrases of a language are looked for in one walk over the text (`index.py`) and every hit is
weighed: negated hits are dropped ("not a bad product"), so are mentions inside plain questions
("how do I get a refund?"), each rule counts once, praise counts against. A score of 1 is a
complaint. The rules that matched and the words they matched stay with the result, because somebody
who is woken by it must be able to see why.
"""

import re
from collections.abc import Iterator

from agents.complaints.detection import rules
from agents.complaints.detection.findings import Cause, Detection, RuleLanguage, Span
from agents.complaints.detection.index import Match
from agents.complaints.detection.rules import Rule, RuleBook
from schemas.complaint import Severity

THRESHOLD = 1.0
"""Smallest score that makes a complaint; weights of rules are set relative to it."""

HEAD_CHARS = 12_000
TAIL_CHARS = 8_000
"""A longer text is examined at its beginning and its end: one of them names the complaint."""

REASON_CHARS = 200
MORE_PRAISE = 3
"""How often further praise counts, by half: long reviews praise much and name one flaw."""

_SPOKEN_OF = 0.5
"""What naming a thing adds to a cause; half of what a plain reproach about it does."""

_BETWEEN_QUOTES = " … "
_SENTENCE_CHARS = 200
_NEGATED_VERB_CHARS = 8

MAX_SPANS = 32
"""More evidence than this changes no decision."""


_EN = rules.load(RuleLanguage.EN)
_ZH = rules.load(RuleLanguage.ZH)
_ENGLISH_TAGS = frozenset({"", "en", "zh", "und", "mul"})
_CHINESE_TAGS = frozenset({"", "zh", "yue", "cmn", "en", "und", "mul"})
"""Tags under which a language is looked for: a wrong tag must not hide a complaint."""

_IDEOGRAPH = re.compile("[\u3400-\u9fff]")
_LATIN = re.compile("[A-Za-z]")
_KANA_OR_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")
_SENTENCE_END = re.compile("[.!?;。！？；\n]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HAS_FULL_WIDTH = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")  # digits, letters

_SEVERITIES = tuple(Severity)  # in growing order


def detect_words(text: str, language: str | None = None) -> Detection | None:
    """Return the complaint these words make, or None.

    `text` should be the customer's own words (`clean.own_words`). `language` is a BCP 47 tag or
    None; the script of the text decides, the tag only keeps rules off languages they do not speak
    (`fr`, `ja`). A text in both languages is judged by the one that finds more.
    """
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"
    best: Detection | None = None
    for spoken in _languages(text, language):
        found = _detect(text, spoken)
        if found is not None and (best is None or found.score > best.score):
            best = found
    return best


def _languages(text: str, tag: str | None) -> list[RuleBook]:
    primary = "" if tag is None else tag[:3].lower().split("-")[0].split("_")[0]
    spoken: list[RuleBook] = []
    if text.isascii():
        return [_EN] if primary in _ENGLISH_TAGS else []
    is_chinese = _IDEOGRAPH.search(text) and (primary or not _KANA_OR_HANGUL.search(text))
    if primary in _CHINESE_TAGS and is_chinese:
        spoken.append(_ZH)
    if primary in _ENGLISH_TAGS and _LATIN.search(text):
        spoken.append(_EN)
    return spoken


def _detect(text: str, book: RuleBook) -> Detection | None:
    words = text.lower()
    if not text.isascii():
        words = words.replace("’", "'").replace("‘", "'")
        if _HAS_FULL_WIDTH.search(words):
            words = words.translate(_FULL_WIDTH)
    hits: dict[str, Match[Rule]] = {}
    spans: list[Span] = []
    score = 0.0
    praise = 0
    for hit in _hits(words, book):
        rule = hit.owner
        if rule.weight > 0 and len(spans) < MAX_SPANS:
            spans.append(Span(rule.id, hit.start, hit.end))
        if rule.id not in hits:
            hits[rule.id] = hit
            score += rule.weight
        elif rule.weight < 0 and praise < MORE_PRAISE:
            praise += 1
            score += rule.weight / 2
    score = round(score, 2)  # so that 0.7 and 0.3 make 1 whatever their order
    if score < THRESHOLD:
        return None
    found = [hit.owner for hit in hits.values() if hit.owner.weight > 0]
    shown = text if len(text) == len(words) else words
    return Detection(
        rules=tuple(rule.id for rule in found),
        spans=tuple(spans),
        reason=_reason(shown, [hit for hit in hits.values() if hit.owner.weight > 0]),
        language=book.language,
        severity=_severity(found),
        cause=_cause(words, found, book),
        demands=tuple(dict.fromkeys(rule.demand for rule in found if rule.demand is not None)),
        score=score,
    )


def _hits(words: str, book: RuleBook) -> Iterator[Match[Rule]]:
    """Yield what the rules match and neither a negation nor a question takes back."""
    for hit in book.phrases.find(words):
        rule = hit.owner
        if rule.weight == 0:
            continue
        if rule.negatable and book.is_denied(words, hit.start):
            continue
        if rule.mentions and book.question.match(_sentence(words, hit.start)):
            continue
        yield hit


def _sentence(words: str, position: int) -> str:
    """Return the sentence around a position with the mark that ends it, 400 characters at most."""
    before = words[max(0, position - _SENTENCE_CHARS) : position]
    opening = _SENTENCE_END.split(before)[-1]
    end = _SENTENCE_END.search(words, position, position + _SENTENCE_CHARS)
    rest = words[position : position + _SENTENCE_CHARS if end is None else end.end()]
    return (opening + rest).strip()


def _reason(text: str, hits: list[Match[Rule]]) -> str:
    """Quote the matched words, the weightiest first, as far as there is room."""
    parts: list[str] = []
    room = REASON_CHARS
    for hit in sorted(hits, key=lambda hit: (-hit.owner.weight, hit.start)):
        quote = " ".join(text[_word_start(text, hit.start) : hit.end].split())[:REASON_CHARS]
        if len(quote) <= room and quote not in parts:
            parts.append(quote)
            room -= len(quote) + len(_BETWEEN_QUOTES)
    return _BETWEEN_QUOTES.join(parts)


def _word_start(text: str, start: int) -> int:
    """Go back to the beginning of the word: a match at "'t work" is quoted as "doesn't work"."""
    if text[start] in "'’‘":
        for position in range(start, max(0, start - _NEGATED_VERB_CHARS), -1):
            if not text[position - 1].isalpha():
                return position
    return start


def _severity(found: list[Rule]) -> Severity:
    ranks = [_SEVERITIES.index(rule.severity) for rule in found if rule.severity is not None]
    return _SEVERITIES[max(ranks, default=0)]


def _cause(words: str, found: list[Rule], book: RuleBook) -> Cause:
    """The cause with the most evidence: weights of the rules, and what the text speaks of."""
    evidence: dict[Cause, float] = {}
    for rule in found:
        if rule.cause is not None:
            evidence[rule.cause] = evidence.get(rule.cause, 0.0) + rule.weight
    for cause in {match.owner for match in book.causes.find(words)}:
        evidence[cause] = evidence.get(cause, 0.0) + _SPOKEN_OF
    if not evidence:
        return Cause.OTHER
    return max(Cause, key=lambda cause: evidence.get(cause, 0.0))
