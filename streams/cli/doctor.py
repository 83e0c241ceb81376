"""`manyi doctor`: is everything fit to be trusted, and if not, what to do."""

import asyncio
import json
from collections import Counter

import click
import msgspec
from rich.console import Console
from rich.text import Text

from streams.console import wide_console
from streams.doctor import Finding, Health, examine
from streams.errors import ExitCode, UserError
from streams.settings import load_settings
from streams.terminal_text import printable

_MARKS = {
    Health.FINE: ("✓", "green"),
    Health.DOUBTFUL: ("!", "yellow"),
    Health.BROKEN: ("✗", "bold red"),
    Health.UNKNOWN: ("?", "dim"),
}
NAME_WIDTH = 18


@click.command("doctor", short_help="Check settings, Kafka and Redis before trusting them")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(as_json: bool) -> ExitCode:
    """Look at settings, policy, Kafka, topics, Redis, clocks, publishers and receivers.

    Every line says what was found; what is not as it should be says how to mend it. Exit status 1
    means that something is broken. It may be run at any time: it only looks.
    """
    return asyncio.run(_run(as_json=as_json))


async def _run(*, as_json: bool) -> ExitCode:
    console = wide_console()
    counts: Counter[Health] = Counter()

    def tell(finding: Finding) -> None:
        counts[finding.health] += 1
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(finding), ensure_ascii=False))
        else:
            _print(console, finding)

    try:
        settings = load_settings()
    except UserError as error:
        tell(Finding("settings", Health.BROKEN, error.message, error.hint or ""))
    else:
        tell(Finding("settings", Health.FINE, "all can be read"))
        async for finding in examine(settings):
            tell(finding)
    if not as_json:
        words = ", ".join(f"{counts[health]} {health}" for health in Health if counts[health])
        console.print(f"\n{words}.")
    return ExitCode.FAILED if counts[Health.BROKEN] else ExitCode.OK


def _print(console: Console, finding: Finding) -> None:
    mark, style = _MARKS[finding.health]
    says = "\n".join(printable(line) for line in finding.says.split("\n"))
    console.print(
        Text.assemble((mark, style), " ", (f"{finding.check:<{NAME_WIDTH}}", "bold"), says),
        soft_wrap=True,
    )
    if finding.mend:
        indent = " " * (NAME_WIDTH + 2)
        console.print(
            Text.assemble(indent, ("→ ", "cyan"), printable(finding.mend)), soft_wrap=True
        )
