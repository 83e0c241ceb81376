"""`manyi publish`: records from standard input or a file to the topics, checked before they go."""

from datetime import UTC, datetime
from typing import Any

import click
import orjson
import uvloop

from streams.cli.options import ALERTS
from streams.console import wide_console
from streams.errors import ExitCode
from streams.importing.files import STDIN
from streams.importing.formats import Format
from streams.importing.importer import PER_RECORD, ImportOptions
from streams.importing.job import ImportJob
from streams.importing.mappings import load_mapping
from streams.importing.outgoing import CHANNELS, COMMANDS
from streams.logs import set_up_logging

EXAMPLES: dict[str, dict[str, Any]] = {
    "email": {
        "kind": "email_received",
        "customer": [{"kind": "email", "value": "ann@example.com"}],
        "subject": "Order A-1001",
        "text": "My parcel is two weeks late and nobody answers. This is unacceptable.",
        "refs": [{"kind": "order", "value": "A-1001"}],
    },
    "phone": {
        "kind": "call_abandoned",
        "direction": "in",
        "from_number": "+12025550100",
        "queue_wait_seconds": 260,
    },
    "chat": {
        "kind": "message",
        "direction": "in",
        "actor": {"type": "customer"},
        "customer": [{"kind": "chat", "value": "visitor-7"}],
        "conversation_id": "57",
        "text": "我的订单 A-1001 还没到，太慢了",
    },
    "web": {
        "kind": "survey_answer",
        "customer": [{"kind": "email", "value": "ann@example.com"}],
        "rating": {"instrument": "csat", "score": 2, "scale_min": 1, "scale_max": 5},
    },
    COMMANDS: {
        "action": "acknowledge",
        "customer": [{"kind": "email", "value": "ann@example.com"}],
        "refs": [{"kind": "order", "value": "A-1001"}],
    },
}
"""A record of each channel that works as it is, but for `source`, `id` and `occurred_at`."""


@click.command("publish", short_help="Publish records from a file or standard input")
@click.argument("arguments", nargs=-1, metavar="[CHANNEL] [FILE|-]")
@click.option("--channel", type=click.Choice(CHANNELS), help="What the records are of.")
@click.option("--mapping", metavar="NAME|FILE", help="The lines are another system's payloads.")
@ALERTS
@click.option("--dry-run", is_flag=True, help="Check the records; publish nothing.")
@click.option("--example", is_flag=True, help="Print a record that works, as of now, and end.")
def command(
    arguments: tuple[str, ...],
    channel: str | None,
    mapping: str | None,
    alerts: str,
    dry_run: bool,
    example: bool,
) -> ExitCode:
    """Publish records, one JSON object a line, from FILE or standard input.

    CHANNEL is phone, email, chat, web or commands; where it is left out, each record names its own
    in a field `channel`. Every record is checked before it goes: one that intake would refuse is
    told and left out, and the exit status is 1.

    \b
    manyi publish email --example
    manyi publish email --example | manyi publish email
    tail -F calls.jsonl | manyi publish --mapping amazon-connect-contact-record
    """
    set_up_logging("warning")
    channel, paths = _arguments(arguments, channel, mapping)
    if example:
        click.echo(orjson.dumps(example_of(channel or "email", datetime.now(UTC))))
        return ExitCode.OK
    if not paths:
        if click.get_text_stream("stdin").isatty():
            wide_console(stderr=True).print("Type JSON records, one a line; Ctrl-D ends.")
        paths = [STDIN]
    options = ImportOptions(
        mapping=load_mapping(mapping) if mapping else None,
        native=channel or PER_RECORD,
        format=Format.JSONL if STDIN in paths else None,
    )
    # Faust and the worker are loaded by those who publish, not by those who ask for an example.
    from streams.importing.stream import run_publish

    job = ImportJob(paths=paths, options=options, alerts=alerts == "on", dry_run=dry_run)
    return uvloop.run(run_publish(job, wide_console(), wide_console(stderr=True)))


def example_of(channel: str, now: datetime) -> dict[str, Any]:
    """Return a record of a channel that can be published as it is."""
    at = now.replace(microsecond=0)
    common = {"source": "example", "id": f"{channel}-{at:%Y%m%dT%H%M%SZ}", "occurred_at": at}
    return {**common, **EXAMPLES[channel]}


def _arguments(
    arguments: tuple[str, ...], channel: str | None, mapping: str | None
) -> tuple[str | None, list[str]]:
    """Tell the channel from the files: the first word is one if it is a channel's name."""
    words = list(arguments)
    if words and words[0] in CHANNELS and channel is None and mapping is None:
        channel = words.pop(0)
    if channel is not None and mapping is not None:
        raise click.UsageError("A mapping says which channels its records are of: leave out one")
    if len(words) > 1 and STDIN in words:
        raise click.UsageError("Standard input (-) and files cannot be read together")
    return channel, words
