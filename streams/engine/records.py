"""What the engine needs of a record that aiokafka hands out."""

from collections.abc import Sequence
from typing import Protocol


class LoggedRecord(Protocol):
    """A record of any log, of a source or of a changelog."""

    @property
    def offset(self) -> int:
        """Position in its partition."""

    @property
    def key(self) -> bytes | None:
        """Record key."""

    @property
    def value(self) -> bytes | None:
        """Raw bytes, or None for a tombstone."""

    @property
    def timestamp(self) -> int:
        """Epoch milliseconds, set by the producer or the broker (topic setting)."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Record headers in order."""
