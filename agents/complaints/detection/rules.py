"""The rules as data: what a rule is, and how a language's file of phrases is read and checked.

The rules themselves stand in `phrases/en.yaml` and `phrases/zh.yaml`, one thing that customers say
a line, so that somebody who knows customers can read and mend them.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import yaml

from agents.complaints.detection import notation
from agents.complaints.detection.findings import Cause, Demand, RuleLanguage
from agents.complaints.detection.index import ChineseIndex, EnglishIndex, PhraseIndex
from agents.complaints.detection.traditional import TRADITIONAL
from schemas.complaint import Severity

_DENIAL_CHARS_EN = 40
_DENIAL_CHARS_ZH = 8
"""How far before a phrase a negation may stand: four small words, or as many characters."""

_PHRASES = Path(__file__).with_name("phrases")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing customers say, and what it weighs.

    `weight` 1 or more makes a complaint alone, less needs company, negative is praise, 0 shields
    its words from other rules ("no complaints"). `negatable`: a negation before it undoes it ("not
    a bad product"). `mentions`: inside a plain question it is only mentioned ("how do I return
    it?").
    """

    id: str
    says: str
    weight: float
    phrases: str
    severity: Severity | None = None
    cause: Cause | None = None
    demand: Demand | None = None
    negatable: bool = True
    mentions: bool = False


class Negation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words that deny, and the small words that may stand between them and what they deny."""

    words: str
    between: str
    endings: str = ""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a plain question opens, its question words, and what may end it."""

    opening: str
    words: str
    endings: str = ""


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of phrases as written. Wrong keys and values are refused with their place."""

    groups: dict[str, str]
    negation: Negation
    question: Question
    causes: dict[Cause, str]
    rules: list[Rule]


class RuleBook(NamedTuple):
    """The rules of a language, ready to use."""

    language: RuleLanguage
    rules: tuple[Rule, ...]
    phrases: PhraseIndex[Rule]
    is_denied: Callable[[str, int], bool]
    question: re.Pattern[str]
    causes: PhraseIndex[Cause]


def load(language: RuleLanguage) -> RuleBook:
    """Read and compile the rules of a language.

    Raises msgspec.ValidationError or ValueError, naming the key or phrase, if the file is unsound.
    """
    text = (_PHRASES / f"{language.value}.yaml").read_text(encoding="utf-8")
    file = msgspec.convert(yaml.load(text, Loader=yaml.CSafeLoader), RuleFile)
    _refuse_twins(file.rules)
    return _english(file) if language is RuleLanguage.EN else _chinese(file)


def _english(file: RuleFile) -> RuleBook:
    opening, asked = _joined(file.question.opening), _joined(file.question.words)
    return RuleBook(
        language=RuleLanguage.EN,
        rules=tuple(file.rules),
        phrases=EnglishIndex(_phrases(file)),
        is_denied=_english_denial(file.negation),
        question=re.compile(rf"(?:(?:{opening})\b[\s,:]*+){{0,4}}(?:{asked})\b"),
        causes=EnglishIndex(_cause_words(file)),
    )


def _english_denial(negation: Negation) -> Callable[[str, int], bool]:
    words, between, ending = (
        frozenset(negation.words.split()),
        frozenset(negation.between.split()),
        negation.endings,
    )

    def is_denied(text: str, position: int) -> bool:
        """Tell whether the words just before a position deny what follows; a comma ends it."""
        for word in reversed(text[max(0, position - _DENIAL_CHARS_EN) : position].split()):
            if word in words or word.endswith(ending):
                return True
            if word not in between:
                return False
        return False

    return is_denied


def _chinese(file: RuleFile) -> RuleBook:
    words, between = file.negation.words, file.negation.between
    clause = r"[^。！!；;\n]{0,60}"
    opening, asked, endings = file.question.opening, file.question.words, file.question.endings
    denial = _both_forms(rf"(?:{words}){between}{{0,5}}$")

    def is_denied(text: str, position: int) -> bool:
        """Tell whether the characters just before a position deny what follows."""
        return denial.search(text, max(0, position - _DENIAL_CHARS_ZH), position) is not None

    question = rf"(?:{opening}){clause}|{clause}(?:{asked}){clause}|{clause}(?:{endings})[?？]?$"
    return RuleBook(
        language=RuleLanguage.ZH,
        rules=tuple(file.rules),
        phrases=ChineseIndex(_phrases(file)),
        is_denied=is_denied,
        question=_both_forms(question),
        causes=ChineseIndex(_cause_words(file)),
    )


def _phrases(file: RuleFile) -> list[tuple[Rule, str]]:
    return [
        (rule, phrase)
        for rule in sorted(file.rules, key=_urgency)
        for line in rule.phrases.splitlines()
        for phrase in notation.alternatives(notation.fill_groups(line.strip(), file.groups))
        if phrase
    ]


def _cause_words(file: RuleFile) -> list[tuple[Cause, str]]:
    return [
        (cause, phrase)
        for cause, words in file.causes.items()
        for phrase in notation.alternatives(words)
    ]


def _both_forms(pattern: str) -> re.Pattern[str]:
    return re.compile(notation.with_variants(pattern, TRADITIONAL))


def _joined(words: str) -> str:
    """Undo the line breaks of a folded YAML text: they stand after a `|`."""
    return words.replace("| ", "|").strip()


def _urgency(rule: Rule) -> tuple[bool, float]:
    """Shields first, then the heavier rule: of two that match the same words, the first counts."""
    return (rule.weight != 0, -rule.weight)


def _refuse_twins(rules: list[Rule]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise ValueError(f"two rules are named {rule.id!r}: rename one, ids stand in records")
        seen.add(rule.id)
