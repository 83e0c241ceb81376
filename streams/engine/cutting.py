"""Cutting what was fetched into batches whose rows fit into one changelog record batch.

A lane's state is always that of a whole source batch, because its rows go out in one record batch,
which Kafka appends whole or not at all. So a source batch must not touch more than fits. Before the
agent has run nobody knows which rows it will write; the estimate is: the rows there are under the
record's own key, once per key, plus twice the record. A wrong estimate costs a second fold in
halves, never a wrong state.
"""

from collections.abc import Callable, Iterator, Sequence

from streams.engine.stage import SourceRecord

__all__ = ["cut"]


def cut(
    records: Sequence[SourceRecord],
    size_of_rows: Callable[[bytes], int],
    largest_row_bytes: int,
    limit_bytes: int,
) -> Iterator[Sequence[SourceRecord]]:
    """Consecutive pieces of `records`, each estimated to stay below `limit_bytes`, none empty.

    `size_of_rows` gives the bytes of all rows under a key; `largest_row_bytes` lets the common case
    pass without looking at single records.
    """
    value_bytes = sum(len(record.value or b"") for record in records)
    if 2 * value_bytes + len(records) * largest_row_bytes <= limit_bytes:
        if records:
            yield records
        return
    start, total, seen = 0, 0, set[bytes]()
    for index, record in enumerate(records):
        key = record.key or b""
        size = 2 * len(record.value or b"") + (0 if key in seen else size_of_rows(key))
        if total + size > limit_bytes and index > start:
            yield records[start:index]
            start, total = index, 0
            seen.clear()
            size = 2 * len(record.value or b"") + size_of_rows(key)
        seen.add(key)
        total += size
    yield records[start:]
