"""What the engine tells whoever counts: plain method calls, nothing by default."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from streams.engine.lane import Lane

__all__ = ["EngineObserver", "LaneListener"]


class EngineObserver:
    """Override what you want to count. Called from the event loop: be quick, do not raise."""

    def assigned(self, lanes: int) -> None:
        """A rebalance gave this worker so many lanes."""

    def restored(self, topic: str, partition: int, records: int, rows: int, seconds: float) -> None:
        """A changelog partition was read: records read, rows alive after it."""

    def folded(self, lane: "Lane", records: int, skipped: int, seconds: float) -> None:
        """An agent folded a batch; `skipped` records were replays already in the rows."""

    def skipped_ahead(self, lane: "Lane", offsets: int) -> None:
        """So many offsets had no record where one was expected: expired, compacted or markers."""

    def applied(
        self, lane: "Lane", records: int, effects: int, rows: int, row_bytes: int, seconds: float
    ) -> None:
        """A batch went through the barrier; seconds since it was folded."""

    def committed(self, offsets: Mapping[tuple[str, int], int], seconds: float) -> None:
        """Offsets were committed, by (topic, partition)."""

    def commit_refused(self, reason: str) -> None:
        """The group says this worker is not the owner any more; the lanes stop."""

    def foreign_writes(self, topic: str, partition: int, records: int, mended: int) -> None:
        """Somebody else wrote to a changelog of ours; so many rows were written again."""

    def crashed(self, reason: str) -> None:
        """The engine stops the worker: the kind of error."""


class LaneListener(Protocol):
    """Told when a lane gets and loses its rows: views rebuild, deadlines start and stop."""

    async def on_restored(self, lane: "Lane") -> None:
        """The rows are complete; records follow after this returns."""

    async def on_revoked(self, lane: "Lane") -> None:
        """The lane is drained and committed; its rows go away. Must be quick."""
