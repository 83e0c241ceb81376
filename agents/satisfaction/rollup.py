"""Satisfaction rows: their windows and keys, how they are added up, how long they are kept.

Rows form a commutative group under `merge_rows`: partitions, workers and corrections add up in any
order, and what is taken back leaves nothing behind.
"""

import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from agents.satisfaction.counts import merge_counts
from agents.satisfaction.sketch import merge_sketches
from schemas.satisfaction import Dimension, SatisfactionRow, Window

HOUR_SECONDS = 3_600
DAY_HOURS = 24

UNKNOWN = "unknown"
"""The key of what carries no label. It is never dropped, so that groups add up to the total."""

OTHER = "other"
"""The key of everything beyond `KEYS_PER_DIMENSION`."""

KEYS_PER_DIMENSION = 200
"""Distinct keys a partition keeps per dimension: labels are free text, rows must stay bounded."""

KEY_CHARACTERS = 64

KEPT_STARTS: Mapping[Window, int] = {Window.HOUR: 35 * DAY_HOURS, Window.DAY: 800}
"""How many starts a window goes back: five weeks of hours (this hour against the same hour of four
weeks), and two years and a bit of days (this month against the same month a year before)."""

_WINDOW_CODES = {Window.HOUR: b"h", Window.DAY: b"d", Window.ALL: b"a"}
_DIMENSION_CODES = {
    Dimension.ALL: b"*",
    Dimension.CHANNEL: b"c",
    Dimension.TEAM: b"t",
    Dimension.CATEGORY: b"g",
    Dimension.REGION: b"r",
    Dimension.TIER: b"v",
}
_WINDOWS = {code: window for window, code in _WINDOW_CODES.items()}
_DIMENSIONS = {code: dimension for dimension, code in _DIMENSION_CODES.items()}
_HEAD = struct.Struct(">cIc")
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class RowKey(NamedTuple):
    """What a row covers. `hour` is the window's start in hours since 1970 UTC; 0 for `all`."""

    window: Window
    hour: int
    dimension: Dimension
    key: str

    @property
    def start_at(self) -> datetime | None:
        """The start of the window; None for `all`."""
        return None if self.window is Window.ALL else instant_of(self.hour)

    @property
    def end_at(self) -> datetime | None:
        """The end of the window, which is no longer in it; None for `all`."""
        hours = {Window.HOUR: 1, Window.DAY: DAY_HOURS}.get(self.window)
        return None if hours is None else instant_of(self.hour + hours)


def hour_of(at: datetime) -> int:
    """Hours since 1970 UTC of the hour `at` lies in."""
    if at.tzinfo is UTC:  # as all that was decoded: its calendar is read off, not computed
        return (at.toordinal() - _EPOCH_ORDINAL) * DAY_HOURS + at.hour
    return int(at.timestamp() // HOUR_SECONDS)


def instant_of(hour: int) -> datetime:
    """The instant an hour begins."""
    return datetime.fromtimestamp(hour * HOUR_SECONDS, UTC)


def start_of(window: Window, hour: int) -> int:
    """The start of the window that `hour` lies in, in hours since 1970 UTC."""
    match window:
        case Window.HOUR:
            return hour
        case Window.DAY:
            return hour - hour % DAY_HOURS
        case _:
            return 0


def row_key(window: Window, start: datetime | None, dimension: Dimension, key: str) -> bytes:
    """The key of a state row; rows of a window sort by start. `start` may be any instant in it."""
    hour = 0 if start is None else start_of(window, hour_of(start))
    return encode_row_key(RowKey(window, hour, dimension, key))


def encode_row_key(parts: RowKey) -> bytes:
    """The bytes of a row's key."""
    head = _HEAD.pack(_WINDOW_CODES[parts.window], parts.hour, _DIMENSION_CODES[parts.dimension])
    return head + parts.key.encode()


def decode_row_key(key: bytes) -> RowKey:
    """The parts of a row's key; ValueError for bytes that are none."""
    try:
        window, hour, dimension = _HEAD.unpack_from(key)
        return RowKey(_WINDOWS[window], hour, _DIMENSIONS[dimension], key[_HEAD.size :].decode())
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"not the key of a satisfaction row: {key!r}") from error


def label_key(label: str | None) -> str:
    """The key a label is counted under: trimmed, cut, `unknown` where there is none."""
    if not label:
        return UNKNOWN
    return label.strip()[:KEY_CHARACTERS] or UNKNOWN


def merge_rows(left: SatisfactionRow, right: SatisfactionRow) -> SatisfactionRow:
    """Add two rows; associative and commutative. Neither is changed."""
    return SatisfactionRow(
        contacts=left.contacts + right.contacts,
        repeat_contacts=left.repeat_contacts + right.repeat_contacts,
        interactions=left.interactions + right.interactions,
        complaints_opened=left.complaints_opened + right.complaints_opened,
        complaints_resolved=left.complaints_resolved + right.complaints_resolved,
        complaints_reopened=left.complaints_reopened + right.complaints_reopened,
        hand_overs=left.hand_overs + right.hand_overs,
        hand_backs=left.hand_backs + right.hand_backs,
        csat=merge_counts(left.csat, right.csat),
        nps=merge_counts(left.nps, right.nps),
        ces=merge_counts(left.ces, right.ces),
        servqual_count=left.servqual_count + right.servqual_count,
        servqual_gap_sum=left.servqual_gap_sum + right.servqual_gap_sum,
        first_response=merge_sketches(left.first_response, right.first_response),
        resolution=merge_sketches(left.resolution, right.resolution),
        met=merge_counts(left.met, right.met),
        breached=merge_counts(left.breached, right.breached),
    )
