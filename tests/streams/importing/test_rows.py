"""Rows of tables and JSON, read one by one: a bad one is a reject with its place."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.importing import rows
from streams.importing.files import OpenFile, open_files
from streams.importing.formats import Format, detect
from streams.importing.rows import ReadOptions, Reject, Row

Reader = Callable[[OpenFile, ReadOptions], Iterator[Row | Reject]]
PLAIN = ReadOptions()


def read(
    tmp_path: Path, data: bytes, name: str, reader: Reader, options: ReadOptions = PLAIN
) -> list[Row | Reject]:
    """Write a file and read its rows; the folder is left out of their places."""
    (tmp_path / name).write_bytes(data)
    found = [row for file in open_files([str(tmp_path / name)]) for row in reader(file, options)]
    return [row._replace(where=row.where.removeprefix(f"{tmp_path}/")) for row in found]


def csv_rows(tmp_path: Path, data: bytes, options: ReadOptions = PLAIN) -> list[Row | Reject]:
    """Read a table."""
    return read(tmp_path, data, "a.csv", rows.read_csv, options)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("name,city\nAnn,Köln\n".encode(), "utf-8"),
        ("name,city\nAnn,Köln\n".encode("utf-8-sig"), "utf-8-sig"),
        ("name,city\nAnn,Köln\n".encode("utf-16"), "utf-16"),
        ("name;city\r\nAnn;Köln\r\n".encode(), "utf-8"),
        ("name\tcity\nAnn\tKöln\n".encode(), "utf-8"),
        ("\nname,city\n\nAnn,Köln\n".encode(), "utf-8"),
        (' name , city \n"Ann","Köln"\n'.encode(), "utf-8"),
    ],
)
def test_tables_in_the_ways_they_are_written(tmp_path: Path, data: bytes, encoding: str) -> None:
    """Encoding and delimiter are found out; names of columns lose their spaces."""
    (row,) = csv_rows(tmp_path, data)
    assert isinstance(row, Row)
    assert row.payload == {"name": "Ann", "city": "Köln"}
    assert rows.encoding_of(data) == encoding


def test_chinese_tables_without_a_mark(tmp_path: Path) -> None:
    """What is not UTF-8 but GB 18030 is read as that, even where the sample ends in a character."""
    data = "编号,内容\n1,太慢了\n".encode("gb18030")
    (row,) = csv_rows(tmp_path, data)
    assert isinstance(row, Row)
    assert row.payload == {"编号": "1", "内容": "太慢了"}
    assert rows.encoding_of("太慢了".encode()[:-1]) == "utf-8"


def test_quoted_lines_and_their_numbers(tmp_path: Path) -> None:
    """A quoted field may span lines; a row stands where it begins."""
    found = csv_rows(tmp_path, b'a,b\n1,"x\ny"\n2,z\n')
    assert [row.where for row in found] == ["a.csv:2", "a.csv:4"]
    assert isinstance(found[0], Row)
    assert found[0].payload["b"] == "x\ny"


def test_a_row_of_another_width_is_a_reject(tmp_path: Path) -> None:
    """A row with more or fewer columns than names means something else than it says."""
    found = csv_rows(tmp_path, b"a,b\n1,2\n1,2,3\n4\n5,6\n")
    assert [type(row).__name__ for row in found] == ["Row", "Reject", "Reject", "Row"]
    assert found[1] == Reject("a.csv:3", "3 columns, but the first row names 2", "1,2,3")


def test_bytes_of_another_encoding_are_a_reject(tmp_path: Path) -> None:
    """One Latin line in a UTF-8 table costs that line, and says what to do."""
    text = ("a\n" + "ü\n" * 40_000).encode()
    found = csv_rows(tmp_path, text + b"\xfc\nok\n")
    assert [row.where for row in found if isinstance(row, Reject)] == ["a.csv:40002"]
    rejected = next(row for row in found if isinstance(row, Reject))
    assert rejected.reason == "bytes that are not utf-8; say --encoding"


def test_an_unclosed_quote_costs_what_it_swallowed(tmp_path: Path) -> None:
    """A quote that is never closed ends at the longest field, and the rest is read again."""
    data = b'a,b\n1,"never closed\n' + b"2,x\n" * 400_000
    found = csv_rows(tmp_path, data)
    assert any(isinstance(row, Reject) and "not CSV" in row.reason for row in found)
    assert sum(isinstance(row, Row) for row in found) > 100_000


def test_columns_of_one_name_stay_apart(tmp_path: Path) -> None:
    """A name that stands twice is numbered; a column without a name keeps none."""
    (row,) = csv_rows(tmp_path, b",a,a,a\n0,1,2,3\n")
    assert isinstance(row, Row)
    assert row.payload == {"": "0", "a": "1", "a_2": "2", "a_3": "3"}


def test_said_is_said(tmp_path: Path) -> None:
    """Encoding and delimiter of the options win over what would be found out."""
    options = ReadOptions(encoding="cp1252", delimiter="|")
    (row,) = csv_rows(tmp_path, "a,b|c\n1,2|ü\n".encode("cp1252"), options)
    assert isinstance(row, Row)
    assert row.payload == {"a,b": "1,2", "c": "ü"}


def test_json_lines(tmp_path: Path) -> None:
    """One bad line is a reject; empty lines, a mark and a missing last newline are nothing."""
    data = b'\xef\xbb\xbf{"a": 1}\n\n{"a": \n[2]\n{"a": 3}'
    found = read(tmp_path, data, "a.jsonl", rows.read_jsonl)
    assert [row.payload for row in found if isinstance(row, Row)] == [{"a": 1}, [2], {"a": 3}]
    (bad,) = [row for row in found if isinstance(row, Reject)]
    assert bad.where.endswith("a.jsonl:3")
    assert bad.reason.startswith("not JSON")


def test_an_endless_line_is_skipped(tmp_path: Path) -> None:
    """A line longer than any record is passed over in pieces, and the next one is read."""
    data = b'"' + b"x" * (rows.LINE_BYTES + 10) + b'"\n{"a": 1}\n'
    first, second = read(tmp_path, data, "a.jsonl", rows.read_jsonl)
    assert isinstance(first, Reject)
    assert isinstance(second, Row)


@pytest.mark.parametrize(
    ("data", "path", "payloads"),
    [
        (b'[{"a": 1}, {"a": 2.5}]', None, [{"a": 1}, {"a": 2.5}]),
        (b'{"a": [1, 2]}', None, [{"a": [1, 2]}]),
        (b'{"data": {"tickets": [{"a": 1}], "n": 1}}', "data.tickets", [{"a": 1}]),
        (b'\xef\xbb\xbf [{"a": 1}]', None, [{"a": 1}]),
        (b"[]", None, []),
    ],
)
def test_json_documents(
    tmp_path: Path, data: bytes, path: str | None, payloads: list[object]
) -> None:
    """An array gives its items, an object itself, a path the list that stands there."""
    found = read(tmp_path, data, "a.json", rows.read_json, ReadOptions(path=path))
    assert [row.payload for row in found if isinstance(row, Row)] == payloads
    assert not any(isinstance(row, Reject) for row in found)


def test_json_that_breaks_off_gives_what_it_had(tmp_path: Path) -> None:
    """The items before the break are read; the break is a reject with its place."""
    found = read(tmp_path, b'[{"a": 1}, {"a": 2}, {"a"', "a.json", rows.read_json)
    assert [row.payload for row in found if isinstance(row, Row)] == [{"a": 1}, {"a": 2}]
    assert "not JSON after item 2" in found[-1].reason  # type: ignore[union-attr]


def test_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """A misspelt --path is not an empty import."""
    options = ReadOptions(path="dta")
    (found,) = read(tmp_path, b'{"data": []}', "a.json", rows.read_json, options)
    assert isinstance(found, Reject)
    assert "'dta'" in found.reason


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("a.csv", b"anything", Format.CSV),
        ("a.CSV", b"anything", Format.CSV),
        ("a.ndjson", b"", Format.JSONL),
        ("a.mbox", b"", Format.MBOX),
        ("export", b"id,name\n1,x\n2,y\n", Format.CSV),
        ("export", b'{"a": 1}\n{"a": 2}\n', Format.JSONL),
        ("export", b'{"a":\n 1}', Format.JSON),
        ("export", b"  [1]", Format.JSON),
        ("00012.abc", b"From a@b Thu Aug 22 12:36:23 2002\nSubject: x\n\n", Format.MBOX),
        ("0001", b"Received: x\n by y\nFrom: a@b\n\nHi", Format.EML),
        ("0002", b"From a@b\nReceived: x\n\nHi", Format.EML),
        ("LICENSE", b"Permission is hereby granted: to all, who\nask, for it\n", None),
        ("page", b"<html>a,b\nc,d\n", None),
        ("x.png", b"\x89PNG\r\n\x1a\n\x00\x00", None),
        ("empty", b"", None),
    ],
)
def test_formats_are_told_by_name_then_by_content(
    tmp_path: Path, name: str, data: bytes, form: Format | None
) -> None:
    """The ending of a name decides; without a telling one the first lines do."""
    (tmp_path / name).write_bytes(data)
    assert [detect(file) for file in open_files([str(tmp_path / name)])] == [form]


def test_damage_in_the_middle_is_met_while_reading(tmp_path: Path) -> None:
    """A gzip that breaks off raises one of the errors an import expects."""
    packed = gzip.compress(b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(200_000)))
    with pytest.raises(rows.READ_ERRORS):
        read(tmp_path, packed[: len(packed) // 2], "a.csv.gz", rows.read_csv)
