"""The catalogue of a partition's rows: which keys are known, which window starts exist, what goes.

Keys are bounded per dimension, and a key once known stays known, so that a correction finds the row
it has to correct. Window starts are removed when they have grown old, a bounded number at a time.
"""

from bisect import insort
from collections.abc import Mapping

from agents.satisfaction.rollup import OTHER, UNKNOWN, RowKey, encode_row_key, label_key, start_of
from agents.satisfaction.state import RowState
from schemas.rollup import SatisfactionCatalogue
from schemas.satisfaction import Dimension, Window

CATALOGUE_KEY = b""
"""The catalogue entry of the partition; entries of window starts have the head of their rows."""

PRUNED_STARTS = 16
"""Window starts removed in one flush at most, so that no batch grows without bound."""

GROUPED = ("channel", "team", "category", "region", "tier")
"""The dimensions that have keys, in the order of `Labels`."""


class Shelf:
    """The catalogue during one flush: read once, written once if it changed."""

    def __init__(self, state: RowState, keys_per_dimension: int) -> None:
        self._state = state
        self._limit = keys_per_dimension
        found = state.get_catalogue(CATALOGUE_KEY)
        self.root = found if found is not None else SatisfactionCatalogue()
        self._known = {name: dict.fromkeys(self.root.keys.get(name, ())) for name in GROUPED}
        self._starts = {window: list(starts) for window, starts in self.root.starts.items()}
        self._changed = False
        self._entries: dict[bytes, dict[str, list[str]]] = {}

    def key_for(self, dimension: str, label: str | None) -> str:
        """The key a label is counted under. A key once known stays known, so taking back works."""
        key = label_key(label)
        if key in (UNKNOWN, OTHER):
            return key
        known = self._known[dimension]
        if key not in known:
            if len(known) >= self._limit:
                return OTHER
            known[key] = None
            self._changed = True
        return key

    def note(self, parts: RowKey) -> None:
        """A row is new: enter it under its window start, so that it can be removed one day."""
        if parts.window is Window.ALL:
            return
        starts = self._starts.setdefault(parts.window.value, [])
        head = _start_key(parts.window, parts.hour)
        if head not in self._entries:
            entry = self._state.get_catalogue(head)
            if entry is None:
                insort(starts, parts.hour)
                self._changed = True
            self._entries[head] = (
                {} if entry is None else {name: list(keys) for name, keys in entry.keys.items()}
            )
        self._entries[head].setdefault(parts.dimension.value, []).append(parts.key)

    def close(self, newest: int, kept_starts: Mapping[Window, int]) -> None:
        """Write the catalogue and remove the starts that have grown old."""
        for head, keys in self._entries.items():
            self._state.put_catalogue(head, SatisfactionCatalogue(keys=keys))
        for window, kept in kept_starts.items():
            starts = self._starts.get(window.value, [])
            gone_until = last_gone(window, newest, kept)
            gone = [hour for hour in starts[:PRUNED_STARTS] if hour <= gone_until]
            for hour in gone:
                self._remove(window, hour)
            if gone:
                self._starts[window.value] = starts[len(gone) :]
                self._changed = True
        if self._changed or newest != self.root.newest_hour:
            keys = {name: list(known) for name, known in self._known.items() if known}
            self._state.put_catalogue(
                CATALOGUE_KEY,
                SatisfactionCatalogue(keys=keys, starts=self._starts, newest_hour=newest),
            )

    def _remove(self, window: Window, hour: int) -> None:
        head = _start_key(window, hour)
        entry = self._state.get_catalogue(head)
        if entry is None:
            return
        for dimension, keys in entry.keys.items():
            for key in keys:
                self._state.delete_row(
                    encode_row_key(RowKey(window, hour, Dimension(dimension), key))
                )
        self._state.delete_catalogue(head)


def _start_key(window: Window, hour: int) -> bytes:
    return encode_row_key(RowKey(window, hour, Dimension.ALL, ""))[:5]


def last_gone(window: Window, newest: int, kept: int) -> int:
    """The youngest start that is too old to be kept once `newest` has been counted."""
    step = 1 if window is Window.HOUR else 24
    return start_of(window, newest) - kept * step
