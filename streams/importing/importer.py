"""From files to checked records: read, map, check; count everything and lose nothing silently."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from agents.mapping import Mapping, SkipReason
from schemas.codec import MalformedRecord
from streams.errors import ExitCode, UserError
from streams.importing import mailboxes, rows
from streams.importing.files import READ_ERRORS, OpenFile
from streams.importing.formats import Format, detect
from streams.importing.mail_records import OwnAddresses, email_record
from streams.importing.outgoing import CHANNELS, Outgoing, check
from streams.importing.rows import ReadOptions, Reject, Row

Record = dict[str, Any]

NOT_DATA = "not a table, JSON or mail"
UNMAPPED = "a table or JSON among mails, and no --mapping"
SKIPPED = {
    SkipReason.WHEN: "not meant by the mapping (`when`)",
    SkipReason.NOTHING: "no entry of the mapping fits",
}


PER_RECORD = "record"
"""As `native`: each record names its channel itself, in a field `channel`."""


class ImportOptions(NamedTuple):
    """How files are to be understood."""

    mapping: Mapping | None = None
    native: str | None = None
    """Rows are records of the contract already, all for this channel (or `PER_RECORD`)."""
    format: Format | None = None
    """None: found out per file."""
    read: ReadOptions = ReadOptions()
    own: OwnAddresses = OwnAddresses()
    mail_source: str = "mail"
    limit: int | None = None
    """Stop after so many rows."""


@dataclass
class Tally:
    """What became of the rows: `read` = mapped + skipped + rejected rows."""

    read: int = 0
    mapped: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected rows by field or kind of fault, for the summary."""
    problems: Counter[str] = field(default_factory=Counter)
    """Optional fields that were left out or cut, by field and fault."""
    records: Counter[str] = field(default_factory=Counter)
    """Records made, by channel."""


class Importer:
    """Reads files into checked records. `tally` counts; each reject goes to `on_reject`."""

    def __init__(
        self,
        options: ImportOptions,
        now: datetime,
        on_reject: Callable[[Reject], None] = lambda reject: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.options = options
        self.tally = Tally()
        self._now = now
        self._on_reject = on_reject
        self.should_stop = should_stop

    def records(self, files: Iterator[OpenFile]) -> Iterator[Outgoing]:
        """Yield the records of all files, in the order of their rows. Raises UserError only."""
        for file in files:
            yield from self._file(file)
            if self._is_full():
                return

    def _is_full(self) -> bool:
        limit = self.options.limit
        return self.should_stop() or (limit is not None and self.tally.read >= limit)

    def _file(self, file: OpenFile) -> Iterator[Outgoing]:
        form = self.options.format or detect(file)
        if form is None or self._needs_mapping(file, form):
            self.tally.read += 1
            self.tally.skipped[NOT_DATA if form is None else UNMAPPED] += 1
            return
        try:
            for row in self._rows(file, form):
                self.tally.read += 1
                yield from self._row(row, form)
                if self._is_full():
                    return
        except (*READ_ERRORS, UnicodeError) as error:
            self.tally.read += 1
            self._reject(Reject(file.name, f"damaged, the rest is not read: {error}"), "damaged")

    def _needs_mapping(self, file: OpenFile, form: Format) -> bool:
        """Say whether a file cannot be read without a mapping; UserError if the user named it."""
        options = self.options
        if form.is_mail or options.mapping is not None or options.native is not None:
            return False
        if not file.is_named:
            return True
        raise UserError(
            f"{file.name} is {form.value}: what do its columns mean?",
            "Name a mapping: --mapping NAME or a file; `manyi map list` shows those that exist",
            ExitCode.USAGE,
        )

    def _rows(self, file: OpenFile, form: Format) -> Iterator[Row | Reject]:
        if form is Format.EML:
            return mailboxes.read_eml(file)
        if form is Format.MBOX:
            return mailboxes.read_mbox(file)
        read = {
            Format.CSV: rows.read_csv,
            Format.JSONL: rows.read_jsonl,
            Format.JSON: rows.read_json,
        }
        return read[form](file, self.options.read)

    def _row(self, row: Row | Reject, form: Format) -> Iterator[Outgoing]:
        if isinstance(row, Reject):
            self._reject(row, "unreadable")
            return
        made, rejected = self._records_of(row, form)
        if not made:
            self.tally.rejected += rejected
            return
        for channel, record in made:
            try:
                checked = check(channel, record, self._now)
            except MalformedRecord as error:
                rejected = True
                self._reject_part(row, str(error), error.field or error.reason.value)
                continue
            for fault in checked.problems:
                self.tally.problems[fault] += 1
            self.tally.records[channel] += 1
            yield checked.record
        self.tally.rejected += rejected
        self.tally.mapped += not rejected

    def _records_of(self, row: Row, form: Format) -> tuple[list[tuple[str, Record]], bool]:
        """Make the records of a row; tell whether some of them could not be made."""
        options = self.options
        if form.is_mail:
            mail = email_record(row.payload, options.own, options.mail_source, self._now)
            return [("email", mail)], False
        if options.mapping is None:
            return self._native(row)
        result = options.mapping.apply(row.payload)
        if result.skipped is not None:
            self.tally.skipped[SKIPPED[result.skipped]] += 1
        for problem in result.problems:
            self.tally.problems[f"{problem.field}: {problem.reason}"] += 1
        for error in result.errors:
            self._reject_part(row, str(error), error.field)
        return result.records, bool(result.errors)

    def _native(self, row: Row) -> tuple[list[tuple[str, Record]], bool]:
        record, channel = row.payload, self.options.native
        if not isinstance(record, dict):
            self._reject_part(row, "a JSON object is expected", "record")
            return [], True
        if channel == PER_RECORD:
            channel = str(record.pop("channel", None))
        if channel not in CHANNELS:
            reason = f"`channel` must be one of {', '.join(CHANNELS)}, not {channel!r:.40}"
            self._reject_part(row, reason, "channel")
            return [], True
        return [(channel, record)], False

    def _reject(self, reject: Reject, reason: str) -> None:
        self.tally.rejected += 1
        self._tell(reject, reason)

    def _reject_part(self, row: Row, reason: str, blamed: str) -> None:
        """Report one record of a row; the row is counted as rejected once, when it is done."""
        if isinstance(row.payload, bytes):
            content = row.payload[: rows.REJECTED_CHARS].decode("utf-8", "replace")
        else:
            content = orjson.dumps(row.payload, default=str).decode()[: rows.REJECTED_CHARS]
        self._tell(Reject(row.where, reason, content), blamed)

    def _tell(self, reject: Reject, reason: str) -> None:
        self.tally.reasons[reason] += 1
        self._on_reject(reject)
