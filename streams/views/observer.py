"""What the view writer tells whoever counts: plain method calls, nothing by default."""

from enum import StrEnum


class FlushOutcome(StrEnum):
    """What a flush did."""

    WRITTEN = "written"
    NOTHING = "nothing"
    WAITING = "waiting"
    """Redis failed a moment ago; the next attempt is not due yet."""
    FAILED = "failed"


class ViewObserver:
    """Override what you want to count. Called from the event loop: be quick, do not raise."""

    def written(self, items: int, seconds: float) -> None:
        """A flush wrote so many views."""

    def failed(self, reason: str, pending: int) -> None:
        """A flush failed and will be tried again; so many views wait."""

    def overflowed(self, dropped: int) -> None:
        """Too many views waited; they were dropped, and their partitions are rebuilt later."""

    def rebuilt(self, partition: int, items: int, seconds: float) -> None:
        """The views of a partition were written anew from its rows."""
