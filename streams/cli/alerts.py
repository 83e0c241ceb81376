"""`manyi alerts`: which alerts reached nobody, and which still wait for their receiver."""

import asyncio
import json
from collections.abc import Sequence

import click
import msgspec
from redis.asyncio import Redis
from rich.table import Table
from rich.text import Text

from streams.console import wide_console
from streams.errors import ExitCode
from streams.logs import set_up_logging
from streams.notifier import FailedDelivery, NotifierSettings, WaitingDelivery
from streams.notifier.ledger import Ledger
from streams.settings import Settings, load_settings
from streams.terminal_text import printable

_limit = click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Show at most so many.",
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group("alerts", short_help="Show which alerts were not delivered, and why")
def command() -> None:
    """Look at deliveries of alerts that failed, or that wait to be tried again.

    docs/alerts.md says which answers of a receiver are final and how long others are tried.
    """
    set_up_logging("warning")


@command.command("failed")
@_limit
@_json
def failed(limit: int, as_json: bool) -> ExitCode:
    """List deliveries that were given up, the newest first."""
    found = asyncio.run(_failed(load_settings(), limit))
    rows = [
        (f"{f.failed_at:%m-%d %H:%M:%S}", f.transport, f.kind, f.target, f.complaint_id, f.reason,
         f.detail)
        for f in found
    ]  # fmt: skip
    headings = ("given up (UTC)", "transport", "kind", "target", "complaint", "reason", "detail")
    return _show(found, headings, rows, as_json=as_json, none="No delivery was given up.")


@command.command("waiting")
@_limit
@_json
def waiting(limit: int, as_json: bool) -> ExitCode:
    """List deliveries that wait for their first or next try, the oldest first."""
    found = asyncio.run(_waiting(load_settings(), limit))
    rows = [
        (f"{w.since:%m-%d %H:%M:%S}", w.transport, w.alert_id, str(w.tried_count), w.last_error)
        for w in found
    ]
    headings = ("since (UTC)", "transport", "alert", "tries", "last error")
    return _show(found, headings, rows, as_json=as_json, none="No delivery waits.")


async def _failed(settings: Settings, limit: int) -> list[FailedDelivery]:
    redis: Redis = Redis.from_url(settings.redis_url)
    try:
        return await _ledger(redis, settings).failed(limit)
    finally:
        await redis.aclose()


async def _waiting(settings: Settings, limit: int) -> list[WaitingDelivery]:
    redis: Redis = Redis.from_url(settings.redis_url)
    try:
        return await _ledger(redis, settings).waiting(limit)
    finally:
        await redis.aclose()


def _ledger(redis: Redis, settings: Settings) -> Ledger:
    notifier = NotifierSettings(
        kafka={},
        redis_prefix=settings.redis_prefix,
        alertmanager_urls=settings.alertmanager_urls,
        webhook_url=settings.webhook_url,
    )
    return Ledger.of(notifier, redis)


def _show(
    found: list[FailedDelivery] | list[WaitingDelivery],
    headings: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    *,
    as_json: bool,
    none: str,
) -> ExitCode:
    if as_json:
        for entry in found:
            click.echo(json.dumps(msgspec.to_builtins(entry), ensure_ascii=False))
        return ExitCode.OK
    console = wide_console()
    if not rows:
        console.print(none)
        return ExitCode.OK
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
    return ExitCode.OK
