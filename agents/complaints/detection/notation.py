"""The small notation that phrases are written in, and how it becomes a regular expression.

A phrase is what a customer says, in lower case, with regular-expression groups and these
shorthands:

- a space stands for one to three spaces, commas, hyphens or quotation marks (Chinese: up to two
  spaces, or none);
- `…` stands for up to three words of the same sentence, each with the space behind it (Chinese: up
  to six characters of the same clause), `……` for twice that;
- `<name>` stands for a group of words that the file defines;
- `?` behind a space or a letter makes it optional, `*` and `+` behind a group mean at most five
  times.

Every repetition is bounded, so that matching takes time in proportion to the text.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from agents.complaints.detection.traditional import TRADITIONAL

_REPEATS = 5
_GROUP = re.compile(r"<(\w+)>")


def fill_groups(phrase: str, groups: Mapping[str, str]) -> str:
    """Put the named groups of words in. Raises ValueError for a name the file does not define."""
    for name in _GROUP.findall(phrase):
        if name not in groups:
            raise ValueError(f"the phrase {phrase!r} uses <{name}>, which `groups` does not define")
    return _GROUP.sub(lambda match: groups[match[1]].replace("| ", "|"), phrase)


def alternatives(phrase: str) -> list[str]:
    """Split at the bars outside groups; write out a first group: `(a|b) c` is `a c` and `b c`."""
    parts = _split(phrase)
    if len(parts) > 1:
        return [opened for part in parts for opened in alternatives(part)]
    if not phrase.startswith("("):
        return [phrase]
    close = closing(phrase, 0)
    rest = phrase[close + 1 :]
    if rest[:1] in ("*", "+", "{"):
        raise ValueError(
            f"the phrase {phrase!r} begins with a repetition: begin with its telling word"
        )
    heads = _split(phrase[1:close])
    if rest[:1] == "?":
        rest = rest[1:]
        heads.append("")
    return [opened for head in heads for opened in alternatives((head + rest).lstrip())]


def _split(phrase: str) -> list[str]:
    depth = 0
    parts = [""]
    for char in phrase:
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    if depth:
        raise ValueError(f"the phrase {phrase!r} has an unbalanced parenthesis")
    return parts


def closing(phrase: str, start: int) -> int:
    """Return where the parenthesis that opens at `start` closes."""
    depth = 0
    for position in range(start, len(phrase)):
        depth += (phrase[position] == "(") - (phrase[position] == ")")
        if depth == 0:
            return position
    raise ValueError(f"the phrase {phrase!r} has an unbalanced parenthesis")


def with_variants(phrase: str, variants: Mapping[str, str]) -> str:
    """Let every character that is written in several ways match in each of them."""
    if not variants:
        return phrase
    spelled: list[str] = []
    in_class = False
    for char in phrase:
        in_class = (in_class or char == "[") and char != "]"
        others = variants.get(char, "")
        spelled.append(char + others if in_class or not others else f"[{char}{others}]")
    return "".join(spelled)


SPECIAL = frozenset("()[]{}?*+|\\.^$… <")


def literal(phrase: str) -> str:
    """Return the characters at the beginning that stand for themselves."""
    end = next((at for at, char in enumerate(phrase) if char in SPECIAL), len(phrase))
    return (
        phrase[: end - 1] if end and phrase[end : end + 1] in ("?", "*", "+", "{") else phrase[:end]
    )


def write_out(phrase: str, is_filed: Callable[[str], bool]) -> list[str]:
    """Write out what follows the first letters until the phrase can be filed under them."""
    if is_filed(phrase):
        return [phrase]
    at = len(literal(phrase))
    if phrase[at + 1 : at + 2] == "?" and (phrase[at] not in SPECIAL or phrase[at] == " "):
        opened = [phrase[: at + 1] + phrase[at + 2 :], phrase[:at] + phrase[at + 2 :]]
    elif phrase[at : at + 1] == "(":
        opened = [phrase[:at] + tail for tail in alternatives(phrase[at:])]
    else:
        raise ValueError(
            f"the phrase {phrase!r} cannot be filed: begin with its telling word, written out"
        )
    return [filed for text in opened for filed in write_out(text, is_filed)]


# No denial may hide in a gap: "the service was not bad" is no bad service.
_WORD_BETWEEN = r"(?!(?:not|never|no|without)\b)[\w']{1,30}+(?<!n't)[^\w.!?;\n]{1,3}"
_CHARACTER_BETWEEN = r"[^不没沒无無，。！？；,.!?;\n]"


class Writing(NamedTuple):
    """How the shorthands are spelled in a script."""

    space: str
    gap: str
    long_gap: str
    end: str
    variants: Mapping[str, str]


ENGLISH = Writing(
    space=r"[\s,\-\"*]{1,3}",
    gap=rf"(?:{_WORD_BETWEEN}){{0,3}}?",
    long_gap=rf"(?:{_WORD_BETWEEN}){{0,6}}?",
    end=r"\b",
    variants=MappingProxyType({}),
)
CHINESE = Writing(
    space=r"\s{0,2}",
    gap=rf"{_CHARACTER_BETWEEN}{{0,6}}?",
    long_gap=rf"{_CHARACTER_BETWEEN}{{0,12}}?",
    end="",
    variants=TRADITIONAL,
)


def spell(phrase: str, writing: Writing) -> str:
    """Return the regular expression of a phrase, without capturing groups."""
    text = with_variants(phrase, writing.variants).replace("(", "(?:")
    text = text.replace(" ?", f"(?:{writing.space})?").replace(" ", writing.space)
    text = text.replace(")*", f"){{0,{_REPEATS}}}").replace(")+", f"){{1,{_REPEATS}}}")
    return text.replace("……", writing.long_gap).replace("…", writing.gap) + writing.end
