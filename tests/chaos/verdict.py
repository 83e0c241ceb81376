"""What a judge found: every thing that was compared, how many of each, and what was wrong."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Check", "Verdict"]

SHOWN = 5
"""Findings of each check that are told."""


@dataclass
class Check:
    """One thing that was compared: how many, and what was wrong."""

    name: str
    compared: int = 0
    wrong: list[str] = field(default_factory=list)

    def same(self, what: str, expected: object, found: object) -> None:
        """Compare one thing."""
        self.compared += 1
        if expected != found:
            self.wrong.append(f"{what}: expected {expected!r:.120}, found {found!r:.120}")

    def sets(self, what: str, expected: Iterable[Any], found: Iterable[Any]) -> None:
        """Compare two sets of names."""
        expected, found = set(expected), set(found)
        self.compared += len(expected)
        self.wrong += [f"{what} {name} is missing" for name in sorted(expected - found, key=str)]
        self.wrong += [f"{what} {name} is too many" for name in sorted(found - expected, key=str)]


@dataclass
class Verdict:
    """All checks, and figures that explain them."""

    checks: dict[str, Check] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)

    def check(self, name: str) -> Check:
        """The check of this name."""
        return self.checks.setdefault(name, Check(name))

    @property
    def wrong(self) -> dict[str, list[str]]:
        """The first findings of every check that failed; empty is right."""
        return {name: c.wrong[:SHOWN] for name, c in self.checks.items() if c.wrong}

    def lines(self) -> list[str]:
        """The verdict as a table."""
        rows = [f"{'check':<22} {'compared':>10} {'wrong':>8}"]
        for name, check in self.checks.items():
            rows.append(f"{name:<22} {check.compared:>10,} {len(check.wrong):>8,}")
            rows += [f"    {text}" for text in check.wrong[:SHOWN]]
        return [*rows, *(f"{name}: {count:,}" for name, count in self.figures.items())]
