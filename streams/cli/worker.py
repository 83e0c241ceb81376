"""`manyi worker`: one worker on your Kafka and Redis."""

import asyncio
from dataclasses import replace
from pathlib import Path

import click
import uvloop

from streams.logs import set_up_logging
from streams.policy_files import require_policy
from streams.settings import Settings, load_settings
from streams.signals import reload_on_hangup, stop_on_signals
from streams.worker import running


@click.command("worker", short_help="One worker on your Kafka and Redis")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of API and /metrics. [6066]")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The policy file. [MANYI_POLICY, else 24 h to answer and 72 h to resolve]",
)
def command(port: int | None, policy: Path | None) -> None:
    """Run one worker until SIGTERM or Ctrl-C; start as many as there are partitions.

    Settings come from the environment (docs/settings.md). Missing topics are created. The worker
    finishes what is in flight before it stops; a second signal ends it at once, and what was not
    committed is read again. A changed policy file is taken over while it runs, at once on SIGHUP.
    """
    settings = load_settings()
    if port is not None:
        settings = replace(settings, port=port)
    if policy is not None:
        settings = replace(settings, policy=policy)
    set_up_logging(settings.log_level)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    policy = require_policy(settings.policy)
    with stop_on_signals(stop, lambda text: click.echo(text, err=True)):
        async with running(settings, policy) as worker:
            click.echo(f"Listening on http://{settings.host}:{settings.port}/", err=True)
            with reload_on_hangup(worker.policies.look_now):
                await worker.wait(stop)
