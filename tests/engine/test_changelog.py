"""A changelog partition: restoring, writing, and other writers."""

import asyncio

import pytest

from streams.engine import TopicPartition
from streams.engine.envelope import NEVER, applied_of, seal
from tests.engine.fakes import ROWS, Producer, Reader, Record, Row
from tests.engine.owners import SCOPE_A, SCOPE_B, TP, Worker, last_per_key, row


async def test_a_restart_gives_the_rows_written() -> None:
    """What one worker wrote the next one has, together with its replay guard and wake-up times."""
    producer = Producer()
    first = Worker(producer)
    await first.changelog.restore()
    await first.write(3, "a", "b")
    await first.write(5, "b", "c")
    second = Worker(producer)
    await second.changelog.restore()
    assert second.counts() == {"a": 3, "b": 5, "c": 5}
    assert second.rows().applied == 5


async def test_only_the_tail_is_read_when_rows_were_kept() -> None:
    """A second restore goes on where the first one ended."""
    producer = Producer()
    worker = Worker(producer)
    await worker.write(3, "a")
    worker.log.records.clear()  # whoever read from the start would see nothing
    other = Worker(producer)
    other.changelog.read_to = worker.changelog.read_to
    await other.write(4, "b")
    await worker.changelog.restore()
    assert worker.counts() == {"a": 3, "b": 4}


async def test_kept_rows_give_way_to_newer_ones_in_the_tail() -> None:
    """Rows read before the rebalance must not survive, decoded, what somebody else wrote since."""
    producer = Producer()
    away, owner = Worker(producer), Worker(producer)
    await away.write(3, "a", "b")
    assert away.rows().get(ROWS, b"ra") == Row(3)
    await owner.changelog.restore()
    await owner.write(7, "a")
    await owner.changelog.write(b"", {b"rb": seal(8, NEVER, b"")}, {b"rb": None})
    await away.changelog.restore()
    assert away.rows().get(ROWS, b"ra") == Row(7)
    assert away.rows().get(ROWS, b"rb") is None
    assert away.rows().applied == 8


async def test_the_end_of_the_last_batch_is_read_although_the_broker_understates_it() -> None:
    """Tansu answers with the start of the last batch; nothing of that batch may be missed."""
    producer = Producer()
    await Worker(producer).write(3, *"abcdefgh")
    worker = Worker(producer, restore_records=2)
    worker.log.reported_end = 1
    await worker.changelog.restore()
    assert len(worker.counts()) == 8
    assert worker.changelog.read_to == 8


async def test_a_log_that_ends_in_holes_is_read_to_its_end() -> None:
    """Compaction and transaction markers leave offsets without records, also at the end."""
    producer = Producer()
    worker = Worker(producer)
    log = worker.log
    log.append([(b"ra", row(1, 1)), (b"rb", row(1, 1))])
    log.end = 9
    await worker.changelog.restore()
    assert worker.changelog.read_to == 9
    log.records.clear()
    log.begin = 9
    empty = Worker(producer)
    await empty.changelog.restore()
    assert (empty.counts(), empty.changelog.read_to) == ({}, 9)


async def test_a_log_cut_off_while_reading_ends_the_restore() -> None:
    """An end that is taken back (unclean leader) must not be waited for."""
    producer = Producer()
    worker = Worker(producer)
    worker.log.append([(b"ra", row(1, 1))])

    class Shrinking(Reader):
        asked = 0

        async def end_offsets(self, tps: object) -> dict[TopicPartition, int]:
            self.asked += 1
            return {TP: 100 if self.asked == 1 else 1}

    worker.changelog._reader_of = lambda _settings: Shrinking(worker.log)
    await worker.changelog.restore()
    assert worker.counts() == {"a": 1}


async def test_a_restore_writes_again_what_a_stale_owner_overwrote() -> None:
    """The newest row must also be the last one, or compaction would destroy it."""
    producer = Producer()
    owner, stale = Worker(producer), Worker(producer)
    await owner.write(9, "a", "b")
    await stale.write(4, "a")
    fresh = Worker(producer)
    await fresh.changelog.restore()
    assert fresh.counts() == {"a": 9, "b": 9}
    assert applied_of(last_per_key(fresh.log)[b"ra"] or b"") == 9


async def test_an_owner_mends_what_was_overwritten_between_its_writes() -> None:
    """The base offset of an acknowledgement gives a foreign writer away."""
    producer = Producer()
    owner, stale = Worker(producer), Worker(producer)
    await owner.write(9, "a", "b")
    await stale.write(4, "a", "z")
    await owner.write(12, "c")
    await owner.audit()
    assert owner.observer.seen == [(2, 1)]
    assert applied_of(last_per_key(owner.log)[b"ra"] or b"") == 9
    assert not owner.changelog.clean


async def test_an_idle_owner_mends_when_it_looks_at_the_end() -> None:
    """Without writes of its own it still notices, once."""
    producer = Producer()
    owner, stale = Worker(producer), Worker(producer)
    await owner.write(9, "a")
    await stale.write(4, "a")
    await owner.audit()
    assert applied_of(last_per_key(owner.log)[b"ra"] or b"") == 9
    end = owner.log.end
    await owner.audit()
    assert owner.log.end == end


async def test_an_idle_owner_mends_where_the_broker_hides_the_last_batch() -> None:
    """The end it is told is where the foreign batch begins; nobody writes behind it."""
    producer = Producer()
    owner, stale = Worker(producer, exact_end_offsets=False), Worker(producer)
    await owner.write(9, "a")
    told = owner.log.end
    await owner.changelog.audit(told)
    await stale.write(4, "a")
    await owner.changelog.audit(told)
    assert owner.observer.seen == [(1, 1)]
    assert applied_of(last_per_key(owner.log)[b"ra"] or b"") == 9


async def test_own_writes_are_not_foreign() -> None:
    """A quiet worker reads nothing back."""
    producer = Producer()
    owner = Worker(producer)
    for applied in range(5):
        await owner.write(applied, "a")
        await owner.audit()
    assert owner.observer.seen == []
    assert owner.changelog.clean


async def test_a_newer_foreign_row_is_left_alone() -> None:
    """A stale owner must not mend away what the true owner wrote."""
    producer = Producer()
    stale, owner = Worker(producer), Worker(producer)
    await stale.write(4, "a")
    await owner.write(9, "a")
    await stale.audit()
    assert applied_of(last_per_key(owner.log)[b"ra"] or b"") == 9


async def test_lanes_share_a_partition_without_mixing() -> None:
    """Rows of two source topics stand side by side, each under its scope."""
    producer = Producer()
    worker = Worker(producer, SCOPE_A, SCOPE_B)
    await worker.write(5, "k", scope=SCOPE_A)
    await worker.write(2, "k", scope=SCOPE_B)
    again = Worker(producer, SCOPE_A, SCOPE_B)
    await again.changelog.restore()
    assert (again.counts(SCOPE_A), again.counts(SCOPE_B)) == ({"k": 5}, {"k": 2})
    assert (again.rows(SCOPE_A).applied, again.rows(SCOPE_B).applied) == (5, 2)
    only_b = Worker(producer, SCOPE_B)
    await only_b.changelog.restore()
    assert only_b.counts(SCOPE_B) == {"k": 2}


async def test_a_neighbour_in_another_worker_is_no_foreign_writer_of_ours() -> None:
    """Another worker may own the other lane of a shared partition."""
    producer = Producer()
    ours, theirs = Worker(producer, SCOPE_A), Worker(producer, SCOPE_B)
    await ours.write(5, "k", scope=SCOPE_A)
    await theirs.write(2, "k", scope=SCOPE_B)
    await ours.write(6, "k", scope=SCOPE_A)
    await ours.audit()
    assert ours.observer.seen == []


async def test_a_deleted_row_gets_its_tombstone_when_it_is_old() -> None:
    """Then it is gone from memory and, after compaction, from the log."""
    producer = Producer()
    worker = Worker(producer, deleted_row_seconds=0.0)
    await worker.write(1, "a", "b")
    await worker.changelog.write(b"", {b"ra": seal(2, NEVER, b"")}, {b"ra": None})
    await worker.write(3, "c")
    await asyncio.sleep(0.002)
    await worker.audit()
    assert last_per_key(worker.log)[b"ra"] is None
    assert b"ra" not in worker.rows().sealed
    again = Worker(producer)
    await again.changelog.restore()
    assert again.counts() == {"b": 1, "c": 3}


async def test_a_failed_write_changes_no_row() -> None:
    """Rows are swapped in after the acknowledgement, never before."""
    producer = Producer()
    worker = Worker(producer)
    await worker.write(1, "a")
    producer.fail = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await worker.write(2, "a")
    assert worker.counts() == {"a": 1}


async def test_an_unexpected_key_is_ignored() -> None:
    """A record without a key in a changelog is nobody's row."""
    producer = Producer()
    worker = Worker(producer, SCOPE_A)
    worker.log.records.append(Record(0, None, row(1)))
    worker.log.end = 1
    await worker.changelog.restore()
    assert worker.counts(SCOPE_A) == {}


async def test_lanes_that_write_at_the_same_time_share_a_record_batch() -> None:
    """The batch holds the rows of each with its own count, and a restore finds both states."""
    producer = Producer()
    worker = Worker(producer, SCOPE_A, SCOPE_B)
    await asyncio.gather(
        worker.write(3, "a", "b", scope=SCOPE_A), worker.write(7, "a", scope=SCOPE_B)
    )
    assert [batch.record_count() for _, _, batch in producer.sent] == [3]
    assert [record.headers for record in worker.log.records] == [
        [("rows", b"2")],
        [],
        [("rows", b"1")],
    ]
    assert worker.counts(SCOPE_A) == {"a": 3, "b": 3}
    other = Worker(producer, SCOPE_A, SCOPE_B)
    await other.changelog.restore()
    assert (other.counts(SCOPE_A), other.rows(SCOPE_A).applied) == ({"a": 3, "b": 3}, 3)
    assert (other.counts(SCOPE_B), other.rows(SCOPE_B).applied) == ({"a": 7}, 7)
    assert other.rows(SCOPE_A).missing() == other.rows(SCOPE_B).missing() == 0


async def test_lanes_share_a_record_batch_only_as_far_as_they_fit() -> None:
    """What is too much for one batch goes in several, each lane whole in one of them."""
    producer = Producer()
    worker = Worker(producer, SCOPE_A, SCOPE_B, changelog_soft_bytes=60)
    await asyncio.gather(
        worker.write(3, "a", "b", scope=SCOPE_A), worker.write(7, "a", "b", scope=SCOPE_B)
    )
    assert [batch.record_count() for _, _, batch in producer.sent] == [2, 2]


async def test_a_lane_that_was_let_go_is_not_written_for() -> None:
    """It waited for its turn when its partition went away: nothing of it reaches the log."""
    producer = Producer()
    producer.hold = asyncio.Event()
    worker = Worker(producer, SCOPE_A, SCOPE_B)
    first = asyncio.create_task(worker.write(3, "a", scope=SCOPE_A))
    await producer.has_sent.wait()
    second = asyncio.create_task(worker.write(7, "a", scope=SCOPE_B))
    await asyncio.sleep(0)
    second.cancel()
    producer.hold.set()
    await first
    assert len(worker.log.records) == 1
    assert worker.rows(SCOPE_B).applied == -1
