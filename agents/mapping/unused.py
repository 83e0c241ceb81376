"""Which fields of a payload a mapping does not read: what `manyi map check` shows, so that nothing
is missed."""

from collections.abc import Iterator
from typing import Any

from agents.mapping.engine import Mapping
from agents.mapping.expressions import Path

NAMES = 500
"""Most field names reported for one payload."""


def unused_fields(mapping: Mapping, payload: Any) -> list[str]:
    """List the leaves of a payload that no expression of the mapping reads, as dotted paths,
    sorted.

    Lists are looked through: `items[].sku` is written `items.sku`. Leaves that are null, empty or
    "" are left out.
    """
    found: set[str] = set()
    for path in _leaves(payload, ()):
        if not _is_read(mapping, path):
            found.add(".".join(path))
            if len(found) >= NAMES:
                break
    return sorted(found)


def _is_read(mapping: Mapping, path: Path) -> bool:
    reads = mapping.reads
    return path in reads or any(reads.get(path[:length], False) for length in range(len(path)))


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif value is not None and value != "":
        yield path
