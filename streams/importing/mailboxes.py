"""Mails out of files: one a file (.eml), or many in a mailbox (mbox)."""

import re
from collections.abc import Iterator

from streams.importing.files import OpenFile
from streams.importing.rows import Reject, Row

MAIL_BYTES = 67_108_864
"""Largest mail that is read: twice what providers let pass. A larger one is a reject."""

LINE_BYTES = 1_048_576

_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_ENVELOPE = re.compile(rb"^From \S+.*\d{4}")


def read_eml(file: OpenFile) -> Iterator[Row | Reject]:
    """Yield the one mail of a file."""
    raw = file.stream.read(MAIL_BYTES + 1)
    if len(raw) > MAIL_BYTES:
        yield Reject(file.name, f"a mail of more than {MAIL_BYTES} bytes")
    elif not raw.strip():
        yield Reject(file.name, "an empty file")
    else:
        yield Row(file.name, raw)


def read_mbox(file: OpenFile) -> Iterator[Row | Reject]:
    """Yield the mails of a mailbox; each begins with a `From ` line after an empty one.

    Of quoted `>From ` lines one `>` is taken away (mboxrd).
    """
    lines: list[bytes] = []
    size = count = 0
    start = number = 1
    after_blank = True
    for line in iter(lambda: file.stream.readline(LINE_BYTES), b""):
        if after_blank and lines and _ENVELOPE.match(line):
            count += 1
            yield _mail(file.name, start, lines, size)
            lines, size, start = [], 0, number
        after_blank = not line.strip()
        number += line.endswith(b"\n")
        size += len(line)
        if size <= MAIL_BYTES:
            lines.append(line)
    if any(line.strip() for line in lines):
        yield _mail(file.name, start, lines, size)


def _mail(name: str, start: int, lines: list[bytes], size: int) -> Row | Reject:
    where = f"{name}:{start}"
    if size > MAIL_BYTES:
        return Reject(where, f"a mail of more than {MAIL_BYTES} bytes")
    head, *rest = lines
    return Row(where, head + _QUOTED_FROM.sub(rb"\1", b"".join(rest)))
