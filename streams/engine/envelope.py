"""A row as it stands in the changelog: two integers in front of the encoded row.

    0        8           16
    | applied | wake_at_ms | row, msgpack …          (both signed, 64 bit, big endian)

`applied` is the source offset up to which the row has seen its lane; it decides between two
writers. `wake_at_ms` is when somebody wants to be woken about this key (epoch milliseconds),
readable without decoding the row. An empty row means *deleted*: it keeps its applied offset until
it is old.
"""

from struct import Struct
from typing import Final

__all__ = [
    "APPLIED_BYTES",
    "HEADER_BYTES",
    "NEVER",
    "NEW_ROW",
    "WAKE_BYTES",
    "applied_of",
    "body_of",
    "header",
    "is_deleted",
    "seal",
    "wake_of",
]

NEVER: Final = -1
"""The wake-up time of a row nobody wants to be woken about."""

_HEADER = Struct(">qq")
_INTEGER = Struct(">q")
HEADER_BYTES: Final = _HEADER.size
APPLIED_BYTES: Final = slice(0, 8)
"""Where the applied offset stands: offsets compare as bytes, for they are never negative."""
WAKE_BYTES: Final = slice(8, 16)
"""Where the wake-up time stands: two rows can be compared without unpacking either."""

_pack = _HEADER.pack
_unpack_integer = _INTEGER.unpack_from


def seal(applied: int, wake_at_ms: int, body: bytes) -> bytes:
    """The changelog value of a row; an empty body marks the row as deleted."""
    return _pack(applied, wake_at_ms) + body


NEW_ROW: Final = _pack(-1, NEVER)
"""What stands before the first row of a key: nothing applied, nobody to wake."""


def header(applied: int, wake_at_ms: int) -> bytes:
    """The first bytes of a sealed row, for many rows with the same two integers."""
    return _pack(applied, wake_at_ms)


def applied_of(sealed: bytes) -> int:
    """The source offset this row has applied."""
    applied: int = _unpack_integer(sealed)[0]
    return applied


def wake_of(sealed: bytes) -> int:
    """When to wake this key, epoch milliseconds, or `NEVER`."""
    wake: int = _unpack_integer(sealed, 8)[0]
    return wake


def body_of(sealed: bytes) -> memoryview:
    """The encoded row without its header."""
    return memoryview(sealed)[HEADER_BYTES:]


def is_deleted(sealed: bytes) -> bool:
    """Whether the row only remembers that it was deleted."""
    return len(sealed) == HEADER_BYTES
