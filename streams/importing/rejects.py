"""Rejected rows: the first ones for the screen, all of them for a file."""

from types import TracebackType
from typing import BinaryIO, Self

import orjson

from streams.importing.rows import Reject

SHOWN = 10
"""How many rejects the summary shows; the file has them all."""


class Rejects:
    """A context that collects rejects. With a path, each is a JSON line: where, reason, content."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.first: list[Reject] = []
        self.count = 0

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = open(self._path, "wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, reject: Reject) -> None:
        """Keep one reject."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(reject)
        if self._file is not None:
            self._file.write(orjson.dumps(reject._asdict()) + b"\n")
