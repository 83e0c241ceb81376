"""A bounded memory of decoded rows, shared by the lanes of a worker: idle keys are bytes only."""

import weakref
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["ABSENT", "DecodedBudget", "DecodedRows"]

ABSENT: Final = object()
"""What `DecodedRows.get` gives for a row it does not remember; None is a row that was deleted."""


class DecodedBudget:
    """How many decoded rows all lanes of a worker may remember together.

    Entries are young or old. When the young ones of all lanes reach the limit, they become the old
    ones everywhere and the previous old ones are forgotten. So a worker holds between `limit` and
    twice `limit` rows, and a busy lane has more of them than an idle one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        """Young rows of all lanes."""
        self._members: weakref.WeakSet[DecodedRows] = weakref.WeakSet()

    def open(self) -> "DecodedRows":
        """The memory of one lane."""
        member = DecodedRows(self)
        self._members.add(member)
        return member

    def spend(self, rows: int) -> None:
        """So many young rows more; grows old together when there are too many."""
        self.used += rows
        if self.used >= self.limit:
            self.used = 0
            for member in self._members:
                member.grow_old()


class DecodedRows:
    """The decoded rows of one lane in two generations: cheaper per hit than an ordered LRU."""

    __slots__ = ("__weakref__", "_budget", "_old", "_young")

    def __init__(self, budget: DecodedBudget) -> None:
        self._budget = budget
        self._young: dict[bytes, Any] = {}
        self._old: dict[bytes, Any] = {}

    def __len__(self) -> int:
        """Rows remembered (a row present in both generations counts twice)."""
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> Any:
        """The row, or the `ABSENT` marker."""
        row = self._young.get(key, ABSENT)
        if row is ABSENT and (row := self._old.pop(key, ABSENT)) is not ABSENT:
            self.put(key, row)
        return row

    def put(self, key: bytes, row: Any) -> None:
        """Remember a row."""
        self._young[key] = row
        self._budget.spend(1)

    def discard(self, key: bytes) -> None:
        """Forget a row: its bytes have changed."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget all: their bytes are gone."""
        self._budget.used -= len(self._young)
        self._young.clear()
        self._old.clear()

    def update(self, rows: Mapping[bytes, Any]) -> None:
        """Remember many rows at once (a batch, so it may exceed the limit by one batch)."""
        before = len(self._young)
        self._young.update(rows)
        self._budget.spend(len(self._young) - before)

    def grow_old(self) -> None:
        """Young rows become old ones, old ones are forgotten."""
        self._old, self._young = self._young, {}
