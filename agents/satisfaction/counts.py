"""Adding histograms."""

from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K", int, str)


def merge_counts(left: Mapping[K, int], right: Mapping[K, int]) -> dict[K, int]:
    """Add counts by step; steps that come to zero vanish, so that equal counts are equal values."""
    merged = dict(left)
    for step, count in right.items():
        total = merged.get(step, 0) + count
        if total:
            merged[step] = total
        else:
            merged.pop(step, None)
    return merged
