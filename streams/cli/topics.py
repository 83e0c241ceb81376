"""`manyi topics`: show what the broker has beside what manyi needs, and create what is missing."""

import asyncio
import json
from collections.abc import Mapping, Sequence

import click
from rich.console import Console
from rich.table import Table

from streams import topic_plan
from streams.errors import ExitCode
from streams.settings import Settings, load_settings
from streams.topic_plan import Fit, TopicFit
from streams.topics import topics

_STYLES = {
    Fit.FITS: "green",
    Fit.CREATED: "green",
    Fit.DIFFERS: "yellow",
    Fit.MISSING: "red",
    Fit.FAILED: "red",
}


@click.group("topics", short_help="Show the topics; create and correct them")
def command() -> None:
    """Show every topic manyi reads or writes, and create the missing ones.

    Nothing is ever deleted or changed on the broker: where a topic differs, the plan names the
    command that mends it. Exit status 1 means that manyi cannot run right on these topics.
    """


@command.command("plan")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(as_json: bool) -> ExitCode:
    """Compare the topics with the table; change nothing."""
    settings = load_settings(only_kafka=True)
    return _report(asyncio.run(_plan(settings)), as_json=as_json)


@command.command("apply")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def apply(as_json: bool) -> ExitCode:
    """Create the missing topics; leave every existing one as it is."""
    settings = load_settings(only_kafka=True)
    return _report(asyncio.run(_apply(settings)), as_json=as_json)


async def _plan(settings: Settings) -> list[TopicFit]:
    admin = await topic_plan.open_admin(settings.kafka_clients())
    try:
        return await topic_plan.plan(admin, topics(settings.partitions))
    finally:
        await admin.close()


async def _apply(settings: Settings) -> list[TopicFit]:
    admin = await topic_plan.open_admin(settings.kafka_clients())
    try:
        return await topic_plan.apply(admin, topics(settings.partitions), settings.replication)
    finally:
        await admin.close()


def _report(fits: Sequence[TopicFit], *, as_json: bool) -> ExitCode:
    faults = topic_plan.faults(fits)
    if as_json:
        click.echo(json.dumps([_as_json(line) for line in fits], ensure_ascii=False, indent=2))
    else:
        console = Console()
        console.print(_table(fits))
        _explain(console, fits)
        console.print(_verdict(fits, faults), highlight=False)
    return ExitCode.FAILED if faults else ExitCode.OK


def _table(fits: Sequence[TopicFit]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("topic", "key", "kept", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("partitions", justify="right")
    for line in fits:
        topic = line.topic
        table.add_row(
            topic.name,
            topic.key,
            _kept(topic.configs),
            f"[{_STYLES[line.fit]}]{line.fit}[/]",
            str(topic.partitions),
        )
    return table


def _kept(configs: Mapping[str, str]) -> str:
    if configs["cleanup.policy"] == "compact":
        return "last per key"
    return f"{int(configs['retention.ms']) // 86_400_000} days"


def _explain(console: Console, fits: Sequence[TopicFit]) -> None:
    """Say once what differs in the same way on several topics."""
    same: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
    for line in fits:
        for difference in line.differences:
            key = (difference.setting, difference.found, difference.wanted, difference.why)
            same.setdefault(key, []).append((line.topic.name, difference.mend))
        if line.error:
            console.print(f"\n{line.topic.name}: {line.error}", markup=False, highlight=False)
    for (setting, found, wanted, why), topics_and_mends in same.items():
        names = ", ".join(name for name, _ in topics_and_mends)
        mends = "\n        ".join(dict.fromkeys(mend for _, mend in topics_and_mends))
        console.print(
            f"\n{setting} is {found}, not {wanted}: {names}\n  why   {why}\n  mend  {mends}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _verdict(fits: Sequence[TopicFit], faults: Sequence[TopicFit]) -> str:
    untold = sorted({setting for line in fits for setting in line.untold})
    told = ""
    if untold:
        told = f"\nThis broker does not tell {', '.join(untold)}: not compared."
    missing = sum(line.fit is Fit.MISSING for line in fits)
    if missing:
        return f"\n{missing} of {len(fits)} topics are missing: `manyi topics apply`.{told}"
    if faults:
        return f"\n{len(faults)} of {len(fits)} topics do not fit; see above.{told}"
    return f"\nAll {len(fits)} topics are there.{told}"


def _as_json(line: TopicFit) -> dict[str, object]:
    return {
        "topic": line.topic.name,
        "state": line.fit.value,
        "partitions": line.topic.partitions,
        "configs": dict(line.topic.configs),
        "differences": [
            {
                "setting": difference.setting,
                "wanted": difference.wanted,
                "found": difference.found,
                "why": difference.why,
                "mend": difference.mend,
            }
            for difference in line.differences
        ],
        "untold": list(line.untold),
        "error": line.error,
    }
