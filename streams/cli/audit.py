"""`manyi audit`: recompute everything from the log and compare it with what is live."""

from dataclasses import replace
from pathlib import Path

import click
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from streams.audit import Audit, audit, lines
from streams.console import wide_console
from streams.errors import ExitCode
from streams.logs import set_up_logging
from streams.policy_files import require_policy
from streams.settings import Settings, load_settings


@click.command("audit", short_help="Recompute everything from the log and compare")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The policy file the workers run with. [MANYI_POLICY, else the built-in one]",
)
def command(policy: Path | None) -> ExitCode:
    """Fold customer-events.v1 once more and compare with the rows, complaints and alerts that live.

    Runs beside a working pipeline: each partition is compared as of one source offset. Reads only.
    Exit status 0: all equal. 1: there are differences; the first ones are named.
    """
    settings = load_settings()
    if policy is not None:
        settings = replace(settings, policy=policy)
    set_up_logging("warning")
    report = uvloop.run(_run(settings))
    console = wide_console()
    for line in lines(report):
        console.print(line, markup=False)
    console.print("Equal." if report.clean else "Not equal.")
    return ExitCode.OK if report.clean else ExitCode.FAILED


async def _run(settings: Settings) -> Audit:
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

        return await audit(settings, rulebook, tell)
