"""Words as companies write them, and what they mean here: `P1`, `紧急`, `Ｐｌａｔｉｎｕｍ`.

Histories keep the words as they were said; the policy that judges translates them. So another
version of the file, or a what-if, reads the same history in its own words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from schemas.common import Tier
from schemas.complaint import Severity
from schemas.policy import Vocabulary

SEVERITY_AT_LEAST = "severity.at_least"
"""A change that raises the severity and never lowers it: a later message says how bad it is."""

VALUE = "value."
"""A change of what the customer bought, by currency, in ten-thousandths: `value.CNY`."""

KNOWN_WORDS = 4_096
"""Words whose plain form is remembered: channels, tiers and teams come again and again."""

_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_OWN_SEVERITIES = {
    "urgent": Severity.CRITICAL,
    "critical": Severity.CRITICAL,
    "highest": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "normal": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "lowest": Severity.LOW,
    "planning": Severity.LOW,
    "紧急": Severity.CRITICAL,
    "高": Severity.HIGH,
    "中": Severity.MEDIUM,
    "低": Severity.LOW,
}
"""What help desks say without being asked to. A policy file may say otherwise."""


@lru_cache(maxsize=KNOWN_WORDS)
def normal(word: str) -> str:
    """The form in which two words are compared: width, case and space do not matter (NFKC)."""
    if not word.isascii():
        word = unicodedata.normalize("NFKC", word)
    return " ".join(word.casefold().split())


def worse(one: Severity, other: Severity) -> Severity:
    """The more severe of two."""
    return one if _RANK[one] >= _RANK[other] else other


class Said(Protocol):
    """What was said of a complaint as it was opened (a `ComplaintContext`)."""

    @property
    def severity(self) -> str:
        """What its words alone say."""

    @property
    def category(self) -> str:
        """What it is about."""

    @property
    def tags(self) -> Sequence[str]:
        """What the help desk hung on it."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """Among them the priority."""


class Words:
    """A policy's vocabulary, ready to be asked. What nobody knows is None, never a default."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._severities = {normal(word): Severity(value) for word, value in vocabulary.severities}
        self._sources = vocabulary.severity_from
        self._tiers = {tier.value: tier for tier in Tier} | {
            normal(word): Tier(value) for word, value in vocabulary.tiers
        }
        self._follows_priority = bool(vocabulary.severities) and "priority" in self._sources
        self._by_value = vocabulary.by_value

    def severity(self, word: str) -> Severity | None:
        """A word of the policy, or one that help desks share (`3 - Moderate`, `urgent`, `高`)."""
        if not word:
            return None
        plain = normal(word)
        known = self._severities.get(plain) or _OWN_SEVERITIES.get(plain)
        if known is not None:
            return known
        parts = plain.replace("-", " ").split()
        return next((_OWN_SEVERITIES[part] for part in parts if part in _OWN_SEVERITIES), None)

    def said(self, priority: str, category: str, tags: Sequence[str]) -> Severity | None:
        """How severe the publisher says it is, from the first place that says it."""
        for source in self._sources:
            if source == "priority":
                found = self.severity(priority)
            else:
                # A tag or category may be any word: only what the policy lists is a severity.
                words = tags if source == "tag" else (category,)
                known = [self._severities.get(normal(word)) for word in words if word]
                found = max(filter(None, known), key=_RANK.__getitem__, default=None)
            if found is not None:
                return found
        return None

    def severity_of(self, context: Said) -> Severity:
        """The severity at opening: the worse of what words alone and what the publisher say."""
        own = self.severity(context.severity)
        said = self.said(context.attributes.get("priority", ""), context.category, context.tags)
        if own is not None and said is not None:
            return worse(own, said)
        return own or said or Severity.MEDIUM

    def changed_severity(self, now: Severity, changes: Mapping[str, str]) -> Severity:
        """The severity after a change; words nobody knows change nothing."""
        if self._follows_priority:
            now = self.severity(changes.get("attributes.priority", "")) or now
        if "category" in self._sources:
            now = self._severities.get(normal(changes.get("category", ""))) or now
        now = self.severity(changes.get("severity", "")) or now
        least = self.severity(changes.get(SEVERITY_AT_LEAST, ""))
        return now if least is None else worse(now, least)

    def tier(self, word: str) -> Tier | None:
        """A word of the policy, or one of the four tiers."""
        return self._tiers.get(word) or self._tiers.get(normal(word)) if word else None

    def tier_of(self, word: str | None, value: Mapping[str, int]) -> Tier:
        """The tier of a customer: as somebody said, else by what they bought, else common.

        `value` is purchases minus refunds by currency, in ten-thousandths.
        """
        said = self.tier(word) if word else None
        if said is not None:
            return said
        if self._by_value is not None:
            bought = value.get(self._by_value.currency, 0)
            for tier, least in self._by_value.at_least:
                if bought >= least:
                    return Tier(tier)
        return Tier.COMMON
