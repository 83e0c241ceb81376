"""What is written to a changelog in one go: the rows of source batches, of one lane or several."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from streams.engine.rounds import Asked
from streams.engine.rows import ROWS_HEADER
from streams.engine.writer import Rows

__all__ = ["Change", "together"]


class Change(NamedTuple):
    """The rows of one source batch of one lane."""

    scope: bytes
    sealed: Mapping[bytes, bytes]
    decoded: Mapping[bytes, Any]

    @property
    def size(self) -> int:
        """Bytes of keys and rows."""
        scopes = len(self.scope) * len(self.sealed)
        return sum(map(len, self.sealed)) + sum(map(len, self.sealed.values())) + scopes

    def rows(self, count: int) -> Rows:
        """As they are logged; `count` is how many live rows the lane has with them."""
        scope, pairs = self.scope, self.sealed.items()
        return Rows(
            ((scope + key, row) for key, row in pairs) if scope else pairs,
            [(ROWS_HEADER, b"%d" % count)],
        )


def together(
    asked: Sequence[Asked[Change, None]], limit_bytes: int
) -> Iterator[Sequence[Asked[Change, None]]]:
    """Parts that fit into one record batch; a change of its own was measured when it was folded."""
    part: list[Asked[Change, None]] = []
    size = 0
    for each in asked:
        more = each.item.size if len(asked) > 1 else 0
        if part and size + more > limit_bytes:
            yield part
            part, size = [], 0
        part.append(each)
        size += more
    if part:
        yield part
