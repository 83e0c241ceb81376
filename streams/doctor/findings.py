"""What a check found: how bad it is, in a sentence, and what to do about it."""

from enum import StrEnum

from msgspec import Struct


class Health(StrEnum):
    """How a checked thing is. Only `broken` makes the doctor end with status 1."""

    FINE = "fine"
    DOUBTFUL = "doubtful"
    """It works, but not as it should, or not for long."""
    BROKEN = "broken"
    UNKNOWN = "unknown"
    """It could not be looked at, mostly because something before it is broken."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One line of the report."""

    check: str
    health: Health
    says: str
    mend: str = ""


def fine(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, Health.FINE, says)


def doubtful(check: str, says: str, mend: str) -> Finding:
    """Something to look after."""
    return Finding(check, Health.DOUBTFUL, says, mend)


def broken(check: str, says: str, mend: str) -> Finding:
    """manyi cannot run right like this."""
    return Finding(check, Health.BROKEN, says, mend)


def unknown(check: str, says: str) -> Finding:
    """Nobody can tell."""
    return Finding(check, Health.UNKNOWN, says)
