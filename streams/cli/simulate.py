"""`manyi simulate`: publishes an invented contact centre, at once or as time passes."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agents.simulation import (
    CHANNELS,
    DEFAULT_CONTACTS_PER_DAY,
    DEFAULT_CUSTOMERS,
    EventClass,
    SimulatedEvent,
    simulate,
    start_before,
)
from agents.simulation.people import MAX_CUSTOMERS
from streams.cli import options
from streams.console import wide_console
from streams.errors import ExitCode, UserError
from streams.importing.outgoing import Outgoing
from streams.importing.publisher import Publisher
from streams.logs import set_up_logging
from streams.settings import load_settings
from streams.signals import stop_on_signals

RECORDS_PER_CONTACT = {"chat": 3.8, "phone": 1.6, "commands": 0.8, "email": 0.7, "web": 0.6}
"""What a contact leaves behind on average, measured over 400,000 records; finds a start."""

MAX_CONTACTS_PER_DAY = 1e9
"""More would not fit into the milliseconds that times are told in."""

BREATH = 200
"""Records between two chances for the client to send: some milliseconds of generating."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for."""

    count: int
    seed: int
    speed: float
    start_at: datetime
    channels: tuple[str, ...]
    customers: int
    contacts_per_day: float
    messy_share: float

    def events(self) -> Iterator[SimulatedEvent]:
        """The events; UserError where the wish makes no sense."""
        try:
            return simulate(
                self.seed,
                self.count,
                self.start_at,
                customers=self.customers,
                contacts_per_day=self.contacts_per_day,
                messy_share=self.messy_share,
                channels=self.channels,
            )
        except ValueError as error:
            raise UserError(str(error), exit_code=ExitCode.USAGE) from error


class Sent:
    """What was sent, by channel and class, and the span of its times."""

    def __init__(self) -> None:
        self.by_class: Counter[tuple[str, EventClass]] = Counter()
        self.left_out = 0
        self.last_at: datetime | None = None

    def count(self, event: SimulatedEvent) -> None:
        """Count one event."""
        self.by_class[event.channel, event.label] += 1
        self.last_at = event.at


@click.command("simulate", short_help="Publish the traffic of an invented contact centre")
@click.option(
    "--count", type=click.IntRange(0), default=10_000, show_default=True, help="How many records."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another day.")
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="1 is as it happens, 60 a minute a second, 0 as fast as it goes.",
)
@click.option(
    "--start",
    type=str,
    metavar="TIME",
    help="First instant, with a zone: 2026-03-02T08:00+08:00. [now; with speed 0 the end is now]",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    type=click.Choice(CHANNELS),
    help="Only this one; may be repeated.",
)
@click.option(
    "--customers",
    type=click.IntRange(1, MAX_CUSTOMERS),
    default=DEFAULT_CUSTOMERS,
    show_default=True,
    help="How many people there are.",
)
@click.option(
    "--contacts-per-day",
    type=click.FloatRange(1, MAX_CONTACTS_PER_DAY),
    default=DEFAULT_CONTACTS_PER_DAY,
    show_default=True,
    help="How busy the contact centre is.",
)
@click.option(
    "--messy",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of broken and odd records.",
)
@options.ALERTS
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path),
    help="Write JSON lines for `manyi publish` instead of publishing.",
)  # fmt: skip
def command(
    count: int,
    seed: int,
    speed: float,
    start: str | None,
    channels: tuple[str, ...],
    customers: int,
    contacts_per_day: float,
    messy: float,
    alerts: str,
    out: Path | None,
) -> ExitCode:
    """Publish customers, staff, bots, outages, repeat callers, late and doubled records.

    The same seed and start give the same records, byte for byte. Late, doubled and corrected
    records are always among them, broken ones where --messy asks for them.
    """
    set_up_logging("warning")
    channels = channels or CHANNELS
    contacts = count / sum(RECORDS_PER_CONTACT[name] for name in set(channels))
    wish = Wish(
        count=count,
        seed=seed,
        speed=speed,
        start_at=_start(start, speed, contacts, contacts_per_day),
        channels=channels,
        customers=customers,
        contacts_per_day=contacts_per_day,
        messy_share=messy,
    )
    console, errors = wide_console(), wide_console(stderr=True)
    if out is not None:
        sent = _write(wish, out, errors)
        _summary(console, wish, sent, f"written to {out}")
        return ExitCode.OK
    return uvloop.run(_publish(wish, console, errors, alerts=alerts == "on"))


def _start(text: str | None, speed: float, contacts: float, contacts_per_day: float) -> datetime:
    """The first instant: now, or so long ago that what is sent at once ends about now.

    From more than a day ahead intake would refuse records.
    """
    if text is None:
        now = datetime.now(UTC).replace(microsecond=0)
        return now if speed else start_before(now, contacts, contacts_per_day)
    return options.instant(text, "--start")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _write(wish: Wish, out: Path, errors: Console) -> Sent:
    sent = Sent()
    with out.open("wb") as file, _bar(errors) as bar:
        task = bar.add_task("Writing", total=wish.count)
        for event in wish.events():
            bar.advance(task)
            if isinstance(event.record, bytes):
                sent.left_out += 1  # what is no JSON object has no place in a file of them
                continue
            file.write(orjson.dumps({"channel": event.channel, **event.record}) + b"\n")
            sent.count(event)
    return sent


async def _publish(wish: Wish, console: Console, errors: Console, *, alerts: bool) -> ExitCode:
    events = wish.events()
    settings = load_settings(only_kafka=True)
    publisher = Publisher(settings, alerts=alerts)
    stop, sent = asyncio.Event(), Sent()
    with stop_on_signals(stop, errors.print), _bar(errors) as bar:
        task = bar.add_task("Publishing", total=wish.count)
        async with publisher:
            async for event in _at_their_time(events, wish, stop):
                await publisher.send(_outgoing(event))
                sent.count(event)
                bar.advance(task)
    _summary(console, wish, sent, f"published to {settings.bootstrap_servers}")
    for reason in publisher.reasons:
        errors.print(f"Not sent: {reason}", markup=False)
    failed = sum(sent.by_class.values()) - sum(publisher.sent.values())
    if failed:
        errors.print(f"{failed:,} of them were not acknowledged by the broker.")
    if stop.is_set():
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if failed else ExitCode.OK


async def _at_their_time(
    events: Iterator[SimulatedEvent], wish: Wish, stop: asyncio.Event
) -> AsyncIterator[SimulatedEvent]:
    """Hand out each event when its time has come, or all at once for speed 0, until stopped."""
    clock = asyncio.get_running_loop().time
    began = clock()
    for number, event in enumerate(events):
        wait = due_seconds(event, wish) - (clock() - began)
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
        elif number % BREATH == 0:
            await asyncio.sleep(0)
        if stop.is_set():
            return
        yield event


def due_seconds(event: SimulatedEvent, wish: Wish) -> float:
    """How long after the beginning an event is due: at once for speed 0."""
    return (event.at - wish.start_at).total_seconds() / wish.speed if wish.speed else 0.0


def _outgoing(event: SimulatedEvent) -> Outgoing:
    record = event.record
    value = record if isinstance(record, bytes) else orjson.dumps(record)
    # Order and identity are for imports that sort and fold; these records are in order, and some
    # are doubled on purpose.
    return Outgoing(event.channel, event.key.encode(), value, event.at, ("", "", ""), 0)


def _summary(console: Console, wish: Wish, sent: Sent, where: str) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    channels = [name for name in CHANNELS if any(c == name for c, _ in sent.by_class)]
    for name in (*channels, "all"):
        table.add_column(name, justify="right")
    for label in EventClass:
        counts = [sent.by_class[name, label] for name in channels]
        if any(counts):
            table.add_row(label.value, *(f"{n:,}" for n in (*counts, sum(counts))))
    sums = [sum(n for (c, _), n in sent.by_class.items() if c == name) for name in channels]
    table.add_row("all", *(f"{n:,}" for n in (*sums, sum(sums))), style="bold")
    console.print(table)
    until = f" to {sent.last_at:%Y-%m-%d %H:%M:%S}" if sent.last_at else ""
    console.print(
        f"\n{sum(sums):,} records {where}: seed {wish.seed}, "
        f"from {wish.start_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}{until} UTC."
    )
    if sent.left_out:
        console.print(f"{sent.left_out:,} broken or odd records are no JSON lines: left out.")
