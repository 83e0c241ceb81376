"""Phone numbers to E.164, as the many ways of writing them mean it.

A number that is masked, withheld or too short to belong to one person links nobody.
"""

import re
from enum import StrEnum
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

NUMBER_CHARS = 80


class HandleFault(StrEnum):
    """Why a value is no handle."""

    BLOCKED = "blocked"
    """A placeholder such as `anonymous`, or a value the operator has blocked."""
    MASKED = "masked"
    """Digits are hidden, so it stands for many people."""
    INVALID = "invalid"
    """Not an address or number of its kind."""


class Normalised(NamedTuple):
    """A normalised value, or None and the reason."""

    value: str | None
    fault: HandleFault | None = None


_SCHEME = re.compile(r"^(?:tel|callto|sms|whatsapp|sip|sips|viber)\s*:\s*", re.IGNORECASE)
_MASK = re.compile(r"[*•＊●]|[xX#]{3,}")
_WITHHELD_WORDS = re.compile(
    r"^\W*(?:anonymous|unknown|restricted|private|unavailable|withheld|blocked|none|null|"
    r"no ?number|no ?caller ?id|匿名|未知|未知号码|隐藏号码)\W*$",
    re.IGNORECASE,
)
_NO_DIGIT = re.compile(r"\D")
_EMPTY = re.compile(r"^[+0\s()./-]*$")
_KEYPAD_WORDS = frozenset({"266696687", "7378742833", "2562533", "8566696", "86282452253"})
"""`anonymous`, `restricted`, `blocked`, `unknown`, `unavailable`, typed on a phone's keypad: what
carriers send for a withheld number."""


def normalise_number(value: str, region: str | None) -> Normalised:
    """Return the number in E.164, with `;ext=` where it has an extension.

    `region` reads numbers without a country code; without it they are invalid. A leading `00` is
    always an international prefix.
    """
    text = _SCHEME.sub("", value.strip())[:NUMBER_CHARS].split("@", 1)[0]
    if _WITHHELD_WORDS.match(text) or _EMPTY.match(text) or text.strip() == "-1":
        return Normalised(None, HandleFault.BLOCKED)
    if _MASK.search(text):
        return Normalised(None, HandleFault.MASKED)
    if text.startswith("00"):
        text = "+" + text[2:].lstrip()
    if _NO_DIGIT.sub("", text) in _KEYPAD_WORDS:
        return Normalised(None, HandleFault.BLOCKED)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return Normalised(None, HandleFault.INVALID)
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return Normalised(None, HandleFault.INVALID)
    if len(set(str(number.national_number))) == 1:
        return Normalised(None, HandleFault.BLOCKED)
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return Normalised(f"{written};ext={number.extension}" if number.extension else written)
