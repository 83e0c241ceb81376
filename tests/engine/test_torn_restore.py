"""A restore while a former owner's last batch is still coming in."""

from typing import Any

from streams.engine import TopicPartition
from tests.engine.fakes import Producer, Reader, Record
from tests.engine.owners import Worker


class Late(Reader):
    """Reads a log that grows by a whole batch after the first records were read."""

    def __init__(self, former: Worker) -> None:
        super().__init__(former.log)
        self.former: Worker | None = former

    async def getmany(
        self, tp: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Record]]:
        """The next records; after the first of them the former owner's batch arrives."""
        got = await super().getmany(tp, timeout_ms, max_records)
        if (former := self.former) is not None:
            self.former = None
            self.end_seen = former.log.end
            await former.write(4, "a", "b", "c")
        return got

    def highwater(self, _tp: Any) -> int:
        """The end as the first fetch told it, which is what decides."""
        return self.end_seen


async def test_half_a_batch_of_a_former_owner_is_not_taken_in() -> None:
    """One of its rows would say that the whole source batch is applied, and the rest is lost."""
    producer = Producer()
    former = Worker(producer)
    await former.write(3, "a", "b", "c")
    fresh = Worker(producer, restore_records=2)
    fresh.changelog._reader_of = lambda _settings: Late(former)
    await fresh.changelog.restore()
    assert fresh.counts() == {"a": 3, "b": 3, "c": 3}
    assert fresh.rows().applied == 3
    assert fresh.changelog.read_to == 3
