"""Cutting fetched records into batches whose rows fit."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.cutting import cut
from tests.engine.fakes import Record

sizes = st.integers(0, 60)
keys = st.sampled_from([b"a", b"b", b"c", None])


@given(
    st.lists(st.tuples(keys, sizes), max_size=40),
    st.dictionaries(st.sampled_from([b"a", b"b", b"c", b""]), st.integers(0, 100)),
    st.integers(1, 200),
)
def test_pieces_are_the_records_in_order_and_fit(
    plan: list[tuple[bytes | None, int]], rows: dict[bytes, int], limit: int
) -> None:
    """Nothing is lost or turned around; a piece above the limit is a single record."""
    records = [Record(i, key, b"x" * size) for i, (key, size) in enumerate(plan)]
    pieces = list(cut(records, lambda key: rows.get(key, 0), max(rows.values(), default=0), limit))
    assert [record for piece in pieces for record in piece] == records
    for piece in pieces:
        touched = {record.key or b"" for record in piece}
        estimate = sum(2 * len(record.value or b"") for record in piece)
        estimate += sum(rows.get(key, 0) for key in touched)
        assert piece
        assert estimate <= limit or len(piece) == 1


def test_the_common_case_is_not_cut() -> None:
    """Small records over small rows stay one batch, and no row is looked at."""
    records = [Record(i, b"k", b"x") for i in range(1_000)]

    def must_not_look(_key: bytes) -> int:
        raise AssertionError

    assert list(cut(records, must_not_look, 100, 1 << 20)) == [records]


def test_nothing_makes_no_batch() -> None:
    """An empty fetch is no batch."""
    assert list(cut([], lambda _key: 0, 0, 10)) == []
