"""`manyi import`: histories of help desks, telephone systems and mailboxes into the topics."""

from pathlib import Path

import click
import uvloop

from streams.console import wide_console
from streams.errors import ExitCode
from streams.importing.formats import Format
from streams.importing.importer import ImportOptions
from streams.importing.job import ImportJob
from streams.importing.mail_records import OwnAddresses
from streams.importing.mappings import load_mapping
from streams.importing.ordering import WINDOW
from streams.importing.rows import ReadOptions, check_encoding
from streams.logs import set_up_logging

AUTO = "auto"


@click.command("import", short_help="Read files of other systems into the channel topics")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--mapping", metavar="NAME|FILE", help="What the rows mean; mails need none.")
@click.option(
    "--format",
    "form",
    type=click.Choice([AUTO, *(form.value for form in Format)]),
    default=AUTO,
    show_default=True,
    help="Format of the files; auto tells by name, then by content.",
)
@click.option(
    "--alerts",
    type=click.Choice(["on", "off"]),
    default="off",
    show_default=True,
    help="Off: a history, whose clocks give verdicts and whose alerts page nobody.",
)
@click.option("--encoding", metavar="NAME", help="Such as gb18030. [found out]")
@click.option("--delimiter", metavar="CHAR", help="Between the columns of a table. [found out]")
@click.option("--path", metavar="a.b", help="Where the list stands inside a JSON document.")
@click.option("--own-domain", multiple=True, metavar="DOMAIN", help="Mails from it are ours.")
@click.option("--own-address", multiple=True, metavar="ADDRESS", help="Mails from it are ours.")
@click.option("--source", default="mail", show_default=True, help="Names the mailbox of mails.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after so many rows.")
@click.option("--rejects", metavar="FILE", help="Write rejected rows there, as JSON lines.")
@click.option("--dry-run", is_flag=True, help="Read, map and check everything; publish nothing.")
@click.option(
    "--sort/--no-sort",
    default=True,
    help=f"By time, if {WINDOW:,} records hold it all, else within such a window. [sort]",
)
@click.option("--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Promises of the worker that is started where none runs.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65_535), help="Port of that worker. [6066]")
@click.option("--serve", is_flag=True, help="Keep that worker and its wallboard until Ctrl-C.")
def command(
    files: tuple[str, ...],
    mapping: str | None,
    form: str,
    alerts: str,
    encoding: str | None,
    delimiter: str | None,
    path: str | None,
    own_domain: tuple[str, ...],
    own_address: tuple[str, ...],
    source: str,
    limit: int | None,
    rejects: str | None,
    dry_run: bool,
    sort: bool,
    policy: Path | None,
    port: int | None,
    serve: bool,
) -> ExitCode:
    """Read FILEs (or folders, or - for standard input) into the channel topics.

    Tables (CSV), JSON, JSON lines, mailboxes (mbox) and single mails (eml), plain, gzipped or in
    tar archives. Everything but mail needs a mapping: `manyi map list` shows those that come along.

    Records go to KAFKA_BOOTSTRAP_SERVERS, else to the running demo. Where neither is, a broker, a
    store and a worker are started for this import, and the final tables and books are printed.

    A row that cannot be read or mapped is a reject: it is counted and shown, and the rest goes on.
    Importing a file twice adds nothing: the ids are the same.

    \b
    manyi import tickets.csv --mapping helpdesk-export
    manyi import support.mbox --own-domain example.com
    manyi import calls.jsonl.gz --mapping my-calls.yaml --dry-run
    """
    # Faust and the worker are loaded by those who import, not by those who ask for help.
    from streams.importing.history import run_import

    set_up_logging("warning")
    check_encoding(encoding)
    _check_delimiter(delimiter)
    options = ImportOptions(
        mapping=load_mapping(mapping) if mapping else None,
        format=None if form == AUTO else Format(form),
        read=ReadOptions(encoding, delimiter, path),
        own=OwnAddresses(
            frozenset(address.lower() for address in own_address),
            frozenset(domain.lower().lstrip("@") for domain in own_domain),
        ),
        mail_source=source,
        limit=limit,
    )
    job = ImportJob(
        paths=list(files),
        options=options,
        alerts=alerts == "on",
        sort=sort,
        dry_run=dry_run,
        rejects=rejects,
        serve=serve,
        policy=policy,
        port=port,
    )
    outcome = uvloop.run(run_import(job, wide_console(), wide_console(stderr=True)))
    return outcome.exit_code


def _check_delimiter(delimiter: str | None) -> None:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise click.BadParameter(
            f"{delimiter!r} is not one character such as ; (a tab is $'\\t')",
            param_hint="--delimiter",
        )
