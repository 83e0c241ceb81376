"""How far views can be trusted, from the progress of their partitions."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from schemas.view import Freshness, PartitionProgress

STALE_SECONDS = 12.0
"""Views that were not confirmed for this long are stale (twelve heartbeats)."""

BEHIND_SECONDS = 30.0
"""Events read through less than this long ago count as caught up; beyond it the board says so."""


def judge(
    progress: Mapping[int, PartitionProgress], expected: Iterable[int], now: float
) -> Freshness:
    """Live, stale, catching_up or empty at `now` (epoch seconds), as the worst partition stands."""
    expected = list(expected)
    known = [progress[p] for p in expected if p in progress]
    stale = [
        p
        for p in expected
        if p not in progress or now - progress[p].as_of_ms / 1000 > STALE_SECONDS
    ]
    lag = sum(p.lag_count for p in known)
    as_of = min((p.as_of_ms for p in known), default=0)
    read_through = min((p.read_through_ms for p in known if p.read_through_ms), default=0)
    behind = bool(lag and read_through) and now - read_through / 1000 > BEHIND_SECONDS
    state = "live"
    if not known:
        state = "empty"
    elif stale:
        state = "stale"
    elif behind:
        state = "catching_up"
    return Freshness(
        state=state,
        as_of_at=_instant(as_of),
        read_through_at=_instant(read_through),
        lag_count=lag,
        stale_partitions=stale,
    )


def _instant(epoch_ms: int) -> datetime | None:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC) if epoch_ms else None
