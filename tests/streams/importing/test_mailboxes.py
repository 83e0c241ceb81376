"""Mailboxes fall apart into their mails, and only there."""

from pathlib import Path

import pytest

from streams.importing import mailboxes
from streams.importing.files import open_files
from streams.importing.rows import Reject, Row

BOX = b"""From ann@example.com Mon Mar  2 08:00:00 2026
From: ann@example.com
Subject: One

From here on it gets worse.
>From quoted
>>From twice

From bob@example.com Mon Mar  2 09:00:00 2026
From: bob@example.com
Subject: Two

Bye
"""


def read(tmp_path: Path, data: bytes) -> list[Row | Reject]:
    """Read a mailbox."""
    (tmp_path / "a.mbox").write_bytes(data)
    files = open_files([str(tmp_path / "a.mbox")])
    return [row for file in files for row in mailboxes.read_mbox(file)]


def test_a_mail_begins_with_its_line_after_an_empty_one(tmp_path: Path) -> None:
    """A sentence that starts with From splits nothing; quoted lines lose one mark."""
    one, two = read(tmp_path, BOX)
    assert isinstance(one, Row)
    assert isinstance(two, Row)
    assert b"From here on it gets worse." in one.payload
    assert b"\nFrom quoted\n>From twice\n" in one.payload
    assert two.payload.endswith(b"Bye\n")
    assert (one.where[-2:], two.where[-2:]) == (":1", ":9")


def test_other_line_ends_and_no_mails_at_all(tmp_path: Path) -> None:
    """Windows line ends split as well; an empty box has no mail."""
    assert len(read(tmp_path, BOX.replace(b"\n", b"\r\n"))) == 2
    assert read(tmp_path, b"") == []
    assert read(tmp_path, b"\n\n") == []


def test_a_mail_beyond_all_measure_is_a_reject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines are not held, and the mail behind it is read."""
    monkeypatch.setattr(mailboxes, "MAIL_BYTES", 150)
    one, two = read(tmp_path, BOX.replace(b"worse.", b"worse." * 100))
    assert isinstance(one, Reject)
    assert isinstance(two, Row)


def test_a_single_mail_is_its_file(tmp_path: Path) -> None:
    """One file, one mail; an empty file is a reject."""
    for name, data in (("a.eml", b"From: a@b\n\nHi"), ("b.eml", b" \n")):
        (tmp_path / name).write_bytes(data)
    first, second = (next(mailboxes.read_eml(file)) for file in open_files([str(tmp_path)]))
    assert isinstance(first, Row)
    assert second == Reject(f"{tmp_path}/b.eml", "an empty file")
