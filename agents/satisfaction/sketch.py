"""Durations as mergeable counts: how many, their sum, and how many per logarithmic bucket.

Sums are kept in whole 1/1024 seconds, which a float holds exactly: so partial sums add up to the
same number in any order, and what is taken back leaves nothing behind.
"""

import math
from collections.abc import Iterable

from agents.satisfaction.counts import merge_counts
from schemas.satisfaction import DurationSketch

BUCKETS_PER_DOUBLING = 4
"""Bounds grow by 2^(1/4), so the middle of a bucket is within 9.1 % of everything in it."""

BELOW_ONE_SECOND = -1
"""The bucket of what took less than a second; its middle is half a second."""

GRAIN = 1_024
"""Sums count whole 1/1024 s: exact in binary, and finer than any channel system's clock."""

LONGEST_SECONDS = 100 * 365 * 86_400.0
"""Longer than any matter lasts: a larger value is a broken clock, and would spoil the sum."""


def bucket_of(seconds: float) -> int:
    """The bucket of a duration of 0 seconds or more."""
    return (
        BELOW_ONE_SECOND if seconds < 1 else math.floor(BUCKETS_PER_DOUBLING * math.log2(seconds))
    )


def grained(seconds: float) -> float:
    """`seconds` rounded to whole 1/1024 s."""
    return round(seconds * GRAIN) / GRAIN


def sketch_of(durations: Iterable[float]) -> DurationSketch:
    """A sketch of some durations in seconds."""
    buckets: dict[int, int] = {}
    count, total = 0, 0.0
    for seconds in durations:
        bucket = bucket_of(seconds)
        buckets[bucket] = buckets.get(bucket, 0) + 1
        count += 1
        total += grained(seconds)
    return DurationSketch(count, total, buckets)


def merge_sketches(left: DurationSketch, right: DurationSketch) -> DurationSketch:
    """Add two sketches; associative and commutative."""
    return DurationSketch(
        left.count + right.count,
        left.sum_seconds + right.sum_seconds,
        merge_counts(left.buckets, right.buckets),
    )


def quantile(sketch: DurationSketch, share: float) -> float | None:
    """The duration below which `share` of them lie (nearest rank), within 9.1 %; None if empty.

    Buckets that are negative on their own (a correction whose other half is in another partition)
    count as empty.
    """
    counts = sorted((bucket, n) for bucket, n in sketch.buckets.items() if n > 0)
    total = sum(n for _, n in counts)
    if total == 0:
        return None
    rank = max(1, math.ceil(share * total))
    seen = 0
    for bucket, n in counts:
        seen += n
        if seen >= rank:
            return middle(bucket)
    raise AssertionError("ranks end at the total")


def middle(bucket: int) -> float:
    """The geometric middle of a bucket, in seconds."""
    if bucket == BELOW_ONE_SECOND:
        return 0.5
    return float(2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING))
