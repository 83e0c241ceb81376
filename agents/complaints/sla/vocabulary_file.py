"""The company's own words in a policy file: which of them is which severity, which tier."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from agents.complaints.sla.vocabulary import normal
from agents.complaints.sla.yaml_reader import Field, Node, Reader, entry, suggest
from schemas.common import Tier
from schemas.complaint import Severity
from schemas.policy import TierByValue, Vocabulary

SEVERITY_SOURCES = ("priority", "tag", "category")
BY_VALUE = (Tier.VIP, Tier.MAJOR, Tier.COMMON)
"""Tiers a customer can reach by buying, the highest first; who bought less than all is minor."""

MAX_WORDS = 500
"""More words than any company has for four things."""

MINOR_UNITS = 10_000
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"\d{1,13}(\.\d{1,4})?", re.ASCII)


def read_vocabulary(reader: Reader, severity: Node | None, tiers: Node | None) -> Vocabulary:
    """The sections `severity` and `tiers`; what is wrong is left with the reader."""
    severities, sources = _severity(reader, severity)
    words, by_value = _tiers(reader, tiers)
    return Vocabulary(severities=severities, severity_from=sources, tiers=words, by_value=by_value)


def _severity(
    reader: Reader, node: Node | None
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    default = Vocabulary().severity_from
    if node is None:
        return (), default
    fields = reader.mapping(node, "severity", ("from", "map"), required=("map",))
    words = _map(reader, entry(fields, "map"), "severity", tuple(Severity))
    from_node = entry(fields, "from")
    if from_node is None:
        return words, default
    sources = reader.texts(from_node, "from")
    for source in sources:
        if source not in SEVERITY_SOURCES:
            fix = suggest(source, SEVERITY_SOURCES)
            reader.problem(from_node, f"no severity can stand in {source!r}", fix)
    if not sources and not reader.problems:
        reader.problem(from_node, "from names no place", "write priority, tag or category")
    return words, tuple(dict.fromkeys(sources))


def _tiers(
    reader: Reader, node: Node | None
) -> tuple[tuple[tuple[str, str], ...], TierByValue | None]:
    if node is None:
        return (), None
    fields = reader.mapping(node, "tiers", ("map", "by_value"))
    if not fields and not reader.problems:
        reader.problem(node, "tiers says nothing", "add `map:` or `by_value:`, or remove it")
    words = _map(reader, entry(fields, "map"), "tier", tuple(Tier))
    value_node = entry(fields, "by_value")
    return words, None if value_node is None else _by_value(reader, value_node)


def _map(
    reader: Reader, node: Node | None, what: str, known: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Word -> meaning. Two words that are one (`VIP`, `ｖｉｐ`) cannot mean two things."""
    if node is None:
        return ()
    names = tuple(known)
    fields = reader.mapping(node, f"{what} map", None)
    if len(fields) > MAX_WORDS:
        reader.problem(node, f"more than {MAX_WORDS} words", "keep those that are in use")
    seen: dict[str, Field] = {}
    words: list[tuple[str, str]] = []
    for word, (key_node, value_node) in list(fields.items())[:MAX_WORDS]:
        meaning = reader.text(value_node, word)
        if meaning is None:
            continue
        if meaning not in names:
            fix = suggest(meaning, names)
            reader.problem(value_node, f"no {what} is named {meaning!r}", fix)
        twin = seen.setdefault(normal(word), (key_node, value_node))
        if twin[0] is not key_node:
            line = twin[0].start_mark.line + 1
            reader.problem(
                key_node, f"{word!r} is the word of line {line}", "width and case do not matter"
            )
        words.append((word, meaning))
    return tuple(words)


def _by_value(reader: Reader, node: Node) -> TierByValue | None:
    fields = reader.mapping(node, "by_value", ("currency", *BY_VALUE), required=("currency",))
    currency_node = entry(fields, "currency")
    currency = None if currency_node is None else reader.text(currency_node, "currency")
    if currency is not None and not _CURRENCY.fullmatch(currency) and currency_node is not None:
        reader.problem(currency_node, f"{currency!r} is no currency", "write one like CNY or EUR")
    least: list[tuple[str, int]] = []
    for tier in BY_VALUE:
        amount_node = entry(fields, tier)
        if amount_node is None:
            continue
        amount = reader.parsed(amount_node, tier, parse_amount)
        if amount is None:
            continue
        if least and amount >= least[-1][1]:
            fix = f"{tier} is below {least[-1][0]}, so it must need less"
            reader.problem(amount_node, f"{tier} needs as much as {least[-1][0]}", fix)
        least.append((tier.value, amount))
    if not least and not reader.problems:
        reader.problem(
            node, "by_value names no tier", "write `vip: 50000`, what it takes to be one"
        )
    if any(tier == Tier.COMMON for tier, _ in least):
        least.append((Tier.MINOR.value, -(2**62)))
    return TierByValue(currency, tuple(least)) if currency is not None else None


def parse_amount(text: str) -> int:
    """Ten-thousandths of an amount in major units: `199.99` -> 1999900. Raises ValueError."""
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is not an amount: write it like 50000 or 199.99")
    return int(Decimal(text) * MINOR_UNITS)
