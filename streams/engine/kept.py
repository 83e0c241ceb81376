"""The stores behind the lanes of one changelog partition: opened, trusted or not, marked, closed.

A store that was there before is read like the changelog it came from, up to its mark. Then the
changelog's own records around the mark are compared with what the store remembers of them, and only
after that anything is written to it. With rows in memory all of this does nothing.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec.structs import replace

from streams.engine.clients import TopicPartition
from streams.engine.rows import LaneRows
from streams.engine.shelves import CHECKED_RECORDS, Shelves, Tail, UntrustedStoreError, checksum
from streams.engine.stores import StoreMark

__all__ = ["KeptStores"]

log = logging.getLogger(__name__)


class KeptStores:
    """The stores of the lanes (by scope) that share a changelog partition."""

    def __init__(
        self, tp: TopicPartition, lanes: Mapping[bytes, LaneRows], shelves: Shelves | None
    ) -> None:
        self._tp = tp
        self._lanes = lanes
        self._shelves = shelves
        self._tails: dict[bytes, Tail] = {}  # of stores whose trust is not settled yet
        self._marks: dict[bytes, StoreMark] = {}  # how far the stores are
        self._newest: dict[bytes, deque[Any]] = {}  # last records met by a restore, for checks
        self._is_open = False

    # --- opening ---------------------------------------------------------------------------------

    def open(self) -> int | None:
        """Let lanes keep their rows where they were kept before.

        Returns the changelog offset from which the rest must be read; None where nothing was
        opened: rows are in memory, or the stores are open already.
        """
        if self._shelves is None or self._is_open:
            return None
        self._is_open = True
        starts = []
        for scope, rows in self._lanes.items():
            mark = rows.attach(self._shelves.open(self._tp, scope))
            if mark is not None and not mark.checks:  # it never met a record: there is nothing
                rows.start_over()
                mark = None
            self._marks[scope] = mark or StoreMark(position=0)
            self._newest[scope] = deque(maxlen=CHECKED_RECORDS)
            if mark is not None:
                self._tails[scope] = Tail(mark)
            starts.append(0 if mark is None else self._tails[scope].start)
        return min(starts, default=0)

    def distrust(self, doubt: UntrustedStoreError) -> None:
        """Forget what is in the stores; the changelog is read from its beginning."""
        log.warning("%s/%d: rows on disk are read anew: %s", *self._tp, doubt)
        self._tails.clear()
        for scope, rows in self._lanes.items():
            rows.start_over()
            self._marks[scope] = StoreMark(position=0)
            self._newest[scope].clear()

    def close(self) -> None:
        """Let go of the stores."""
        self.touch()
        for rows in self._lanes.values():
            rows.sealed.close()

    def touch(self) -> None:
        """Note that the stores are in use."""
        if self._shelves is not None:
            for rows in self._lanes.values():
                self._shelves.touch(rows.sealed)

    # --- restoring -------------------------------------------------------------------------------

    def begins(self, start: int, beginning: int) -> None:
        """The log begins at `beginning` now; raises `UntrustedStoreError` if that is too late."""
        if self._tails and start < beginning:
            raise UntrustedStoreError("the changelog begins after what is known of it")

    def look(self, scope: bytes, records: Sequence[Any]) -> None:
        """These records of a lane are read next."""
        if self._marks:
            if (tail := self._tails.get(scope)) is not None:
                tail.look(records)
            cut = len(scope)
            self._lanes[scope].sealed.expect([(each.key or b"")[cut:] for each in records])
            self._newest[scope].extend(records[-CHECKED_RECORDS:])

    def keep(self, position: int) -> None:
        """Everything up to `position` is merged: write it, once all stores are trusted."""
        if not self._marks or not self._is_settled(position):
            return
        for scope, rows in self._lanes.items():
            newest = {each.offset: checksum(each.key, each.value) for each in self._newest[scope]}
            self._marks[scope] = mark = StoreMark(
                position=max(position, self._marks[scope].position),
                checks=newest or self._marks[scope].checks,
            )
            rows.keep(mark)

    def restored(self, position: int) -> None:
        """The log ends at `position`; raises `UntrustedStoreError` if a store knows more."""
        self.keep(position)
        if self._tails:
            raise UntrustedStoreError("the changelog ends before them")

    def _is_settled(self, position: int) -> bool:
        for scope, tail in list(self._tails.items()):
            if not tail.passed(position):
                return False
            del self._tails[scope]
        return True

    # --- writing ---------------------------------------------------------------------------------

    def mark_after(
        self, scope: bytes, sealed: Mapping[bytes, bytes], end: int, *, clean: bool
    ) -> StoreMark | None:
        """The mark of a store that takes these rows, the newest of the log that ends at `end`."""
        if not self._marks:
            return None
        newest = islice(reversed(list(sealed.items())), CHECKED_RECORDS)
        checks = {end - at: checksum(scope + key, row) for at, (key, row) in enumerate(newest, 1)}
        mark = StoreMark(position=end, checks=checks, is_clean=clean)
        self._marks[scope] = mark
        return mark

    def flush(self, scope: bytes) -> None:
        """Write what was taken out of a lane's rows."""
        self._lanes[scope].keep(self._marks.get(scope))

    def spoil(self) -> None:
        """Somebody else wrote to the log: the next owner of these stores must not trust them."""
        for scope, mark in self._marks.items():
            self._marks[scope] = replace(mark, is_clean=False)
            self.flush(scope)
