"""Directories for lanes whose rows are on disk: which one, whose it is, and when it goes.

    <state_dir>/<group>/<changelog>-<partition>[.<scope>]~<slot>/
        lane.json   whose rows these are; its time is when they were last in use
        rows/       the database

A lane that moves to another worker leaves its directory behind. If it comes back soon, only the
tail of its changelog is read. What cannot be trusted is wiped: rows of another cluster, an older
layout, or rows that were away for so long that the changelog may have forgotten deletions since.
"""

import logging
import os
import shutil
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from streams.engine.clients import TopicPartition
from streams.engine.errors import ConfigurationError
from streams.engine.rocks import RocksStore, require_rocksdb
from streams.engine.settings import EngineSettings
from streams.engine.stores import StoreMark

__all__ = ["CHECKED_RECORDS", "Shelves", "Tail", "UntrustedStoreError", "checksum"]

LAYOUT: Final = 1
"""Raised when what is in a store changes its meaning; older stores are wiped."""
SLOTS: Final = 4
"""Directories per lane: a worker that hangs may hold one while its successor needs another."""
CHECKED_RECORDS: Final = 16
"""Changelog records a store remembers, to know its changelog again. Compaction takes some away."""

log = logging.getLogger(__name__)


class _Owner(msgspec.Struct):
    """Whose rows a directory holds."""

    layout: int
    cluster: str
    changelog: str
    partition: int
    scope: str


class UntrustedStoreError(Exception):
    """Rows on disk do not belong to the changelog as it is now; they are wiped and read again."""


class Shelves:
    """The directories of one worker."""

    def __init__(self, settings: EngineSettings, cluster: str) -> None:
        require_rocksdb()
        if settings.state_dir is None:
            raise ConfigurationError("rows in RocksDB need a directory: set state_dir")
        self._root = Path(settings.state_dir) / quote(f"group-{settings.group_id}", safe="")
        self._keep_seconds = settings.state_keep_seconds
        self._cluster = cluster

    def open(self, log_tp: TopicPartition, scope: bytes) -> RocksStore:
        """The store of a lane: what is there of it, if that can be trusted, else an empty one.

        Raises `ConfigurationError` when every slot is taken by another process.
        """
        owner = _Owner(LAYOUT, self._cluster, log_tp.topic, log_tp.partition, scope[1:].decode())
        name = f"{owner.changelog}-{owner.partition}" + (f".{owner.scope}" if scope else "")
        problems = []
        for path in self._slots(name):
            try:
                return self._open(path, owner)
            except OSError as error:
                problems.append(str(error))
        raise ConfigurationError(
            f"no directory for the rows of {name} can be used: {'; '.join(problems)}. Give every "
            "worker a state directory of its own, with room on the disk"
        )

    def _slots(self, name: str) -> list[Path]:
        """The slots of a lane, last used first: others only serve when that one is taken."""
        paths = [self._root / f"{quote(name, safe='')}~{slot}" for slot in range(SLOTS)]
        return sorted(paths, key=lambda path: -(_used_at(path) or 0.0))

    def _open(self, path: Path, owner: _Owner) -> RocksStore:
        path.mkdir(parents=True, exist_ok=True)
        used_at, rows = _used_at(path), path / "rows"
        if reason := self._distrust(path, owner, used_at):
            if rows.exists():
                log.warning("rows in %s are not used: %s", path, reason)
            fresh = RocksStore(str(rows))  # locked before anything is thrown away
            fresh.wipe()
            (path / "lane.json").write_bytes(msgspec.json.encode(owner))
            return fresh
        try:
            store = RocksStore(str(rows))
        except OSError as error:
            if "lock" in str(error).lower():
                raise
            log.warning("rows in %s are broken and begin anew: %s", path, error)
            shutil.rmtree(rows)
            store = RocksStore(str(rows))
        if store.mark is not None and not store.mark.is_clean:
            log.warning("rows in %s are not used: somebody else wrote to the changelog", path)
            store.wipe()
        os.utime(path / "lane.json")
        return store

    def _distrust(self, path: Path, owner: _Owner, used_at: float | None) -> str:
        """Why rows in `path` must not be used; empty when they may."""
        if used_at is None:
            return "nothing says whose they are"
        try:
            found = msgspec.json.decode((path / "lane.json").read_bytes(), type=_Owner)
        except msgspec.DecodeError:
            return "nothing says whose they are"
        if found != owner:
            return "they are of another layout, cluster or changelog"
        if time.time() - used_at > self._keep_seconds:
            return "they were not in use for too long"
        return ""

    @staticmethod
    def touch(store: Any) -> None:
        """Note that a store is in use; other kinds of stores have no directory."""
        if isinstance(store, RocksStore):
            os.utime(Path(store.path).parent / "lane.json")

    def clean(self) -> list[Path]:
        """Remove directories nobody has used for `state_keep_seconds`; returns them."""
        removed = []
        for path in self._root.glob("*~*"):
            used_at = _used_at(path)
            if used_at is None or time.time() - used_at <= self._keep_seconds:
                continue
            try:
                RocksStore(str(path / "rows")).close()  # not while somebody has it open
            except OSError as error:
                if "lock" in str(error).lower():
                    continue
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
        if removed:
            log.info("removed the rows of %d lanes that went elsewhere", len(removed))
        return removed


def _used_at(path: Path) -> float | None:
    try:
        return (path / "lane.json").stat().st_mtime
    except OSError:
        return None


def checksum(key: bytes | None, value: bytes | None) -> int:
    """CRC-32 of a changelog record."""
    return zlib.crc32(value or b"", zlib.crc32(key or b""))


class Tail:
    """Compares the changelog with what a store remembers of it, while its tail is read.

    A topic that was created anew, or lost its end and grew another one, has other records where
    the store knows its own. Compaction may have taken some of them, but then not all.
    """

    def __init__(self, mark: StoreMark) -> None:
        self.position = mark.position
        self._checks: Mapping[int, int] = mark.checks
        self.is_confirmed = False

    @property
    def start(self) -> int:
        """Where to begin to read."""
        return min(self._checks, default=self.position)

    def look(self, records: Iterable[Any]) -> None:
        """Compare some records; raises `UntrustedStoreError` on one that is another."""
        for record in records:
            if record.offset >= self.position:
                break
            if (known := self._checks.get(record.offset)) is None:
                continue
            if known != checksum(record.key, record.value):
                raise UntrustedStoreError(f"another record stands at offset {record.offset}")
            self.is_confirmed = True

    def passed(self, position: int) -> bool:
        """Whether the store may be written to, the changelog being read up to `position`."""
        if position < self.position:
            return False
        if not self.is_confirmed:
            raise UntrustedStoreError("the changelog has none of the records known of it")
        return True
