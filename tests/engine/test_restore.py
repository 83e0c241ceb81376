"""Restores from changelogs that are whole, compacted, cut or another one, and of rows on disk."""

import asyncio
from pathlib import Path

import pytest

from streams.engine import RowsMissingError
from streams.engine.envelope import NEVER, seal
from streams.engine.rows import guard_row
from tests.engine.fakes import ROWS, Log, Producer, Row
from tests.engine.owners import SCOPE_A, SCOPE_B, Worker


def compact(log: Log, before: int) -> None:
    """Keep the last record per key of what stands before an offset, as Kafka does."""
    last = {record.key: record.offset for record in log.records}
    log.records = [
        record
        for record in log.records
        if record.offset >= before or last[record.key] == record.offset
    ]


async def filled(producer: Producer, *, on_disk: str | None = None, batches: int = 5) -> Worker:
    """An owner that wrote some batches: a row of its own each, and one they all write."""
    worker = Worker(producer, on_disk=on_disk)
    await worker.changelog.restore()
    for applied in range(batches):
        await worker.write(applied, f"k{applied}", "shared")
    return worker


# --- what a changelog has lost --------------------------------------------------------------------


async def test_a_compacted_changelog_gives_every_row() -> None:
    """Compaction takes what was overwritten, and nothing is missing."""
    producer = Producer()
    worker = await filled(producer)
    compact(worker.log, before=worker.log.end)
    again = Worker(producer)
    await again.changelog.restore()
    assert again.counts() == {"k0": 0, "k1": 1, "k2": 2, "k3": 3, "k4": 4, "shared": 4}


async def test_a_cut_changelog_is_refused() -> None:
    """Rows removed from its beginning are noticed by their number, and the message says more."""
    producer = Producer()
    worker = await filled(producer)
    worker.log.begin = 4
    worker.log.records = [record for record in worker.log.records if record.offset >= 4]
    with pytest.raises(RowsMissingError, match=r"speaks of 6 rows, the changelog has 4\. .*copy"):
        await Worker(producer).changelog.restore()
    accepting = Worker(producer, accept_missing_rows=True)
    await accepting.changelog.restore()
    assert len(accepting.counts()) == 4


async def test_a_cut_that_took_nothing_but_old_versions_is_no_loss() -> None:
    """Where the log begins proves nothing: only rows count."""
    producer = Producer()
    worker = Worker(producer)
    for applied in range(4):
        await worker.write(applied, "a", "b")
    worker.log.begin = 6
    worker.log.records = [record for record in worker.log.records if record.offset >= 6]
    again = Worker(producer)
    await again.changelog.restore()
    assert again.counts() == {"a": 3, "b": 3}


async def test_deleted_rows_are_not_missed() -> None:
    """Deletions, their tombstones, and rows that come back are counted as what they are."""
    producer = Producer()
    worker = Worker(producer, deleted_row_seconds=0.0)
    await worker.write(1, "a", "b", "c")
    await worker.changelog.write(
        b"", {b"ra": seal(2, NEVER, b""), b"rb": seal(2, NEVER, b"")}, {b"ra": None, b"rb": None}
    )
    await Worker(producer).changelog.restore()
    await worker.write(3, "b")
    await asyncio.sleep(0.002)
    await worker.audit()
    compact(worker.log, before=worker.log.end)
    again = Worker(producer)
    await again.changelog.restore()
    assert again.counts() == {"b": 3, "c": 1}


async def test_a_batch_without_rows_still_says_how_far_the_lane_is() -> None:
    """Its guard row is nobody's row, and a later restore starts behind it."""
    producer = Producer()
    worker = Worker(producer)
    await worker.write(1, "a")
    await worker.changelog.write(b"", guard_row(9), {})
    again = Worker(producer)
    await again.changelog.restore()
    assert (again.counts(), again.rows().applied) == ({"a": 1}, 9)


# --- rows on disk ---------------------------------------------------------------------------------


async def test_rows_on_disk_are_read_on_from_where_they_stand(tmp_path: Path) -> None:
    """A restart reads the tail, not the changelog; wake-up times and deletions come along."""
    producer = Producer()
    worker = await filled(producer, on_disk=str(tmp_path), batches=40)
    await worker.changelog.write(
        b"", {b"rk0": seal(40, NEVER, b""), b"rk1": seal(40, 77, b"x")}, {b"rk0": None}
    )
    worker.changelog.close()
    await (other := Worker(producer)).changelog.restore()  # on another machine
    await other.write(41, "late")
    again = Worker(producer, on_disk=str(tmp_path))
    await again.changelog.restore()
    assert again.observer.records_read == 3  # the two it knows the log by, and the late one
    assert again.rows().applied == 41
    assert again.rows().get(ROWS, b"rlate") == Row(41)
    assert again.rows().get(ROWS, b"rk0") is None
    assert list(again.rows().deleted_at_ms) == [b"rk0"]
    assert again.rows().wakeups.take_due(100, 10) == [(b"rk1", 77)]
    assert len(again.rows().sealed) == 42
    again.changelog.close()


async def test_a_killed_owner_left_a_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was acknowledged and not written to disk comes from the changelog."""
    producer = Producer()
    worker = await filled(producer, on_disk=str(tmp_path))
    monkeypatch.setattr(worker.rows().sealed, "flush", lambda _mark, _deleted: None)
    await worker.write(9, "k0", "new")  # acknowledged; killed before the store had it
    worker.rows().sealed.close()
    again = Worker(producer, on_disk=str(tmp_path))
    await again.changelog.restore()
    assert again.counts() | {"k0": 9, "new": 9} == again.counts()
    assert len(again.counts()) == 7
    again.changelog.close()


async def test_a_changelog_created_anew_is_recognised(tmp_path: Path) -> None:
    """Other records stand where ours stood: the rows on disk belong to a log that is gone."""
    producer = Producer()
    (await filled(producer, on_disk=str(tmp_path))).changelog.close()
    fresh = Producer()
    other = Worker(fresh)
    for applied in range(20):
        await other.write(applied, "x", "y")
    again = Worker(fresh, on_disk=str(tmp_path))
    await again.changelog.restore()
    assert again.counts() == {"x": 19, "y": 19}
    again.changelog.close()


@pytest.mark.parametrize("end", [0, 4])
async def test_a_changelog_that_lost_its_end_is_recognised(tmp_path: Path, end: int) -> None:
    """Rows on disk must not know more than their changelog."""
    producer = Producer()
    worker = await filled(producer, on_disk=str(tmp_path))
    worker.changelog.close()
    worker.log.records, worker.log.end = worker.log.records[:end], end
    again = Worker(producer, on_disk=str(tmp_path))
    await again.changelog.restore()
    assert len(again.counts()) == (0 if end == 0 else 3)
    again.changelog.close()


async def test_rows_on_disk_do_not_hide_a_cut(tmp_path: Path) -> None:
    """Where the log begins behind what is known of it, it is read whole, and found lacking."""
    producer = Producer()
    worker = await filled(producer, on_disk=str(tmp_path))
    worker.changelog.close()
    other = Worker(producer)
    await other.changelog.restore()
    await other.write(9, "late")
    worker.log.records, worker.log.begin = worker.log.records[-1:], worker.log.end - 1
    with pytest.raises(RowsMissingError):
        await Worker(producer, on_disk=str(tmp_path)).changelog.restore()


async def test_compaction_of_some_known_records_is_no_doubt(tmp_path: Path) -> None:
    """Some of the last records were overwritten since; the others still prove the log."""
    producer = Producer()
    worker = await filled(producer, on_disk=str(tmp_path))
    worker.changelog.close()
    other = Worker(producer)
    await other.changelog.restore()
    await other.write(9, "shared")
    compact(worker.log, before=worker.log.end)
    again = Worker(producer, on_disk=str(tmp_path))
    await again.changelog.restore()
    assert again.observer.records_read == 2
    assert again.counts()["shared"] == 9
    again.changelog.close()


async def test_a_foreign_writer_spoils_rows_on_disk(tmp_path: Path) -> None:
    """Who saw one, with or without writing afterwards, leaves rows the next owner reads anew."""
    for number, writes_after in enumerate((True, False)):
        producer = Producer()
        path = str(tmp_path / str(number))
        owner = await filled(producer, on_disk=path)
        await Worker(producer).write(2, "k0", "foreign")
        if writes_after:
            await owner.write(12, "k1")
        await owner.audit()
        owner.changelog.close()
        again = Worker(producer, on_disk=path)
        await again.changelog.restore()
        assert again.observer.records_read == again.log.end
        again.changelog.close()


async def test_lanes_on_disk_that_share_a_changelog_keep_apart(tmp_path: Path) -> None:
    """Each has its own directory and mark; reading begins at the older one."""
    producer = Producer()
    worker = Worker(producer, SCOPE_A, SCOPE_B, on_disk=str(tmp_path))
    await worker.changelog.restore()
    await worker.write(5, "k", "l", scope=SCOPE_A)
    for applied in range(30):
        await worker.write(applied, "k", scope=SCOPE_B)
    worker.changelog.close()
    again = Worker(producer, SCOPE_A, SCOPE_B, on_disk=str(tmp_path))
    await again.changelog.restore()
    assert (again.counts(SCOPE_A), again.counts(SCOPE_B)) == ({"k": 5, "l": 5}, {"k": 29})
    again.changelog.close()


async def test_an_empty_store_is_no_doubt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A lane that was started and stopped before its first record begins quietly."""
    producer = Producer()
    for _ in range(2):
        worker = Worker(producer, on_disk=str(tmp_path))
        await worker.changelog.restore()
        worker.changelog.close()
    await Worker(producer).write(3, "a")
    worker = Worker(producer, on_disk=str(tmp_path))
    await worker.changelog.restore()
    assert worker.counts() == {"a": 3}
    assert caplog.text == ""
    worker.changelog.close()
