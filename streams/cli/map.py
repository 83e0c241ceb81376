"""`manyi map`: see the mappings, read one, try one on samples."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agents.mapping import Mapping, MappingResult, shipped, shipped_names, unused_fields
from schemas.codec import MalformedRecord
from streams.console import wide_console
from streams.errors import ExitCode
from streams.importing import rows
from streams.importing.files import open_files
from streams.importing.formats import Format, detect
from streams.importing.mappings import load_mapping, mapping_text
from streams.importing.outgoing import check
from streams.importing.rows import ReadOptions, Reject, Row
from streams.terminal_text import printable

SAMPLES = 10
"""Rows of each file that are shown, unless told otherwise."""

UNUSED = 40


@click.group("map", short_help="Try a mapping of foreign payloads to channel records")
def command() -> None:
    """See the mappings that come along, read one, and try one on samples.

    A mapping is a YAML file that says how another system's payload becomes records of phone, email,
    chat and web, and commands. docs/mapping.md describes the language.
    """


@command.command("list")
def list_mappings() -> None:
    """List the mappings that come along."""
    table = Table(box=None, pad_edge=False)
    for name in ("mapping", "version", "channels", "reads"):
        table.add_column(name)
    for name in shipped_names():
        mapping = shipped(name)
        table.add_row(name, str(mapping.version), ", ".join(mapping.channels), mapping.says)
    wide_console().print(table)


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
def show(name: str) -> None:
    """Print a mapping: to read it, or to start your own from it.

    \b
    manyi map show helpdesk-export > my-helpdesk.yaml
    """
    click.echo(mapping_text(name), nl=False)


@command.command("check", short_help="Check a mapping file, and try it on samples.")
@click.argument("name", metavar="NAME|FILE")
@click.argument("samples", nargs=-1, metavar="[SAMPLE…]")
@click.option(
    "--rows",
    "count",
    type=click.IntRange(1),
    default=SAMPLES,
    show_default=True,
    help="Rows to try of each sample.",
)
@click.option("--encoding", metavar="NAME", help="Such as gb18030. [found out]")
@click.option("--path", metavar="a.b", help="Where the list stands inside a JSON document.")
@click.option("--quiet", is_flag=True, help="Leave out the records; show what is wrong and unused.")
def check_mapping(
    name: str,
    samples: tuple[str, ...],
    count: int,
    encoding: str | None,
    path: str | None,
    quiet: bool,
) -> ExitCode:
    """Check a mapping file, and try it on SAMPLEs: JSON, JSON lines or CSV, or - for standard
    input.

    Shows the records each payload becomes, what was skipped and why, what could not be read, and
    which fields of the payloads no expression reads. Exit status 1 where a record could not be
    made.
    """
    rows.check_encoding(encoding)
    mapping = load_mapping(name)
    console = wide_console()
    says = f": {mapping.says}" if mapping.says else ""
    console.print(f"{escape(mapping.mapped_by)} is in order{escape(says)}")
    trial = Trial(mapping, console, quiet)
    for row in _rows(list(samples), ReadOptions(encoding=encoding, path=path), count):
        trial.row(row)
    if samples:
        trial.summary()
    return ExitCode.FAILED if trial.faults else ExitCode.OK


class Trial:
    """A mapping being tried: shows each payload's outcome and adds up the rest."""

    def __init__(self, mapping: Mapping, console: Console, quiet: bool) -> None:
        self._mapping = mapping
        self._console = console
        self._quiet = quiet
        self._unused: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self.faults = 0

    def row(self, row: Row | Reject) -> None:
        """Map one payload and show what comes of it."""
        self._counts["payloads"] += 1
        if isinstance(row, Reject):
            self._fault(f"{row.where}: {row.reason}")
            return
        result = self._mapping.apply(row.payload)
        shown = [] if self._quiet else [row.where]
        if result.skipped is not None:
            self._counts["skipped"] += 1
            reason = result.skipped.value
            shown = shown and [f"{row.where}  skipped: {_SKIPPED.get(reason, reason)}"]
        else:
            self._unused.update(unused_fields(self._mapping, row.payload))
        for line in shown:
            self._line(line, "bold")
        self._outcome(row, result)

    def _outcome(self, row: Row, result: MappingResult) -> None:
        for channel, record in result.records:
            self._counts["records"] += 1
            if not self._quiet:
                self._show(channel, record)
            self._check(row, channel, record)
        for problem in result.problems:
            self._counts["problems"] += 1
            self._line(f"  {problem.field} left out: {problem.reason}")
        for error in result.errors:
            self._fault(f"  {row.where}: no record: {error}")

    def _show(self, channel: str, record: dict[str, object]) -> None:
        text = orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()
        for line in f"  {channel} {text}".splitlines():
            self._line(line)

    def _line(self, text: str, style: str = "") -> None:
        """Print a line that holds foreign text: nothing in it may steer the terminal."""
        self._console.print(printable(text), markup=False, soft_wrap=True, style=style)

    def _check(self, row: Row, channel: str, record: dict[str, object]) -> None:
        """Say what intake will make of a record."""
        try:
            checked = check(channel, record, datetime.now(UTC))
        except MalformedRecord as error:
            self._fault(f"  {row.where}: intake refuses this record: {error}")
            return
        for problem in checked.problems:
            self._counts["problems"] += 1
            self._line(f"  intake drops or cuts {problem}")

    def _fault(self, text: str) -> None:
        self.faults += 1
        self._line(text, "red")

    def summary(self) -> None:
        """Print the sums, and the fields nobody reads."""
        counts = self._counts
        self._console.print(
            f"{counts['payloads']} payloads: {counts['records']} records, {counts['skipped']} "
            f"skipped, {self.faults} faults, {counts['problems']} fields left out"
        )
        if self._unused:
            names = sorted(self._unused)
            more = f" … and {len(names) - UNUSED} more" if len(names) > UNUSED else ""
            shown = ", ".join(names[:UNUSED])
            self._line(f"Fields no expression reads ({len(names)}): {shown}{more}")


_SKIPPED = {"when": "`when` is false", "nothing": "no `emit` entry applies"}


def _rows(samples: list[str], options: ReadOptions, count: int) -> Iterator[Row | Reject]:
    readers = {
        Format.CSV: rows.read_csv,
        Format.JSONL: rows.read_jsonl,
        Format.JSON: rows.read_json,
    }
    for file in open_files(samples):
        form = detect(file)
        if form not in readers:
            yield Reject(file.name, "not a table or JSON; mails need no mapping")
            continue
        yield from islice(readers[form](file, options), count)
