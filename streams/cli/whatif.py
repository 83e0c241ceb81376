"""`manyi whatif`: what another policy would have meant for what really happened."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from agents.complaints.sla.journey_file import parse_instant
from agents.complaints.sla.plan import find_zone
from streams.cli.options import HISTORY, MAPPING, SAVE, UNTIL
from streams.console import wide_console
from streams.errors import ExitCode, UserError
from streams.whatif.html import as_html
from streams.whatif.report import Report, as_csv
from streams.whatif.running import answer, ask
from streams.whatif.sources import save
from streams.whatif.table import BY, draw_report

FORMATS = ("table", "json", "csv", "html")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("whatif", short_help="Apply another policy to what really happened")
@HISTORY
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A policy; the others are compared with the first. [the built-in one]",
)
@MAPPING
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How it is shown.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@click.option(
    "--by",
    multiple=True,
    default=BY,
    show_default=True,
    type=click.Choice([*BY, "region", "team"]),
    help="Tables to show.",
)
@UNTIL
@click.option("--zone", metavar="NAME", help="Months and hours of this zone. [the first policy's]")
@SAVE
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="HTML opens in it.")
def command(
    sources: tuple[str, ...],
    policies: tuple[Path, ...],
    mapping: str | None,
    form: str,
    out: Path | None,
    by: tuple[str, ...],
    until: str | None,
    zone: str | None,
    save_to: str | None,
    lang: str,
) -> ExitCode:
    """Replay what happened under other promises: kept, broken, who would have been called.

    The history is read once, through the same steps as production, on a virtual clock; then each
    policy judges it. Nothing is sent. What representatives did is held fixed: it is what the same
    work would have kept and broken, not how people would have worked under the other promise.

    From the log (`--history topic`) production's own verdicts are checked too. Exit status 1 where
    the replay does not find them again.

    Records of several files (`--history calls.csv --history 'mail-*.jsonl'`) are one history, in
    order of time.

    \b
    manyi whatif --history topic --policy now.yaml --policy stricter.yaml
    manyi whatif --history tickets.csv --mapping helpdesk-export --policy a.yaml --format html \\
        --out report.html
    """
    asked = ask(
        sources,
        policies,
        mapping=mapping,
        until=instant(until),
        zone=zone_named(zone),
        errors=wide_console(stderr=True),
    )
    if save_to is not None:
        save(asked.history, save_to)
    report = answer(asked)
    _write(report, form, out, by, lang)
    failed = report.self_check is not None and report.self_check.differ
    return ExitCode.FAILED if failed else ExitCode.OK


def _write(report: Report, form: str, out: Path | None, by: tuple[str, ...], lang: str) -> None:
    if form == "table" and out is None:
        wide_console().print(draw_report(report, by))
        return
    text = {
        "table": lambda: _drawn(report, by),
        "json": lambda: msgspec.json.format(msgspec.json.encode(report)).decode() + "\n",
        "csv": lambda: as_csv(report),
        "html": lambda: as_html(report, lang),
    }[form]()
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"Written to {out}", err=True)


def _drawn(report: Report, by: tuple[str, ...]) -> str:
    console = wide_console()
    with console.capture() as captured:
        console.print(draw_report(report, by))
    return captured.get()


def instant(text: str | None) -> datetime | None:
    """An instant as typed; UTC where it names no offset."""
    if text is None:
        return None
    try:
        return parse_instant(text, ZoneInfo("UTC"))
    except ValueError as error:
        raise UserError(str(error), "--until takes one instant", ExitCode.USAGE) from None


def zone_named(name: str | None) -> ZoneInfo | None:
    """A time zone as typed."""
    zone = find_zone(name) if name else None
    if name and zone is None:
        raise UserError(
            f"No time zone is named {name}", "Write a name like Asia/Shanghai", ExitCode.USAGE
        )
    return zone
