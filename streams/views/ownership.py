"""What a view writer knows of a partition it owns: how far its views are, and if all are there."""

from dataclasses import dataclass, field

import msgspec

from schemas.view import PartitionProgress
from streams.views.items import ItemKey

encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Owned:
    """A partition this worker writes views for."""

    restored: int
    """Highest source offset in its rows when it was taken over."""
    applied: int
    """Highest source offset whose changes have been put."""
    complete: bool = False
    """Its views hold everything up to `applied`; only then is its progress written."""
    read_through_ms: int = 0
    lag_count: int = 0
    losses: int = 0
    """How often views of it were dropped: a rebuild that was overtaken by one is not complete."""
    touched: set[ItemKey] | None = field(default=None)
    """While it is rebuilt: what changed meanwhile, and is newer than the rows that are read."""

    def lose(self) -> None:
        """Some of its views are gone: they must be rebuilt before they count as complete."""
        self.complete = False
        self.losses += 1

    def progress(self, now: float) -> bytes:
        """The progress as it is written, confirmed at `now`."""
        return encode(
            PartitionProgress(
                as_of_ms=int(now * 1000),
                applied=self.applied,
                read_through_ms=self.read_through_ms,
                lag_count=self.lag_count,
            )
        )
