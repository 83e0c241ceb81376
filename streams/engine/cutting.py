"""Cutting what was fetched into batches whose rows fit into one changelog record batch.

A lane's state is always that of a whole source batch, because its rows go out in one record batch,
which Kafka appends whole or not at all. So a source batch must not touch more than fits. Before the
agent has run nobody knows which rows it will write; the estimate is: the rows there are under the
record's own key, once per key, plus twice the record. A wrong estimate costs a second fold in
halves, never a wrong state.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from streams.engine.clients import TopicPartition
from streams.engine.errors import RowTooLargeError
from streams.engine.stage import SourceRecord, Stage

__all__ = ["cut", "too_large"]


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


def too_large(
    stage: Stage, tp: TopicPartition, offset: int, sealed: Mapping[bytes, bytes], limit_bytes: int
) -> RowTooLargeError:
    """The error for one record whose rows do not fit, in words that name the largest."""
    key, row = max(sealed.items(), key=lambda item: len(item[1]))
    table = stage.tables_by_prefix[key[:1]]
    return RowTooLargeError(
        f"{tp.topic}/{tp.partition} offset {offset}: the rows of this one record do not fit into a "
        f"changelog batch of {limit_bytes} bytes; the largest is {key[1:]!r} of table {table.name} "
        f"with {len(row)} bytes. Bound the row"
    )
