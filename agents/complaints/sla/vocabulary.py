"""Words as companies write them: full width or half, upper case or lower, `VIP` or `ＶＩＰ`."""

from __future__ import annotations

import unicodedata


def normal(word: str) -> str:
    """The form in which two words are compared: width, case and space do not matter (NFKC)."""
    if not word.isascii():
        word = unicodedata.normalize("NFKC", word)
    return " ".join(word.casefold().split())
