"""Adding tallies to rows: a batch is gathered first, then every row it touches is written once.

A tally belongs to three windows times six dimensions, eighteen rows. Gathering it costs one
dictionary entry; the spreading is done once per distinct (hour, labels), not once per tally: of ten
tallies of a batch nine share theirs with others.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from msgspec.structs import astuple

from agents.effects import Measure, Tally
from agents.satisfaction.rollup import (
    KEPT_STARTS,
    KEY_CHARACTERS,
    KEYS_PER_DIMENSION,
    RowKey,
    encode_row_key,
    hour_of,
    start_of,
)
from agents.satisfaction.shelf import GROUPED, Shelf, last_gone
from agents.satisfaction.sketch import LONGEST_SECONDS, bucket_of, grained
from agents.satisfaction.state import MemoryRows, RowState
from schemas.customer import Labels
from schemas.satisfaction import Dimension, DurationSketch, SatisfactionRow, Window

ROW_KEYS_REMEMBERED = 10_000
"""Keys of rows that are not built again: live traffic counts into the same ones batch after batch.
Some 300 bytes each."""

GAP_GRAIN = 1 << 20
"""SERVQUAL gaps count in whole 2^-20 steps, so that their sum is exact in any order."""

__all__ = ["MemoryRows", "RowState", "TallyBoard", "TallyReason", "apply"]

_STEPS = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}
_DURATIONS = frozenset({"first_response", "resolution"})
_TARGETS = frozenset({"met", "breached"})
_SUMMED = _DURATIONS | {"servqual"}
_VALUED = _SUMMED | _TARGETS | set(_STEPS)
_PLAIN = {measure.value for measure in Measure} - _VALUED
_FIELDS = {measure: measure.value for measure in Measure}
"""A text proper is found among a row's fields several times as fast as a member of an enum."""

Atom = tuple[str, int | str | None]
"""A field of the row and the step in it. A `Measure` is the text of its field."""

SUM = "sum"
"""The step that gathers the sum of a duration or gap, beside the counts of its buckets."""

Counts = dict[Atom, float]
Group = tuple[str, str]
Groups = dict[Group, Counts]


class TallyReason(StrEnum):
    """Why a tally was counted, or not."""

    COUNTED = "counted"
    OFF_SCALE = "off_scale"
    NEGATIVE_DURATION = "negative_duration"
    TOO_LONG = "too_long"
    NO_VALUE = "no_value"
    WINDOW_GONE = "window_gone"
    """Counted, but no longer in a window this old (see `KEPT_STARTS`)."""


def apply(tally: Tally, state: RowState) -> TallyReason:
    """Add one tally to its rows at once. Batches use a `TallyBoard`."""
    board = TallyBoard()
    reason = board.add(tally)
    board.flush(state)
    return reason


class TallyBoard:
    """Gathers the tallies of a batch of one partition, then writes each row they touch once.

    Over the board's life, `counted` is how many tallies were counted, and `reasons` how many were
    not, and why.
    """

    def __init__(
        self,
        keys_per_dimension: int = KEYS_PER_DIMENSION,
        kept_starts: Mapping[Window, int] = KEPT_STARTS,
    ) -> None:
        self.counted = 0
        self.reasons: Counter[TallyReason] = Counter()
        self._keys_per_dimension = keys_per_dimension
        self._kept_starts = kept_starts
        self._cells: dict[tuple[int, Labels], Counts] = {}

    def add(self, tally: Tally) -> TallyReason:
        """Gather one tally. One that cannot be counted changes nothing and says why."""
        field = _FIELDS[tally.measure]
        value = tally.value
        step: int | str | None = None
        total = 0.0
        if value is not None or field in _VALUED:
            reason, step, total = _read(field, value)
            if reason is not TallyReason.COUNTED:
                self.reasons[reason] += 1
                return reason
        cell = (hour_of(tally.at), tally.labels)
        counts = self._cells.get(cell)
        if counts is None:
            counts = self._cells[cell] = {}
        atom: Atom = (field, step)
        counts[atom] = counts.get(atom, 0) + tally.count
        if field in _SUMMED:
            atom = (field, SUM)
            counts[atom] = counts.get(atom, 0) + total * tally.count
        self.counted += 1
        return TallyReason.COUNTED

    def flush(self, state: RowState) -> list[tuple[RowKey, SatisfactionRow]]:
        """Write what was gathered; returns the rows as they now are. Removes what has grown old."""
        if not self._cells:
            return []
        hours = _by_hour(self._cells)
        self._cells = {}
        shelf = Shelf(state, self._keys_per_dimension)
        newest = max(shelf.root.newest_hour, *hours)
        changes = {at_hour: _by_group(cells, shelf) for at_hour, cells in hours.items()}
        written = []
        for window, hour, counts_by_group in _by_window(changes):
            if window is not Window.ALL and hour <= last_gone(
                window, newest, self._kept_starts[window]
            ):
                self.reasons[TallyReason.WINDOW_GONE] += len(counts_by_group)
                continue
            for (dimension, key), counts in counts_by_group.items():
                parts, encoded = _row_of(window, hour, dimension, key)
                old = state.get_row(encoded)
                if old is None:
                    shelf.note(parts)
                row = _with_counts(old if old is not None else SatisfactionRow(), counts)
                state.put_row(encoded, row)
                written.append((parts, row))
        shelf.close(newest, self._kept_starts)
        return written


@lru_cache(maxsize=ROW_KEYS_REMEMBERED)
def _row_of(window: Window, hour: int, dimension: str, key: str) -> tuple[RowKey, bytes]:
    parts = RowKey(window, hour, Dimension(dimension), key)
    return parts, encode_row_key(parts)


def _by_hour(cells: Mapping[tuple[int, Labels], Counts]) -> dict[int, list[tuple[Labels, Counts]]]:
    hours: dict[int, list[tuple[Labels, Counts]]] = {}
    for (hour, labels), counts in cells.items():
        hours.setdefault(hour, []).append((labels, counts))
    return hours


def _by_group(cells: Iterable[tuple[Labels, Counts]], shelf: Shelf) -> Groups:
    """The counts of one hour in total, and under the keys their labels have in the partition."""
    total: Counts = {}
    groups: Groups = {(Dimension.ALL.value, ""): total}
    by_dimension: list[dict[str, Counts]] = [{} for _ in GROUPED]
    for labels, counts in cells:
        _add(total, counts)
        for by_label, label in zip(by_dimension, astuple(labels), strict=True):
            known = by_label.get(label)
            if known is None:
                by_label[label] = counts.copy()
            else:
                _add(known, counts)
    for name, by_label in zip(GROUPED, by_dimension, strict=True):
        for label, counts in by_label.items():
            _add_to(groups, (name, shelf.key_for(name, label)), counts)
    return groups


def _read(field: str, value: float | str | None) -> tuple[TallyReason, int | str | None, float]:
    """What a value counts as: the step of its field, and what it adds to a sum."""
    if field in _TARGETS:
        if isinstance(value, str) and value:
            return TallyReason.COUNTED, value[:KEY_CHARACTERS], 0.0
        return TallyReason.NO_VALUE, None, 0.0
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return TallyReason.NO_VALUE, None, 0.0
    if field in _DURATIONS:
        if value < 0:
            return TallyReason.NEGATIVE_DURATION, None, 0.0
        if value > LONGEST_SECONDS:
            return TallyReason.TOO_LONG, None, 0.0
        return TallyReason.COUNTED, bucket_of(value), grained(value)
    if field in _STEPS:
        low, high = _STEPS[field]
        step = int(value)
        fits = low <= step <= high and step == value
        return (TallyReason.COUNTED if fits else TallyReason.OFF_SCALE), step, 0.0
    if field == "servqual":
        return TallyReason.COUNTED, None, round(value * GAP_GRAIN) / GAP_GRAIN
    return TallyReason.COUNTED, None, 0.0


def _by_window(hours: Mapping[int, Groups]) -> Iterator[tuple[Window, int, Groups]]:
    """The same counts for hours, for the days they lie in, and for all time."""
    if len(hours) == 1:  # as live traffic is: there is nothing to add up
        ((hour, groups),) = hours.items()
        yield Window.HOUR, hour, groups
        yield Window.DAY, start_of(Window.DAY, hour), groups
        yield Window.ALL, 0, groups
        return
    days: dict[int, Groups] = {}
    everything: Groups = {}
    for hour, groups in hours.items():
        yield Window.HOUR, hour, groups
        day = days.setdefault(start_of(Window.DAY, hour), {})
        for group, counts in groups.items():
            _add_to(day, group, counts)
    for start, groups in days.items():
        yield Window.DAY, start, groups
        for group, counts in groups.items():
            _add_to(everything, group, counts)
    yield Window.ALL, 0, everything


def _add_to(groups: Groups, group: Group, counts: Counts) -> None:
    total = groups.get(group)
    if total is None:
        groups[group] = counts.copy()
    else:
        _add(total, counts)


def _add(total: Counts, counts: Counts) -> None:
    for atom, count in counts.items():
        total[atom] = total.get(atom, 0) + count


def _with_counts(old: SatisfactionRow, counts: Counts) -> SatisfactionRow:
    """`old` plus some counts, as a new row; what no count touches is shared with `old`."""
    # `copy.copy` gets here too, after looking for other ways; msgspec's stubs leave it out.
    row: SatisfactionRow = old.__copy__()  # type: ignore[attr-defined]
    copied: dict[str, Any] = {}
    for (field, step), count in counts.items():
        if not count:
            continue
        if field in _PLAIN:
            setattr(row, field, getattr(row, field) + count)
        elif field in _DURATIONS:
            sketch: DurationSketch = copied.get(field) or _own_sketch(row, field, copied)
            if step == SUM:
                sketch.sum_seconds += count
            else:
                assert isinstance(step, int)
                sketch.count += int(count)
                _step_up(sketch.buckets, step, int(count))
        elif field == "servqual":
            if step == SUM:
                row.servqual_gap_sum += count
            else:
                row.servqual_count += int(count)
        elif step is not None:
            histogram = copied.get(field)
            if histogram is None:
                histogram = copied[field] = dict(getattr(row, field))
                setattr(row, field, histogram)
            _step_up(histogram, step, int(count))
    return row


def _own_sketch(row: SatisfactionRow, field: str, copied: dict[str, Any]) -> DurationSketch:
    shared: DurationSketch = getattr(row, field)
    own = DurationSketch(shared.count, shared.sum_seconds, dict(shared.buckets))
    copied[field] = own
    setattr(row, field, own)
    return own


def _step_up(histogram: dict[Any, int], step: int | str, count: int) -> None:
    total = histogram.get(step, 0) + count
    if total:
        histogram[step] = total
    else:
        histogram.pop(step, None)
