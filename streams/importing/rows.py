"""Rows of tables and JSON files, one by one: a bad row is told and left out, the next goes on."""

import csv
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from typing import Any, NamedTuple

import ijson  # type: ignore[import-untyped]
import orjson

from streams.errors import ExitCode, UserError
from streams.importing.files import READ_ERRORS, OpenFile

LINE_BYTES = 8_388_608
"""Longest line of JSON lines, as long as the largest record a channel topic takes."""

FIELD_CHARS = 1_048_576
"""Longest field of a CSV row: more means a quote that was never closed."""

DOCUMENT_BYTES = 268_435_456
"""Largest JSON document that is one object: it has to be held as a whole, an array has not."""

REJECTED_CHARS = 10_000
"""How much of a rejected row is kept for the report."""

DELIMITERS = ",;\t|"
"""What may stand between columns; the one that gives most columns is taken."""


class Row(NamedTuple):
    """One row to be mapped: where it stands, and its content."""

    where: str
    payload: Any


class Reject(NamedTuple):
    """A row that could not be read or mapped, why, and what it was (cut)."""

    where: str
    reason: str
    content: str = ""


class ReadOptions(NamedTuple):
    """How tables are to be read; None means: find out."""

    encoding: str | None = None
    delimiter: str | None = None
    path: str | None = None
    """Where the list stands inside a JSON document, such as `data.tickets`."""


# --- CSV ------------------------------------------------------------------------------------------


def read_csv(file: OpenFile, options: ReadOptions) -> Iterator[Row | Reject]:
    """Yield the rows of a table by the names of its first row; empty lines are passed over."""
    csv.field_size_limit(FIELD_CHARS)
    encoding = options.encoding or encoding_of(file.head)
    text = TextIOWrapper(file.stream, encoding, errors="surrogateescape", newline="")
    delimiter = options.delimiter or _delimiter(file.head.decode(encoding, "replace"))
    reader = csv.reader(text, delimiter=delimiter)
    columns: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(f"{file.name}:{line}", f"not CSV: {error}")
            continue
        if not cells or cells == [""]:
            continue
        if columns is None:
            columns = _column_names(cells)
            continue
        yield _csv_row(f"{file.name}:{line}", cells, columns, encoding)


_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def encoding_of(head: bytes) -> str:
    """Tell the encoding of a text by its beginning: a mark, else UTF-8, GB 18030 or Western."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    for name in ("utf-8", "gb18030"):
        # The last line may end inside a character.
        for cut in range(4):
            try:
                head[: len(head) - cut].decode(name)
            except UnicodeDecodeError:
                continue
            return name
    return "cp1252"


def _delimiter(head: str) -> str:
    """Return the delimiter that gives the first line the most columns."""
    line = next((line for line in head.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda one: len(next(csv.reader([line], delimiter=one), [])))


def _column_names(cells: list[str]) -> list[str]:
    """Name the columns; a name that stands twice gets a number."""
    names: list[str] = []
    for cell in cells:
        name, count = cell.strip(), 2
        while name in names:
            name, count = f"{cell.strip()}_{count}", count + 1
        names.append(name)
    return names


def _csv_row(where: str, cells: list[str], columns: list[str], encoding: str) -> Row | Reject:
    content = ",".join(cells)[:REJECTED_CHARS].encode("utf-8", "replace").decode()
    if len(cells) != len(columns):
        reason = f"{len(cells)} columns, but the first row names {len(columns)}"
        return Reject(where, reason, content)
    if any(not cell.isascii() and _has_escapes(cell) for cell in cells):
        return Reject(where, f"bytes that are not {encoding}; say --encoding", content)
    return Row(where, dict(zip(columns, cells, strict=True)))


def _has_escapes(cell: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in cell)


# --- JSON -----------------------------------------------------------------------------------------


def read_jsonl(file: OpenFile, options: ReadOptions) -> Iterator[Row | Reject]:
    """Yield the object of every line; a line that is no JSON is a reject."""
    encoding = options.encoding or encoding_of(file.head)
    number = 0
    while line := file.stream.readline(LINE_BYTES + 1):
        number += 1
        where = f"{file.name}:{number}"
        if len(line) > LINE_BYTES:
            _skip_line(file.stream, line)
            yield Reject(where, f"longer than {LINE_BYTES} bytes", _shown(line))
            continue
        if line.strip() in (b"", b"\xef\xbb\xbf"):
            continue
        try:
            yield Row(where, orjson.loads(_utf8(line, encoding)))
        except (orjson.JSONDecodeError, UnicodeDecodeError) as error:
            yield Reject(where, f"not JSON: {error}", _shown(line))


def _utf8(line: bytes, encoding: str) -> bytes:
    if encoding in ("utf-8", "utf-8-sig"):
        return line.removeprefix(b"\xef\xbb\xbf")
    return line.decode(encoding).encode()


def _skip_line(stream: BufferedReader, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(LINE_BYTES)


def _shown(line: bytes) -> str:
    return line[:REJECTED_CHARS].decode("utf-8", "replace").strip()


def read_json(file: OpenFile, options: ReadOptions) -> Iterator[Row | Reject]:
    """Yield the items of a JSON document: those of its array, of the list at `path`, or itself."""
    head = file.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if options.path is not None:
        yield from _items(file, f"{options.path}.item")
    elif head.startswith(b"["):
        yield from _items(file, "item")
    else:
        yield from _document(file)


def _items(file: OpenFile, prefix: str) -> Iterator[Row | Reject]:
    count = 0
    stream = file.stream
    if file.head.startswith(b"\xef\xbb\xbf"):
        stream.read(3)
    try:
        for count, item in enumerate(ijson.items(stream, prefix, use_float=True), 1):
            yield Row(f"{file.name}:[{count}]", item)
    except (ijson.JSONError, UnicodeDecodeError, OverflowError) as error:
        reason = f"not JSON after item {count}, the rest is not read: {_one_line(error)}"
        yield Reject(f"{file.name}:[{count + 1}]", reason)
        return
    if count == 0 and prefix != "item":
        yield Reject(file.name, f"there is no list with items at {prefix.removesuffix('.item')!r}")


def _document(file: OpenFile) -> Iterator[Row | Reject]:
    data = file.stream.read(DOCUMENT_BYTES + 1)
    if len(data) > DOCUMENT_BYTES:
        reason = f"one object of more than {DOCUMENT_BYTES} bytes; say where its list is: --path"
        yield Reject(file.name, reason)
        return
    try:
        document = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        yield Reject(file.name, f"not JSON: {error}", _shown(data))
        return
    yield Row(file.name, document)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def check_encoding(name: str | None) -> None:
    """Refuse an encoding Python does not know; raises UserError."""
    try:
        if name is not None:
            "".encode(name)
    except LookupError:
        raise UserError(
            f"There is no encoding {name!r}", "Such as utf-8, gb18030, cp1252", ExitCode.USAGE
        ) from None


__all__ = [
    "READ_ERRORS",
    "ReadOptions",
    "Reject",
    "Row",
    "check_encoding",
    "encoding_of",
    "read_csv",
    "read_json",
    "read_jsonl",
]
