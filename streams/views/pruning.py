"""Removing the oldest views beyond what is kept (`keys.py`), a bounded number at a time.

Every worker may do it at any moment: removing what is gone already does nothing.
"""

from collections.abc import Callable, Iterable
from typing import Any

from schemas.satisfaction import Dimension, Window
from streams.views.keys import KEPT_CUSTOMERS, KEPT_ENDED, KEPT_WINDOW_STARTS, ViewKeys

PRUNED_AT_ONCE = 1_000
"""Old views removed per kind and call: some milliseconds of Redis' time."""


async def prune(
    redis: Any,
    keys: ViewKeys,
    *,
    ended: int = KEPT_ENDED,
    customers: int = KEPT_CUSTOMERS,
    starts: dict[Window, int] | None = None,
) -> int:
    """Remove what is beyond the limits, the oldest first; returns how many entries went."""

    def of_complaint(name: str) -> Iterable[str]:
        return (keys.complaint(name), keys.history(name))

    def of_customer(name: str) -> Iterable[str]:
        return (keys.customer(name), keys.complaints_of(name))

    removed = await _prune(redis, keys.resolved, ended, of_complaint)
    removed += await _prune(redis, keys.closed, ended, of_complaint)
    removed += await _prune(redis, keys.customers, customers, of_customer)
    for window, kept in (starts or KEPT_WINDOW_STARTS).items():

        def of_start(hour: str, window: Window = window) -> Iterable[str]:
            return (keys.satisfaction(window, int(hour), dimension) for dimension in Dimension)

        removed += await _prune(redis, keys.starts(window), kept, of_start)
    return removed


async def _prune(redis: Any, listed: str, kept: int, holds: Callable[[str], Iterable[str]]) -> int:
    over = await redis.zcard(listed) - kept
    if over <= 0:
        return 0
    old = await redis.zrange(listed, 0, min(over, PRUNED_AT_ONCE) - 1)
    names = [name.decode() for name in old]
    pipe = redis.pipeline(transaction=True)
    pipe.unlink(*(key for name in names for key in holds(name)))
    pipe.zrem(listed, *names)
    await pipe.execute()
    return len(names)
