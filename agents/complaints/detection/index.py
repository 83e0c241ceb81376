"""Finding thousands of phrases in one walk over a text.

One alternation of all phrases would be simplest, but `re` tries its alternatives one by one: with
some 2,500 of them it takes ten times the whole budget. So phrases are filed under their first word
(Chinese: their first two characters); the text is walked once, and only where a filed word stands
is its short alternation tried. It is compiled when first needed, so that starting is quick.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from agents.complaints.detection.notation import (
    CHINESE,
    ENGLISH,
    SPECIAL,
    Writing,
    closing,
    literal,
    spell,
    write_out,
)
from agents.complaints.detection.traditional import TRADITIONAL

Owner = TypeVar("Owner")
"""Whatever a phrase belongs to: a rule."""

_LITERAL_WORD = re.compile(r"[a-z0-9']+")
_WORDS = re.compile(r"[a-z0-9][a-z0-9']*")
_PREFIX_LETTERS = 4
"""A first word that is not written out ("refus(e|ed)") is filed under this many letters."""

_NOTHING = r"[^\s\S]"

_KNOWN_WORDS = 50_000
_WORD_CHARS = 24
"""What the index remembers of words met: a few megabytes at most, whatever customers write."""


class Match(NamedTuple, Generic[Owner]):
    """Where a phrase of an owner was found."""

    owner: Owner
    start: int
    end: int


class PhraseIndex(Protocol[Owner]):
    """Finds phrases in a text, from left to right, without overlaps."""

    def find(self, text: str) -> Iterator[Match[Owner]]:
        """Yield the matches in `text`, which must be in lower case."""
        ...


class _Drawer(Generic[Owner]):
    """Phrases filed under one word, the most urgent first; compiled when the word is first met."""

    def __init__(self, writing: Writing) -> None:
        self.owners: list[Owner] = []
        self.try_at: Callable[[str, int], re.Match[str] | None] = self._compile_and_try
        self._writing = writing
        self._phrases: list[str] = []

    def add(self, owner: Owner, phrase: str) -> None:
        self.owners.append(owner)
        self._phrases.append(phrase)

    def compile(self) -> re.Pattern[str]:
        """Compile into one alternation; an empty group behind each phrase tells which matched."""
        return re.compile("|".join(f"{spell(phrase, self._writing)}()" for phrase in self._phrases))

    def _compile_and_try(self, text: str, position: int) -> re.Match[str] | None:
        self.try_at = self.compile().match
        return self.try_at(text, position)


_Filed: TypeAlias = tuple[tuple[_Drawer[Owner], int], ...]
"""The drawers of a word, and how far into the word their phrases begin."""


class _Known(dict[str, _Filed[Owner]]):
    """What is filed under every word met so far: one look-up a word instead of several."""

    def __init__(self, look_up: Callable[[str], _Filed[Owner]]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, word: str) -> _Filed[Owner]:
        found = self._look_up(word)
        if len(self) < _KNOWN_WORDS and len(word) <= _WORD_CHARS:
            self[word] = found
        return found


class EnglishIndex(Generic[Owner]):
    """Phrases filed under their first word, or its first four letters if it is not written out."""

    def __init__(self, phrases: Sequence[tuple[Owner, str]]) -> None:
        self._drawers: dict[str, _Drawer[Owner]] = {}
        self._prefixes: dict[str, _Drawer[Owner]] = {}
        for owner, phrase in _written_out(phrases, _is_english_filed):
            word = _english_word(phrase)
            if _ends_word(phrase, len(word)):
                drawer = self._drawers.setdefault(word, _Drawer(ENGLISH))
            else:
                drawer = self._prefixes.setdefault(word[:_PREFIX_LETTERS], _Drawer(ENGLISH))
            drawer.add(owner, phrase)
        self._known = _Known(self._look_up)

    def _look_up(self, word: str) -> _Filed[Owner]:
        """File `don't` under itself, `don` and `'t`: a phrase may begin at the negation."""
        stem = word.partition("'")[0]
        places: list[tuple[_Drawer[Owner] | None, int]] = [
            (self._drawers.get(word), 0),
            (self._drawers.get(stem) if stem != word else None, 0),
            (self._prefixes.get(stem[:_PREFIX_LETTERS]), 0),
        ]
        if word.endswith("n't"):
            places.append((self._drawers.get("'t"), len(word) - len("'t")))
        return tuple((drawer, offset) for drawer, offset in places if drawer is not None)

    def find(self, text: str) -> Iterator[Match[Owner]]:
        """Yield the matches in `text`, which must be in lower case."""
        filed_under = self._known
        end = 0
        for word in _WORDS.finditer(text):
            for drawer, offset in filed_under[word[0]]:
                start = word.start() + offset
                if start < end:
                    continue
                found = drawer.try_at(text, start)
                if found is not None:
                    end = found.end()
                    yield Match(drawer.owners[(found.lastindex or 1) - 1], start, end)
                    break

    def drawers(self) -> Iterator[_Drawer[Owner]]:
        """Yield all drawers, for tests that compile every phrase."""
        yield from self._drawers.values()
        yield from self._prefixes.values()


class ChineseIndex(Generic[Owner]):
    """Phrases filed under their first two characters, or the only one, in all their forms."""

    def __init__(self, phrases: Sequence[tuple[Owner, str]]) -> None:
        self._drawers: dict[str, _Drawer[Owner]] = {}
        singles: list[tuple[Owner, str]] = []
        pairs: dict[str, list[tuple[Owner, str]]] = {}
        for item in _written_out(phrases, _is_chinese_filed):
            key = literal(item[1])[:2]
            (singles if len(key) == 1 else pairs.setdefault(key, [])).append(item)
        for key, members in pairs.items():
            # What is filed under the first character alone may stand here too.
            self._file(key, members + [item for item in singles if item[1][0] == key[0]])
        for key in {phrase[0] for _, phrase in singles}:
            self._file(key, [item for item in singles if item[1][0] == key])
        self._places = _places(self._drawers)
        self._known: _Known[Owner] = _Known(self._look_up)

    def _look_up(self, pair: str) -> _Filed[Owner]:
        drawer = self._drawers.get(pair) or self._drawers.get(pair[0])
        return () if drawer is None else ((drawer, 0),)

    def _file(self, key: str, members: Sequence[tuple[Owner, str]]) -> None:
        drawer: _Drawer[Owner] = _Drawer(CHINESE)
        for owner, phrase in members:
            drawer.add(owner, phrase)
        for spelled in product(*(char + TRADITIONAL.get(char, "") for char in key)):
            self._drawers.setdefault("".join(spelled), drawer)

    def find(self, text: str) -> Iterator[Match[Owner]]:
        """Yield the matches in `text`, which must be in lower case."""
        filed_under = self._known
        end = 0
        for place in self._places.finditer(text):
            start = place.start()
            for drawer, _ in filed_under[text[start : start + 2]]:
                found = drawer.try_at(text, start) if start >= end else None
                if found is not None:
                    end = found.end()
                    yield Match(drawer.owners[(found.lastindex or 1) - 1], start, end)

    def drawers(self) -> Iterator[_Drawer[Owner]]:
        """Yield all drawers, for tests that compile every phrase."""
        yield from dict.fromkeys(self._drawers.values())


def _places(keys: Iterable[str]) -> re.Pattern[str]:
    """Match a character where a key may begin: one that begins a pair before one that ends one."""
    pairs = [key for key in keys if len(key) > 1]
    first, second = (_any_of(pair[at] for pair in pairs) for at in (0, 1))
    alone = _any_of(key for key in keys if len(key) == 1)
    # One class in front lets `re` skip ahead to the characters in question.
    begins = _any_of(key[0] for key in keys)
    return re.compile(f"{begins}(?:(?<={first})(?={second})|(?<={alone}))")


def _any_of(characters: Iterable[str]) -> str:
    listed = "".join(sorted(set(characters)))
    return f"[{re.escape(listed)}]" if listed else _NOTHING


def _written_out(
    phrases: Sequence[tuple[Owner, str]], is_filed: Callable[[str], bool]
) -> list[tuple[Owner, str]]:
    return [(owner, text) for owner, phrase in phrases for text in write_out(phrase, is_filed)]


def _is_english_filed(phrase: str) -> bool:
    word = _english_word(phrase)
    return bool(word) and (
        _ends_word(phrase, len(word)) or len(literal(phrase[: len(word) + 1])) >= _PREFIX_LETTERS
    )


def _english_word(phrase: str) -> str:
    first = _LITERAL_WORD.match(phrase)
    return "" if first is None else first[0]


def _ends_word(phrase: str, at: int) -> bool:
    is_optional = phrase[at + 1 : at + 2] == "?"
    return at == len(phrase) or (
        (phrase[at] in " …" or phrase[at] not in SPECIAL) and not is_optional
    )


def _is_chinese_filed(phrase: str) -> bool:
    """Two plain characters, or one with something after it that cannot be written out."""
    at = len(literal(phrase))
    follows = phrase[at : at + 1]
    if at != 1:
        return at > 1
    is_repeated = follows == "(" and phrase[closing(phrase, 1) + 1 : closing(phrase, 1) + 2] in (
        "*",
        "+",
        "{",
    )
    return is_repeated or (follows != "(" and phrase[2:3] != "?")
