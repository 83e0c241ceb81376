"""Rows on disk, in RocksDB: for state larger than memory, and for restarts that read only a tail.

One database per lane. Keys are `r` + key for rows, `w` + key for wake-up times and `d` + key for
the times of deletions, so that both can be read without the rows; `m` holds the mark. Every flush
is one atomic write batch: after a kill the store stands where an earlier flush left it, and the
changelog gives the rest. Nothing is synced to the disk for the same reason.
"""

import logging
from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, cast, overload

import msgspec

from streams.engine.envelope import NEVER, is_deleted, wake_of
from streams.engine.errors import ConfigurationError
from streams.engine.stores import StoreMark

if TYPE_CHECKING:
    from rocksdict import Rdict

__all__ = ["RocksStore", "require_rocksdb"]

_ROW, _WAKE, _DELETED, _MARK = b"r", b"w", b"d", b"m"
_INT = Struct(">q")
_COUNT: Final = b"c"
_SCAN_ROWS: Final = 1_000
"""Rows per step of a scan: no iterator is held between steps, so a lane can be closed meanwhile."""
_SEEN_ROWS: Final = 50_000
"""Rows read since the last flush that are remembered, because the flush asks for them again."""
_WRITE_BUFFER_BYTES: Final = 16 << 20
"""Memory per lane for rows on their way to disk; RocksDB's default is four times that."""
_OPEN_FILES: Final = 256
"""Per lane: a worker with many partitions must not run out of file descriptors."""
_LOG_FILES: Final = 2
"""RocksDB's own logs; nobody reads more of them."""

log = logging.getLogger(__name__)


def require_rocksdb() -> None:
    """Raise `ConfigurationError` where rocksdict is not installed."""
    try:
        import rocksdict  # noqa: F401  # an optional dependency
    except ImportError as error:
        raise ConfigurationError(
            "rows are to be kept in RocksDB, which is not installed here: "
            "pip install rocksdict, or keep them in memory (MANYI_STATE_STORE=memory)"
        ) from error


class RocksStore:
    """The rows of one lane in a directory of its own. Only one process can have it open.

    Raises OSError when another process has, or when the files cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._db: Any = _open(path)
        self._changed: dict[bytes, bytes | None] = {}
        self._seen: dict[bytes, bytes | None] = {}
        self._count = 0
        self.mark: StoreMark | None = None
        found = self._db.get(_MARK)
        if found is not None:
            self.mark = msgspec.msgpack.decode(found, type=StoreMark)
            self._count = _INT.unpack(self._db.get(_COUNT) or b"")[0]

    # --- reading ---------------------------------------------------------------------------------

    @overload
    def get(self, key: bytes) -> bytes | None: ...
    @overload
    def get(self, key: bytes, default: bytes) -> bytes: ...
    def get(self, key: bytes, default: bytes | None = None) -> bytes | None:
        """The row, or the default."""
        for known in (self._changed, self._seen):
            if key in known:
                row = known[key]
                return default if row is None else row
        row = cast("bytes | None", self._db.get(_ROW + key)) if self._count else None
        self._remember(key, row)
        return default if row is None else row

    def _remember(self, key: bytes, row: bytes | None) -> None:
        if len(self._seen) >= _SEEN_ROWS:
            self._seen.clear()
        self._seen[key] = row

    def expect(self, keys: list[bytes]) -> None:
        """Read rows together that are about to be asked for."""
        if not self._count:
            return
        wanted = [key for key in keys if key not in self._seen and key not in self._changed]
        for key, row in zip(wanted, self._db.get([_ROW + key for key in wanted]), strict=True):
            self._remember(key, row)

    def __contains__(self, key: object) -> bool:
        """Whether there is a row."""
        return isinstance(key, bytes) and self.get(key) is not None

    def __len__(self) -> int:
        """Rows, those not flushed yet included."""
        return self._count + sum(
            (row is not None) - (self._before(key) is not None)
            for key, row in self._changed.items()
        )

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows, in order of their keys."""
        return self.scan(b"")

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key begins so, in order of their keys, a thousand at a time."""
        self._assert_flushed()
        for key, row in self._range(_ROW + prefix):
            yield key[1:], row

    def wakes(self) -> Iterator[tuple[int, bytes]]:
        """(wake-up time, key) of all rows that want to be woken, from their own keys."""
        self._assert_flushed()
        for key, wake in self._range(_WAKE):
            yield _INT.unpack(wake)[0], key[1:]

    def deleted(self) -> Iterator[tuple[bytes, int]]:
        """(key, epoch milliseconds) of rows that were deleted."""
        for key, at in self._range(_DELETED):
            yield key[1:], _INT.unpack(at)[0]

    def _range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        start = prefix
        while self._db is not None:  # closed under a reader: the lane is gone, and so is its use
            found: list[tuple[bytes, bytes]] = []
            for key, value in self._db.items(from_key=start):
                if not key.startswith(prefix) or len(found) == _SCAN_ROWS:
                    break
                found.append((key, value))
            yield from found
            if len(found) < _SCAN_ROWS:
                return
            start = found[-1][0] + b"\0"

    # --- writing ---------------------------------------------------------------------------------

    def __setitem__(self, key: bytes, row: bytes) -> None:
        """Put a row; it is on disk after the next flush."""
        self._changed[key] = row

    def pop(self, key: bytes, default: None = None) -> bytes | None:
        """Take a row out."""
        row = self.get(key)
        self._changed[key] = None
        return row

    def flush(self, mark: StoreMark, deleted_at_ms: dict[bytes, int]) -> None:
        """Write what changed, its wake-up times and the mark in one batch."""
        from rocksdict import WriteBatch  # an optional dependency

        self.expect([key for key in self._changed if key not in self._seen])
        self._count = len(self)
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, row in self._changed.items():
            before = self._before(key)
            wake = NEVER if row is None else wake_of(row)
            if row is None:
                delete(_ROW + key)
            else:
                put(_ROW + key, row)
            if wake != (NEVER if before is None else wake_of(before)):
                delete(_WAKE + key) if wake == NEVER else put(_WAKE + key, _INT.pack(wake))
            if row is not None and is_deleted(row):
                put(_DELETED + key, _INT.pack(deleted_at_ms[key]))
            elif before is not None and is_deleted(before):
                delete(_DELETED + key)
        put(_COUNT, _INT.pack(self._count))
        put(_MARK, msgspec.msgpack.encode(mark))
        self._db.write(batch)
        self._changed.clear()
        self._seen.clear()

    def wipe(self) -> None:
        """Forget everything."""
        self._db.close()
        _destroy(self.path)
        self._db = _open(self.path)
        self._changed.clear()
        self._seen.clear()
        self._count = 0
        self.mark = None

    def close(self) -> None:
        """Close the files; what was not flushed is not kept."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _before(self, key: bytes) -> bytes | None:
        """The row on disk."""
        if key not in self._seen:
            self._seen[key] = self._db.get(_ROW + key) if self._count else None
        return self._seen[key]

    def _assert_flushed(self) -> None:
        assert not self._changed, "rows are scanned between flushes only"


def _open(path: str) -> "Rdict":
    """The database, created where there is none; raises OSError on a lock or broken files."""
    from rocksdict import Options, Rdict  # an optional dependency

    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_open_files(_OPEN_FILES)
    options.set_keep_log_file_num(_LOG_FILES)
    options.set_paranoid_checks(True)
    try:
        return Rdict(path, options)
    except Exception as error:  # rocksdict raises plain exceptions
        raise OSError(f"{path}: {error}") from error


def _destroy(path: str) -> None:
    from rocksdict import Options, Rdict  # an optional dependency

    Rdict.destroy(path, Options(raw_mode=True))
