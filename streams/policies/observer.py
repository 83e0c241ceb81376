"""What the policy service tells whoever counts: plain method calls, nothing by default."""

from datetime import datetime
from enum import StrEnum


class Reload(StrEnum):
    """What became of a policy file that was read."""

    PUBLISHED = "published"
    """It is a new version, and in force from now on."""
    IN_FORCE = "in_force"
    """It says what is in force already."""
    SUPERSEDED = "superseded"
    """Another version came into force after it; it is left alone."""
    REFUSED = "refused"
    """It has a mistake, or cannot be read; what was in force stays."""


class PolicyObserver:
    """Override what you want to count. Called from the event loop: be quick, do not raise."""

    def reloaded(self, outcome: Reload) -> None:
        """The file was read, at the start or because it changed."""

    def in_force(self, published_at: datetime, partitions_behind: int) -> None:
        """When the newest version was published, and how many partitions do not know it yet."""

    def reached(self, customers: int) -> None:
        """A retroactive version reached so many customers."""
