"""What a lane's new owner must know of its views before it calls them complete."""

from typing import Any, cast

from streams.engine import Lane
from streams.engine.envelope import seal
from streams.engine.rows import LaneRows
from streams.pipeline.tables import CUSTOMERS_STAGE
from streams.pipeline.views import LiveViews
from streams.views import RebuildSource, ViewWriter


class RestoredLane:
    """A lane as listeners see it when its rows are there: it has not looked for its start yet."""

    def __init__(self, applied: int) -> None:
        self.stage = type("Stage", (), {"name": CUSTOMERS_STAGE})
        self.topic, self.partition, self.next_offset = "events", 3, 0
        self.state = LaneRows(10)
        self.state.apply({b"x": seal(applied, -1, b"\x80")}, {}, 0)

    @property
    def applied(self) -> int:
        """Highest source offset in the rows."""
        return self.state.applied

    def rows(self, _table: object) -> list[Any]:
        """None that matter here."""
        return []


async def test_a_new_owner_compares_the_views_with_the_rows_it_restored() -> None:
    """A worker that died between rows and views leaves views that lag: they must be rebuilt."""
    owned: dict[int, int] = {}

    class Writer(ViewWriter):
        def own(self, partition: int, applied: int) -> None:
            owned[partition] = applied

    def make_writer(source: RebuildSource) -> ViewWriter:
        return Writer(None, partitions=8, source=source)

    await LiveViews(make_writer).on_restored(cast(Lane, RestoredLane(applied=41)))
    assert owned == {3: 41}
