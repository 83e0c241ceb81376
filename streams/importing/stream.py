"""`manyi publish`: records as they come, in their order, each on its way before the next is
awaited."""

import asyncio
from datetime import UTC, datetime

from rich.console import Console

from streams.errors import ExitCode
from streams.importing.files import open_files
from streams.importing.importer import Importer
from streams.importing.job import ImportJob
from streams.importing.outgoing import topic_of
from streams.importing.publisher import Publisher
from streams.importing.rows import Reject
from streams.importing.target import open_target
from streams.signals import stop_on_signals
from streams.terminal_text import printable


async def run_publish(job: ImportJob, console: Console, errors: Console) -> ExitCode:
    """Publish records one by one and say how many went where. Raises UserError."""
    stop = asyncio.Event()

    def tell(reject: Reject) -> None:
        errors.print(printable(f"{reject.where}: {reject.reason}"), markup=False, soft_wrap=True)

    importer = Importer(job.options, datetime.now(UTC), tell, stop.is_set)
    if job.dry_run:
        count = sum(1 for _ in importer.records(open_files(job.paths)))
        console.print(f"{count:,} records are in order, {importer.tally.rejected:,} rows are not.")
        return ExitCode.FAILED if importer.tally.rejected else ExitCode.OK
    async with open_target(errors, may_start=False) as target:
        publisher = Publisher(target.settings, alerts=job.alerts)
        with stop_on_signals(stop, errors.print):
            async with publisher:
                await _send_all(job, importer, publisher)
    for channel, count in publisher.sent.items():
        console.print(f"Published {count:,} to {topic_of(channel)} ({target.says})")
    for reason in publisher.reasons:
        errors.print(f"Not sent: {reason}", markup=False)
    if not publisher.sent and not importer.tally.rejected:
        console.print("Nothing to publish.")
    good = not publisher.failed and not importer.tally.rejected
    return ExitCode.OK if good else ExitCode.FAILED


async def _send_all(job: ImportJob, importer: Importer, publisher: Publisher) -> None:
    records = importer.records(open_files(job.paths, should_stop=importer.should_stop))
    # Waiting for a line happens in a thread; what was read before is sent meanwhile.
    while (record := await asyncio.to_thread(next, records, None)) is not None:
        await publisher.send(record)
