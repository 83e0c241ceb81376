"""`manyi dlq`: look at dead letters, and send them again."""

import asyncio
import contextlib
import json
from collections import Counter, deque

import click
from rich.table import Table
from rich.text import Text

from schemas.rejection import DeadLetterHeader
from streams import dlq
from streams.cli import options
from streams.console import wide_console
from streams.dlq import DeadLetter, Selection
from streams.errors import ExitCode, UserError
from streams.logs import set_up_logging
from streams.settings import load_settings
from streams.terminal_text import hex_dump, printable

SHOWN_BYTES = 4_096
"""How much of a value `show` prints; --all prints it whole."""

PREVIEW_BYTES = 120

_topic = click.option(
    "--topic", "topics", multiple=True, metavar="TOPIC", help="Of this topic; may be repeated."
)
_reason = click.option(
    "--reason", "reasons", multiple=True, metavar="WORD", help="Refused for this; may be repeated."
)
_offsets = click.option(
    "--offsets", metavar="FROM-TO", help="Dead letters at these offsets, such as 10-20 or 10-."
)
_since = click.option("--since", metavar="TIME", help="Refused since, such as 2026-03-02T08:00Z.")


@click.group("dlq", short_help="Look at dead letters, and send them again")
def command() -> None:
    """Look at what could not be taken in, and send it again once the cause is mended.

    Every record that manyi refuses is kept on TOPIC.dlq for 90 days: the original bytes, with the
    reason in headers. docs/operations.md says what the reasons mean.
    """
    set_up_logging("warning")


@command.command("list")
@_topic
@_reason
@_offsets
@_since
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="Show at most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(
    topics: tuple[str, ...],
    reasons: tuple[str, ...],
    offsets: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
) -> ExitCode:
    """List dead letters, the newest of each topic last, and count them by reason."""
    selection = _selection(topics, reasons, offsets, since)
    newest, counts = asyncio.run(_collect(selection, limit))
    if as_json:
        for letter in newest:
            click.echo(json.dumps(_as_json(letter), ensure_ascii=False))
        return ExitCode.OK
    console = wide_console()
    if not newest:
        console.print("No dead letters.")
        return ExitCode.OK
    console.print(_table(newest))
    total = sum(counts.values())
    words = ", ".join(f"{count:,} {printable(reason)}" for reason, count in counts.most_common())
    shown = f" (the newest {len(newest):,} shown)" if len(newest) < total else ""
    console.print(f"\n{total:,} dead letters{shown}: {words}", markup=False)
    console.print("`manyi dlq show TOPIC/PARTITION/OFFSET` shows one of them.", markup=False)
    return ExitCode.OK


@command.command("show")
@click.argument("place", metavar="TOPIC/PARTITION/OFFSET")
@click.option("--all", "whole", is_flag=True, help="Print the whole value, however long.")
def show(place: str, whole: bool) -> ExitCode:
    """Show one dead letter: its headers, and its value as text or in hexadecimal."""
    letter = asyncio.run(_one(*_place(place)))
    console = wide_console()
    for line in _description(letter):
        console.print(line, markup=False, soft_wrap=True)
    console.print()
    value = letter.value or b""
    limit = len(value) if whole else SHOWN_BYTES
    console.print(_shown_value(value, limit), markup=False, soft_wrap=True)
    return ExitCode.OK


@command.command("replay")
@_topic
@_reason
@_offsets
@_since
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--yes", is_flag=True, help="Do it. Without it, only say what would be done.")
def replay(
    topics: tuple[str, ...],
    reasons: tuple[str, ...],
    offsets: str | None,
    since: str | None,
    limit: int | None,
    yes: bool,
) -> ExitCode:
    """Send dead letters again: the same bytes, to the topic they came from.

    What was taken in by another way meanwhile is recognised as a duplicate. What is refused again
    comes back as a new dead letter with one attempt more.
    """
    selection = _selection(topics, reasons, offsets, since)
    kafka = load_settings(only_kafka=True).kafka_clients()
    done = asyncio.run(dlq.replay(kafka, selection, limit=limit, send=yes))
    console = wide_console()
    for topic, count in sorted(done.by_topic.items()):
        console.print(f"{count:,} {'sent' if yes else 'would go'} to {printable(topic)}")
    if done.repeated:
        console.print(f"{done.repeated:,} are the same record again: sent once.")
    if done.over_limit:
        console.print(f"{done.over_limit:,} more stay for another time (--limit).")
    if not done.by_topic:
        console.print("Nothing to send.")
    elif not yes:
        console.print("Nothing was sent. Say --yes to do it.")
    return ExitCode.OK


async def _collect(selection: Selection, limit: int) -> tuple[list[DeadLetter], Counter[str]]:
    newest: deque[DeadLetter] = deque(maxlen=limit)
    counts: Counter[str] = Counter()
    async for letter in dlq.read(load_settings(only_kafka=True).kafka_clients(), selection):
        counts[letter.reason] += 1
        newest.append(letter)
    return list(newest), counts


async def _one(topic: str, partition: int, offset: int) -> DeadLetter:
    selection = Selection(topics=(topic,), from_offset=offset, to_offset=offset)
    async for letter in dlq.read(load_settings(only_kafka=True).kafka_clients(), selection):
        if letter.partition == partition:
            return letter
    raise UserError(
        f"There is no dead letter {topic}/{partition}/{offset}", "`manyi dlq list` names them"
    )


def _selection(
    topics: tuple[str, ...], reasons: tuple[str, ...], offsets: str | None, since: str | None
) -> Selection:
    low, high = _range(offsets)
    return Selection(
        topics=dlq.topics_named(topics),
        reasons=reasons,
        from_offset=low,
        to_offset=high,
        since=None if since is None else options.instant(since, "--since"),
    )


def _range(text: str | None) -> tuple[int, int | None]:
    if text is None:
        return 0, None
    low, dash, high = text.partition("-")
    if not low.isdigit() or (high and not high.isdigit()):
        raise click.BadParameter(f"{text!r} is not FROM-TO", param_hint="--offsets")
    if not dash:
        return int(low), int(low)
    return int(low), int(high) if high else None


def _place(text: str) -> tuple[str, int, int]:
    parts = text.split("/")
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise click.BadParameter(f"{text!r} is not TOPIC/PARTITION/OFFSET", param_hint="place")
    (topic,) = dlq.topics_named([parts[0]])
    return topic, int(parts[1]), int(parts[2])


def _table(letters: list[DeadLetter]) -> Table:
    """One line a letter. What `show` needs is never cut; the value takes the room that is left."""
    rows = [
        (
            letter.place,
            f"{letter.at:%m-%d %H:%M:%S}",
            " ".join(filter(None, (letter.reason, letter.about(DeadLetterHeader.FIELD)))),
            str(letter.attempt),
        )
        for letter in letters
    ]
    table = Table(box=None, pad_edge=False, expand=True)
    for position, heading in enumerate(("place", "refused (UTC)", "reason", "tries")):
        widest = max(len(row[position]) for row in rows)
        table.add_column(heading, no_wrap=True, min_width=max(widest, len(heading)))
    table.add_column("value", no_wrap=True, ratio=1, overflow="ellipsis")
    for letter, row in zip(letters, rows, strict=True):
        value = (letter.value or b"")[:PREVIEW_BYTES].decode("utf-8", "replace")
        table.add_row(*(_plain(text) for text in (*row, value)))
    return table


def _plain(text: str) -> Text:
    return Text(printable(text, PREVIEW_BYTES))


def _description(letter: DeadLetter) -> list[str]:
    lines = [
        f"{letter.place}, refused {letter.at:%Y-%m-%d %H:%M:%S} UTC",
        f"key    {_shown_key(letter.key)}",
        f"value  {len(letter.value or b''):,} bytes",
    ]
    for name, value in letter.headers:
        lines.append(f"  {printable(name)}: {printable(value.decode('utf-8', 'replace'), 1_000)}")
    return lines


def _shown_key(key: bytes | None) -> str:
    if key is None:
        return "none"
    try:
        return printable(key.decode(), 200)
    except UnicodeDecodeError:
        return f"0x{key[:100].hex()}"


def _shown_value(value: bytes, limit: int) -> str:
    """JSON laid out, other text as it is, anything else in hexadecimal; nothing that steers."""
    if not value:
        return "(empty)"
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return hex_dump(value, limit)
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    shown = "\n".join(printable(line) for line in text[:limit].split("\n"))
    more = len(text) - limit
    return f"{shown}\n… {more:,} more characters: --all" if more > 0 else shown


def _as_json(letter: DeadLetter) -> dict[str, object]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "at": letter.at.isoformat(),
        "reason": letter.reason,
        "field": letter.about(DeadLetterHeader.FIELD),
        "detail": letter.about(DeadLetterHeader.DETAIL),
        "attempt": letter.attempt,
        "original": {
            "topic": letter.original_topic,
            "partition": letter.about(DeadLetterHeader.ORIGINAL_PARTITION),
            "offset": letter.about(DeadLetterHeader.ORIGINAL_OFFSET),
        },
        "bytes": len(letter.value or b""),
    }
