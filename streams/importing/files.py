"""Files as they lie on disk: plain, gzipped, in tar archives, in folders, or standard input.

Everything is read as a stream, once, from front to back, so the size of a file does not matter.
"""

import gzip
import os
import select
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from streams.errors import ExitCode, UserError

STDIN = "-"
HEAD_BYTES = 65_536
"""How much of a file is looked at to tell what it is."""

ARCHIVE_FILES = 5_000_000
"""Most files of one archive or folder that are read."""

_GZIP = b"\x1f\x8b"
_TAR_MARK = slice(257, 262)

READ_ERRORS = (OSError, EOFError, zlib.error, tarfile.TarError)
"""What a damaged or vanished file raises while it is read."""

Advance = Callable[[int], None]
Stop = Callable[[], bool]

POLL_SECONDS = 0.2
"""How long a wait for standard input goes on before it looks whether to stop."""


class OpenFile(NamedTuple):
    """One file to be read: its name for messages, its first bytes, the stream from its start."""

    name: str
    head: bytes
    stream: BufferedReader
    is_named: bool = True
    """Whether the user named it, not the archive or folder that holds it."""


class _Counted(RawIOBase):
    """A stream that tells how many bytes were read of it, for the progress bar."""

    def __init__(self, inner: BinaryIO, advance: Advance) -> None:
        # `read` would wait for a full buffer: records typed into a pipe must arrive as they come.
        self._read = getattr(inner, "read1", inner.read)
        self._advance = advance

    def readable(self) -> bool:
        """It can be read; it cannot be rewound."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into `buffer` and report it."""
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._advance(len(data))
        return len(data)


class _Waiting(RawIOBase):
    """Standard input that can be given up: a blocked read would outlive Ctrl-C."""

    def __init__(self, descriptor: int, should_stop: Stop) -> None:
        self._descriptor = descriptor
        self._should_stop = should_stop

    def readable(self) -> bool:
        """It can be read; it cannot be rewound."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is there; wait for it in small steps; the end once reading is to stop."""
        while not select.select([self._descriptor], [], [], POLL_SECONDS)[0]:
            if self._should_stop():
                return 0
        data = os.read(self._descriptor, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def total_bytes(paths: list[str]) -> int | None:
    """Add up the sizes on disk; None where standard input is among them."""
    if STDIN in paths:
        return None
    return sum(one.stat().st_size for path in paths for one in _below(Path(path)) if one.is_file())


def open_files(
    paths: list[str],
    advance: Advance = lambda count: None,
    should_stop: Stop = lambda: False,
) -> Iterator[OpenFile]:
    """Yield every file below the given paths, unpacked, in the order of their names.

    Close nothing: each stream is closed when the next is asked for. Raises UserError for a path
    that cannot be read at all.
    """
    for path in paths:
        if path == STDIN:
            waiting = _peekable(_Waiting(sys.stdin.fileno(), should_stop))
            yield from _unpacked("standard input", waiting, advance)
            continue
        if not Path(path).exists():
            raise UserError(f"{path}: no such file", "Check the path", ExitCode.USAGE)
        for one in _below(Path(path)):
            with open(one, "rb") as file:
                for found in _unpacked(str(one), file, advance):
                    yield found._replace(is_named=found.is_named and one == Path(path))


def _below(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for count, one in enumerate(sorted(path.rglob("*"))):
        if count >= ARCHIVE_FILES:
            return
        hidden = any(part.startswith(".") for part in one.relative_to(path).parts)
        if one.is_file() and not hidden:
            yield one


def _unpacked(name: str, file: BinaryIO, advance: Advance) -> Iterator[OpenFile]:
    stream = _peekable(_Counted(file, advance))
    if stream.peek(2)[:2] == _GZIP:
        name = name.removesuffix(".gz").replace(".tgz", ".tar")
        stream = _peekable(cast(RawIOBase, gzip.GzipFile(fileobj=stream)))
    head = _head(name, stream)
    if head[_TAR_MARK] == b"ustar":
        yield from _members(name, stream)
    else:
        yield OpenFile(name, head, stream)


def _members(name: str, stream: BufferedReader) -> Iterator[OpenFile]:
    with closing(tarfile.open(fileobj=stream, mode="r|")) as archive:
        for count, member in enumerate(archive):
            if count >= ARCHIVE_FILES:
                return
            if not member.isfile():
                continue
            content = archive.extractfile(member)
            if content is not None:
                inner = _peekable(cast(RawIOBase, content))
                shown = f"{name}:{member.name}"
                if inner.peek(2)[:2] == _GZIP:
                    inner = _peekable(cast(RawIOBase, gzip.GzipFile(fileobj=inner)))
                    shown = shown.removesuffix(".gz")
                yield OpenFile(shown, _head(shown, inner), inner, is_named=False)


def _peekable(raw: RawIOBase) -> BufferedReader:
    return BufferedReader(raw, HEAD_BYTES)


def _head(name: str, stream: BufferedReader) -> bytes:
    try:
        return stream.peek(HEAD_BYTES)[:HEAD_BYTES]
    except READ_ERRORS as error:
        raise UserError(f"{name} cannot be read: {error}", "Check that it is whole") from error
