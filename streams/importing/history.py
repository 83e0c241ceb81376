"""One import from beginning to end: read, order, publish, wait until it is processed, report.

Files are read in a thread, so that a worker in the same process goes on while a large table is
parsed. Ctrl-C ends the reading; what was handed to the broker is confirmed and counted before.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from rich.console import Console

from streams.demo import until_settled
from streams.errors import ExitCode
from streams.importing.files import open_files, total_bytes
from streams.importing.importer import Importer, ImportOptions, Tally
from streams.importing.ordering import WINDOW, TimeOrder
from streams.importing.outgoing import Outgoing
from streams.importing.progress import Progress
from streams.importing.publisher import Publisher
from streams.importing.rejects import Rejects
from streams.importing.summary import print_summary
from streams.importing.target import Target, open_target
from streams.report import close_books, print_books, print_tables
from streams.views import ViewReader
from streams.worker import stop_on_signals

BATCH = 500
"""Records taken from the reading thread at a time."""

SETTLE_SECONDS = 60.0
SETTLED_RECORDS_PER_SECOND = 500.0
"""A worker that needs longer than the sum of both for an import is said to be behind."""


@dataclass(frozen=True, kw_only=True)
class ImportJob:
    """What `manyi import` is asked to do."""

    paths: list[str]
    options: ImportOptions
    alerts: bool = False
    sort: bool = True
    window: int = WINDOW
    dry_run: bool = False
    rejects: str | None = None
    serve: bool = False
    policy: Path | None = None
    batch: int = BATCH


@dataclass
class Outcome:
    """What an import did. `stopped` when it was ended by the user; `held` records were not sent."""

    tally: Tally
    sent: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    folded: int = 0
    held: int = 0
    is_ordered: bool | None = None
    stopped: bool = False
    balance: bool = True
    sample: list[Outgoing] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """Failed if a send failed, the books do not balance, or of the rows none was good."""
        if self.stopped:
            return ExitCode.INTERRUPTED
        nothing = self.tally.read > 0 and self.tally.rejected == self.tally.read
        failed = bool(self.failed) or not self.balance or nothing
        return ExitCode.FAILED if failed else ExitCode.OK


async def run_import(job: ImportJob, console: Console, errors: Console) -> Outcome:
    """Run an import and print its summary. Raises UserError for what the user can mend."""
    stop = asyncio.Event()
    with stop_on_signals(stop, errors.print), Rejects(job.rejects) as rejects:
        importer = Importer(job.options, datetime.now(UTC), rejects.add, stop.is_set)
        if job.dry_run:
            outcome = await _dry_run(job, importer, errors)
            outcome.stopped = stop.is_set()
            print_summary(console, outcome, rejects, None)
            return outcome
        async with open_target(errors, policy=job.policy) as target:
            async with Publisher(target.settings, alerts=job.alerts) as publisher:
                outcome = await _publish(job, importer, publisher, errors)
            outcome.sent, outcome.failed = dict(publisher.sent), dict(publisher.failed)
            outcome.reasons, outcome.stopped = publisher.reasons, stop.is_set()
            print_summary(console, outcome, rejects, target.says)
            if target.worker is not None:
                await _report(target, outcome, console, stop if job.serve else None)
        return outcome


async def _dry_run(job: ImportJob, importer: Importer, errors: Console) -> Outcome:
    outcome = Outcome(importer.tally)
    with Progress(errors, total_bytes(job.paths)) as progress:
        records = importer.records(open_files(job.paths, progress.advance, importer.should_stop))
        while batch := await asyncio.to_thread(_take, records, job.batch):
            outcome.sample += batch[: 3 - len(outcome.sample)]
            progress.rows(importer.tally.read)
    return outcome


async def _publish(
    job: ImportJob, importer: Importer, publisher: Publisher, errors: Console
) -> Outcome:
    """Read everything and send it by time, as far as the window reaches."""
    outcome = Outcome(importer.tally)
    order = TimeOrder(job.window if job.sort else 1)
    with Progress(errors, total_bytes(job.paths)) as progress:
        records = importer.records(open_files(job.paths, progress.advance, importer.should_stop))
        while batch := await asyncio.to_thread(_take, records, job.batch):
            for record in batch:
                for ready in order.add(record):
                    await publisher.send(ready)
            progress.rows(importer.tally.read)
        progress.publishing(len(order))
        for ready in order.drain():
            if job.sort and importer.should_stop():
                outcome.held += 1
                continue
            await publisher.send(ready)
            progress.published(1)
        await publisher.flush()
    outcome.folded = order.folded
    outcome.is_ordered = order.is_whole if job.sort else None
    return outcome


def _take(records: Iterator[Outgoing], count: int) -> list[Outgoing]:
    return list(islice(records, count))


async def _report(
    target: Target, outcome: Outcome, console: Console, serve: asyncio.Event | None
) -> None:
    """Wait for the worker of this import, print what came of it; go on serving if asked to."""
    worker = target.worker
    assert worker is not None
    total = sum(outcome.sent.values())
    console.print("Reading it …")
    settled = await until_settled(worker, SETTLE_SECONDS + total / SETTLED_RECORDS_PER_SECOND)
    reader = ViewReader(worker.redis, worker.settings.redis_prefix)
    books = await close_books(reader, outcome.sent)
    await print_tables(console, reader)
    print_books(console, books)
    if not settled:
        console.print("[red]! the worker has not read everything in the time it was given[/]")
    outcome.balance = books.balance and settled
    if serve is not None and not serve.is_set():
        port = worker.settings.port
        console.print(f"Wallboard: http://localhost:{port}/   Ctrl-C ends it.")
        await worker.wait(serve)
