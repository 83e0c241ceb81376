"""The final tables and the accounting, as `manyi demo` and `manyi import` print them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from schemas.satisfaction import Dimension, Window
from schemas.view import ChannelCounts, DurationFigure, Proportion, SatisfactionEntry
from streams.views import ViewReader


class Books(Struct, frozen=True):
    """What was sent, what became of it, and every place where it does not add up."""

    sent: Mapping[str, int]
    counts: Mapping[str, ChannelCounts]
    faults: Sequence[str]

    @property
    def balance(self) -> bool:
        """Whether everything adds up."""
        return not self.faults


async def close_books(reader: ViewReader, sent: Mapping[str, int] | None = None) -> Books:
    """Compare what was sent with what was received, and that with what became of it."""
    counts = await reader.stats()
    faults = []
    for channel, count in counts.items():
        parts = count.accepted + count.duplicate + count.rejected + count.skipped
        if parts != count.received:
            faults.append(f"{channel}: received {count.received}, but its parts are {parts}")
    for channel, number in (sent or {}).items():
        received = counts[channel].received if channel in counts else 0
        if received != number:
            faults.append(f"{channel}: sent {number}, received {received}")
    for entry in await reader.satisfaction(Dimension.ALL, Window.ALL):
        open_now = entry.figures.complaints_open
        listed = len(await reader.open_facts())
        if open_now != listed:
            faults.append(f"complaints open: {open_now} by the tables, {listed} in the list")
    return Books(sent or {}, counts, faults)


def print_books(console: Console, books: Books) -> None:
    """Print the accounting, and what does not add up."""
    table = Table(title="Accounting", title_justify="left")
    table.add_column("channel")
    columns = ("sent", "received", "accepted", "duplicate", "rejected", "skipped")
    for name in columns:
        table.add_column(name, justify="right")
    for channel, count in books.counts.items():
        if channel not in books.sent and not count.received:
            continue
        sent = books.sent.get(channel)
        table.add_row(
            channel,
            "-" if sent is None else f"{sent:,}",
            *(f"{getattr(count, name):,}" for name in columns[1:]),
        )
    console.print(table)
    for fault in books.faults:
        console.print(f"[red]! {fault}[/]")
    if books.balance:
        console.print("It adds up: received = accepted + duplicate + rejected + skipped.")


async def print_tables(console: Console, reader: ViewReader) -> None:
    """Print the all-time satisfaction table by channel, with counts beside every ratio."""
    table = Table(title="Satisfaction by channel, all time", title_justify="left")
    table.add_column("channel")
    for name in ("contacts", "repeat", "answered", "complaints", "open", "CSAT", "NPS", "kept"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [
        *await reader.satisfaction(Dimension.CHANNEL, Window.ALL),
        *await reader.satisfaction(Dimension.ALL, Window.ALL),
    ]
    for entry in rows:
        table.add_row(*_cells(entry))
    console.print(table)
    console.print(
        "answered: median time to the first answer of a person. CSAT and kept promises with their "
        "95 % interval;\nunder 5 answers no share is shown."
    )


def _cells(entry: SatisfactionEntry) -> list[str]:
    counts, figures = entry.counts, entry.figures
    nps = figures.nps
    return [
        entry.key or "all",
        f"{counts.contacts:,}",
        f"{counts.repeat_contacts:,}",
        _duration(figures.first_response),
        f"{counts.complaints_opened:,}",
        f"{figures.complaints_open:,}",
        _share(figures.csat.satisfied),
        f"{nps.nps:+.0f} n={nps.response_count}" if nps.judged and nps.nps is not None else "-",
        _share(figures.kept),
    ]


def _share(share: Proportion) -> str:
    if not share.judged or share.ratio is None:
        return f"n={share.of}" if share.of else "-"
    low, high = share.low_ratio or 0.0, share.high_ratio or 0.0
    return f"{share.ratio:.0%} ({low * 100:.0f}-{high:.0%}) n={share.of}"


def _duration(figure: DurationFigure) -> str:
    if figure.p50_seconds is None:
        return "-"
    seconds = figure.p50_seconds
    for limit, unit, size in ((90, "s", 1), (5_400, "min", 60), (172_800, "h", 3_600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
