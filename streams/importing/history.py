"""One import from beginning to end: read, order, publish, wait until it is processed, report.

Files are read in a thread, so that a worker in the same process goes on while a large table is
parsed. Ctrl-C ends the reading; what was handed to the broker is confirmed and counted before.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from rich.console import Console

from streams.demo import until_judged, until_settled
from streams.importing.files import open_files, total_bytes
from streams.importing.importer import Importer
from streams.importing.job import ImportJob, Outcome
from streams.importing.ordering import TimeOrder
from streams.importing.outgoing import Outgoing
from streams.importing.progress import Progress
from streams.importing.publisher import Publisher
from streams.importing.rejects import Rejects
from streams.importing.summary import print_summary
from streams.importing.target import Target, open_target
from streams.report import close_books, print_books, print_tables
from streams.signals import stop_on_signals
from streams.views import ViewReader

SETTLE_SECONDS = 60.0
SETTLED_RECORDS_PER_SECOND = 500.0
"""A worker that needs longer than the sum of both for an import is said to be behind."""


async def run_import(job: ImportJob, console: Console, errors: Console) -> Outcome:
    """Run an import and print its summary.

    Raises UserError for what the user can mend, and KafkaError, after the summary, where the broker
    was lost on the way.
    """
    stop = asyncio.Event()
    with stop_on_signals(stop, errors.print), Rejects(job.rejects) as rejects:
        importer = Importer(job.options, datetime.now(UTC), rejects.add, stop.is_set)
        outcome = Outcome(importer.tally)
        if job.dry_run:
            await _dry_run(job, importer, outcome, errors)
            outcome.stopped = stop.is_set()
            print_summary(console, outcome, rejects, None)
            return outcome
        async with open_target(errors, policy=job.policy, port=job.port) as target:
            publisher = Publisher(target.settings, alerts=job.alerts)
            try:
                async with publisher:
                    await _publish(job, importer, publisher, outcome, errors)
            finally:
                outcome.sent, outcome.failed = dict(publisher.sent), dict(publisher.failed)
                outcome.reasons, outcome.stopped = publisher.reasons, stop.is_set()
                if importer.tally.read:
                    print_summary(console, outcome, rejects, target.says)
            if target.worker is not None:
                await _report(target, outcome, console, stop if job.serve else None)
        return outcome


async def _dry_run(job: ImportJob, importer: Importer, outcome: Outcome, errors: Console) -> None:
    with Progress(errors, total_bytes(job.paths)) as progress:
        records = importer.records(open_files(job.paths, progress.advance, importer.should_stop))
        while batch := await asyncio.to_thread(_take, records, job.batch):
            outcome.sample += batch[: 3 - len(outcome.sample)]
            progress.rows(importer.tally.read)


async def _publish(
    job: ImportJob, importer: Importer, publisher: Publisher, outcome: Outcome, errors: Console
) -> None:
    """Read everything and send it by time, as far as the window reaches."""
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
    settled = settled and await until_judged(worker)
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
