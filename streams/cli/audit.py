"""`manyi audit`: recompute everything from the log and compare it with what is live."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from streams.audit import Audit, AuditError, audit, lines
from streams.cli import options
from streams.console import wide_console
from streams.errors import ExitCode, UserError
from streams.logs import set_up_logging
from streams.policy_files import require_policy
from streams.settings import Settings, load_settings

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@click.command("audit", short_help="Recompute everything from the log and compare")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What judged before the log told of a version. [MANYI_POLICY, else the built-in one]",
)
@click.option(
    "--since",
    "since_text",
    metavar="OFFSET|TIME",
    help="Only customers whom the log names since then: an offset, 2h, 2026-03-02T08:00Z.",
)
@click.option(
    "--partition",
    "partitions",
    type=click.IntRange(0),
    multiple=True,
    help="Only this partition of customer-events.v1; may be repeated.",
)
def command(policy: Path | None, since_text: str | None, partitions: tuple[int, ...]) -> ExitCode:
    """Fold customer-events.v1 once more and compare with the rows, complaints and alerts that live.

    Runs beside a working pipeline: each partition is compared as of one source offset. Reads only.

    With --since the customers whom the log names since then are recomputed from the beginning of
    the log; tables and accounting, which are sums over everybody, are left out. Customers whose
    history begins before the log does, because retention has cut it, are counted as not provable.

    Exit status 0: all equal that can be judged. 1: there are differences; the first are named.
    """
    since = None if since_text is None else since_of(since_text, datetime.now(UTC))
    settings = load_settings(only_kafka=True)
    if policy is not None:
        settings = replace(settings, policy=policy)
    set_up_logging("warning")
    try:
        report = uvloop.run(_run(settings, since, partitions))
    except AuditError as error:
        raise UserError(
            f"The audit cannot be made: {error}", "`manyi doctor` looks at broker and topics"
        ) from error
    console = wide_console()
    for line in lines(report):
        console.print(line, markup=False)
    return ExitCode.OK if report.clean else ExitCode.FAILED


def since_of(text: str, now: datetime) -> int | datetime:
    """An offset, or an instant: ISO 8601 with a zone, or so long ago, as in `90m`, `2h`, `3d`."""
    if text.isdecimal():
        return int(text)
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    return options.instant(text, "--since", ", no offset and nothing like 2h")


async def _run(
    settings: Settings, since: int | datetime | None, partitions: tuple[int, ...]
) -> Audit:
    rulebook = Rulebook(Plan(require_policy(settings.policy)), ComplaintRules())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=wide_console(stderr=True), transient=True) as progress:
        task = progress.add_task("audit", total=None)

        def tell(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        return await audit(settings, rulebook, tell, since=since, partitions=partitions)
