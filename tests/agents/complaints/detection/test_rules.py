"""The files of phrases: sound, complete, and refused with the place where they are not."""

import re

import pytest

from agents.complaints.detection import notation
from agents.complaints.detection.findings import RuleLanguage
from agents.complaints.detection.index import ChineseIndex, EnglishIndex
from agents.complaints.detection.rules import RuleBook, load
from schemas.complaint import Severity

BOOKS = {language: load(language) for language in RuleLanguage}


@pytest.fixture(params=list(RuleLanguage))
def book(request: pytest.FixtureRequest) -> RuleBook:
    """The rules of each language."""
    return BOOKS[request.param]


def test_every_phrase_compiles(book: RuleBook) -> None:
    """Phrases are compiled when first met in production; none may fail then."""
    assert isinstance(book.phrases, EnglishIndex | ChineseIndex)
    drawers = list(book.phrases.drawers())

    assert len(drawers) > 500
    for drawer in drawers:
        pattern = drawer.compile()
        assert pattern.groups == len(drawer.owners)
        assert not pattern.match(""), "a phrase that matches nothing would match everywhere"


def test_rules_say_what_they_mean(book: RuleBook) -> None:
    """An id of its language, a sentence, and a weight that fits its severity."""
    for rule in book.rules:
        assert re.fullmatch(rf"{book.language.value}\.[a-z_]+", rule.id), rule.id
        assert rule.says.endswith((".", "。")), rule.id
        assert -1 <= rule.weight <= 3, rule.id
        if rule.severity is Severity.CRITICAL:
            assert rule.weight >= 2, f"{rule.id}: what is critical needs no company"
        if rule.weight <= 0:
            assert (rule.severity, rule.cause, rule.demand) == (None, None, None), rule.id


def test_both_languages_hear_the_same_things() -> None:
    """Causes, demands and threats are heard in Chinese as in English."""
    english, chinese = (BOOKS[language].rules for language in RuleLanguage)

    assert {rule.cause for rule in english} == {rule.cause for rule in chinese}
    assert {rule.demand for rule in english} == {rule.demand for rule in chinese}
    assert {rule.id[3:] for rule in english if rule.severity is Severity.CRITICAL} == {
        rule.id[3:] for rule in chinese if rule.severity is Severity.CRITICAL
    }


def words_of(index: EnglishIndex[str] | ChineseIndex[str], text: str) -> list[tuple[str, str]]:
    """What an index finds in a text, as owner and matched words."""
    return [(match.owner, text[match.start : match.end]) for match in index.find(text)]


def english(*phrases: str) -> EnglishIndex[str]:
    """An index of phrases that own themselves."""
    return EnglishIndex([(line, text) for line in phrases for text in notation.alternatives(line)])


def chinese(*phrases: str) -> ChineseIndex[str]:
    """An index of phrases that own themselves."""
    return ChineseIndex([(line, text) for line in phrases for text in notation.alternatives(line)])


@pytest.mark.parametrize(
    ("phrase", "text", "matched"),
    [
        ("(my|our) money back", "give our  money, back now", "our  money, back"),
        ("refus(e|ed) to", "they refused to pay", "refused to"),
        ("called …times", "i called all of you people four times", None),
        ("called …times", "i called you four times", "called you four times"),
        ("called …times", "i called. four times", None),
        ("service …bad", "service was not bad", None),
        ("service …bad", "service wasn't bad", None),
        ("'t work", "it doesn't work", "'t work"),
        ("bad", "badge", None),
        ("over ?charged", "i was overcharged", "overcharged"),
        ("over ?charged", "i was over-charged", "over-charged"),
        ("go(ing)? public", "going public", "going public"),
        ("very (very )*bad", "very very very bad", "very very very bad"),
        ("very (very )*bad", "very " * 9 + "bad", "very very very very very very bad"),
    ],
)
def test_english_notation(phrase: str, text: str, matched: str | None) -> None:
    """Spaces, gaps, groups and repetitions mean what the notation says."""
    expected = [] if matched is None else [(phrase, matched)]

    assert words_of(english(phrase), text) == expected


@pytest.mark.parametrize(
    ("phrase", "text", "matched"),
    [
        ("投诉", "我要投訴你", "投訴"),
        ("态度…差", "態度真的太差", "態度真的太差"),
        ("态度…差", "态度不差", None),
        ("态度…差", "态度很好，物流差", None),
        ("坏(了|的)", "坏的", "坏的"),
        ("给?我退款", "我退款", "我退款"),
        ("差$", "服务差", "差"),
    ],
)
def test_chinese_notation(phrase: str, text: str, matched: str | None) -> None:
    """Both scripts match, and a gap ends with the clause or at a denial."""
    expected = [] if matched is None else [(phrase, matched)]

    assert words_of(chinese(phrase), text) == expected


def test_the_first_phrase_of_two_wins() -> None:
    """Phrases are given in order of urgency."""
    assert words_of(english("no problem", "no"), "no problem") == [("no problem", "no problem")]
    assert words_of(english("no", "no problem"), "no problem") == [("no", "no")]


def test_matches_do_not_overlap() -> None:
    """A shield takes its words away from what would match inside them."""
    assert words_of(english("no complaints", "complaints"), "no complaints. complaints") == [
        ("no complaints", "no complaints"),
        ("complaints", "complaints"),
    ]


@pytest.mark.parametrize(
    ("phrase", "complaint"),
    [
        ("(a|b", "unbalanced"),
        ("a)|b", "unbalanced"),
        ("(very )*bad", "begins with a repetition"),
        ("\\d+ times", "cannot be filed"),
        ("go\\w+", "cannot be filed"),
    ],
)
def test_unsound_phrases_are_refused_with_advice(phrase: str, complaint: str) -> None:
    """Somebody who edits the file learns which phrase is wrong and what to do."""
    with pytest.raises(ValueError, match=complaint):
        english(phrase)


def test_unknown_groups_are_refused() -> None:
    """A misspelt group would silently match its own name."""
    with pytest.raises(ValueError, match="<gods>"):
        notation.fill_groups("no <gods>", {"goods": "(a|b)"})
