"""What an import did, for people: rows, records, skips, rejects, and what was published where."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.importing.job import Outcome
from streams.importing.outgoing import CHANNELS, topic_of
from streams.importing.rejects import Rejects
from streams.terminal_text import printable

PROBLEMS = 5
"""How many kinds of lost optional fields are shown."""


def print_summary(console: Console, outcome: Outcome, rejects: Rejects, target: str | None) -> None:
    """Print the summary; `target` is None where nothing was to be published."""
    tally = outcome.tally
    console.print(
        f"Rows: {tally.read:,} read = {tally.mapped:,} mapped + {sum(tally.skipped.values()):,} "
        f"skipped + {tally.rejected:,} rejected"
    )
    for reason, count in tally.skipped.most_common():
        console.print(f"  skipped {count:,}: {escape(reason)}")
    _print_rejects(console, outcome, rejects)
    _print_problems(console, outcome)
    console.print(_records(outcome, published=target is not None))
    if outcome.folded:
        console.print(
            f"Folded {outcome.folded:,} records that told a happening again: the newest stayed."
        )
    if target is None:
        for record in outcome.sample:
            console.print(
                f"  {record.channel}  {record.value.decode()}", markup=False, soft_wrap=True
            )
        console.print("Nothing was published: this was a dry run.")
        return
    console.print(f"Published to {escape(target)}, {_order(outcome)}.")
    if outcome.held:
        console.print(f"Stopped: {outcome.held:,} records that had been read were not published.")
    for reason in outcome.reasons:
        console.print(f"[red]! not sent: {escape(reason)}[/]")


def _records(outcome: Outcome, published: bool) -> Table:
    table = Table(title="Records", title_justify="left")
    table.add_column("channel")
    table.add_column("topic")
    columns = ("made", "published", "failed") if published else ("made",)
    for name in columns:
        table.add_column(name, justify="right")
    for channel in CHANNELS:
        made = outcome.tally.records[channel]
        if not made:
            continue
        counts = (made, outcome.sent.get(channel, 0), outcome.failed.get(channel, 0))
        shown = (f"{count:,}" for count in counts[: len(columns)])
        table.add_row(channel, topic_of(channel), *shown)
    return table


def _order(outcome: Outcome) -> str:
    if outcome.is_ordered is None:
        return "in the order of the files"
    if outcome.is_ordered:
        return "in the order of their times"
    return "by time within a moving window (there were more records than memory holds)"


def _print_rejects(console: Console, outcome: Outcome, rejects: Rejects) -> None:
    if not rejects.count:
        return
    fields = ", ".join(f"{name} {count:,}" for name, count in outcome.tally.reasons.most_common(5))
    console.print(f"[yellow]Rejected for: {escape(fields)}[/]")
    for reject in rejects.first:
        _line(console, f"  {reject.where}: {reject.reason}")
    more = rejects.count - len(rejects.first)
    if more > 0:
        console.print(f"  … and {more:,} more; --rejects FILE keeps them all")


def _print_problems(console: Console, outcome: Outcome) -> None:
    problems = outcome.tally.problems
    if not problems:
        return
    console.print(f"Optional fields left out or cut: {sum(problems.values()):,}")
    for problem, count in problems.most_common(PROBLEMS):
        _line(console, f"  {count:,} × {problem}")


def _line(console: Console, text: str) -> None:
    """Print a line that holds foreign text: nothing in it may steer the terminal."""
    console.print(printable(text), markup=False, soft_wrap=True)
