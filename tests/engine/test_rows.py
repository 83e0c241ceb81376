"""Rows of a lane: what a restore makes of a changelog, and what a batch changes."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.decoded import DecodedBudget
from streams.engine.envelope import NEVER, seal
from streams.engine.rows import LaneRows
from tests.engine.fakes import ROWS, Record, Row

pack = msgspec.msgpack.encode


def row(applied: int, count: int = 0) -> bytes:
    """A sealed row."""
    return seal(applied, NEVER, pack(Row(count)))


def merge(rows: LaneRows, key: bytes, value: bytes | None) -> bool:
    """Merge one changelog record; whether it was the newest of its key."""
    stale: set[bytes] = set()
    rows.merge([Record(0, key, value)], 0, stale)
    return not stale


@given(st.permutations(range(6)))
def test_the_highest_applied_offset_wins_in_any_order(order: list[int]) -> None:
    """A restore gives the newest row of a key, wherever stale writers put theirs."""
    rows = LaneRows(10)
    newest = -1
    for applied in order:
        fresh = merge(rows, b"rk", row(applied, applied))
        assert fresh is (applied > newest)
        newest = max(newest, applied)
    assert rows.get(ROWS, b"rk") == Row(5)
    assert rows.applied == 5


def test_a_stale_tombstone_does_not_delete() -> None:
    """A tombstone after a live row can only come from a former owner and must be mended."""
    rows = LaneRows(10)
    merge(rows, b"rk", row(3, 1))
    assert merge(rows, b"rk", None) is False
    assert rows.get(ROWS, b"rk") == Row(1)


def test_a_deleted_row_is_gone_but_guards_its_offset() -> None:
    """Readers see nothing, while an older row of a former owner still loses against it."""
    rows = LaneRows(10)
    rows.apply({b"rk": row(3, 1)}, {b"rk": Row(1)}, 0)
    rows.apply({b"rk": seal(4, NEVER, b"")}, {b"rk": None}, 1000)
    assert rows.get(ROWS, b"rk") is None
    assert list(rows.items(ROWS)) == []
    assert rows.count(ROWS) == 0
    assert merge(rows, b"rk", row(3, 1)) is False


def test_deleted_rows_expire_except_the_one_that_guards_the_lane() -> None:
    """The row that holds the highest applied offset stays: a replay must still be recognised."""
    rows = LaneRows(10)
    rows.apply({b"ra": seal(1, NEVER, b"")}, {b"ra": None}, 1000)
    rows.apply({b"rb": seal(2, NEVER, b"")}, {b"rb": None}, 1000)
    assert rows.expired(1000) == []
    assert rows.expired(1001) == [b"ra"]
    rows.forget(b"ra")
    assert rows.expired(1001) == []
    assert rows.applied == 2


def test_a_row_put_again_after_its_deletion_does_not_expire() -> None:
    """Coming back to life forgets the deletion."""
    rows = LaneRows(10)
    rows.apply({b"ra": seal(1, NEVER, b"")}, {b"ra": None}, 1000)
    rows.apply({b"ra": row(2, 7), b"rb": row(2)}, {b"ra": Row(7), b"rb": Row()}, 2000)
    rows.apply({b"rb": row(3)}, {b"rb": Row()}, 2000)
    assert rows.expired(10_000) == []
    assert rows.get(ROWS, b"ra") == Row(7)


def test_only_a_changed_wake_up_time_is_noted() -> None:
    """Writing a row again with the same time does not wake twice."""
    rows = LaneRows(10)
    for applied in range(3):
        rows.apply({b"ra": seal(applied, 50, b"x")}, {}, 0)
        assert rows.wakeups.take_due(100, 10) == ([(b"ra", 50)] if applied == 0 else [])
    rows.apply({b"ra": seal(4, NEVER, b"")}, {}, 0)
    rows.apply({b"ra": seal(5, 50, b"x")}, {}, 0)
    assert rows.wakeups.take_due(100, 10) == [(b"ra", 50)]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=200), st.integers(1, 8))
def test_decoded_rows_of_all_lanes_are_bounded_and_never_wrong(
    script: list[tuple[int, int]], limit: int
) -> None:
    """A hit is the last value put; all lanes together never have more than twice the limit."""
    budget = DecodedBudget(limit)
    caches = [budget.open() for _ in range(3)]
    model: dict[tuple[int, bytes], int] = {}
    for step, (lane, number) in enumerate(script):
        cache, key = caches[lane], b"%d" % number
        found = cache.get(key)
        if isinstance(found, int):
            assert found == model[lane, key]
        cache.put(key, step)
        model[lane, key] = step
        assert sum(map(len, caches)) <= 2 * limit
        assert cache.get(key) == step or limit == 1
