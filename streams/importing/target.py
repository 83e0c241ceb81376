"""Where records go: the brokers of the settings, a running demo, or a worker started for the
purpose."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from streams.demo import embedded_worker
from streams.embedded import find_running
from streams.settings import Settings, load_settings
from streams.worker import Worker

BOOTSTRAP = "KAFKA_BOOTSTRAP_SERVERS"


class Target(NamedTuple):
    """A broker to publish to; `worker` is set where one was started for this command alone."""

    settings: Settings
    says: str
    worker: Worker | None = None


@asynccontextmanager
async def open_target(
    console: Console,
    *,
    policy: Path | None = None,
    port: int | None = None,
    may_start: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[Target]:
    """Find or start something to publish to.

    With `may_start` a broker, a store and a worker are started where nothing else is; without it
    that is a UserError which names the missing settings.
    """
    if environ.get(BOOTSTRAP) or not may_start or find_running() is not None:
        settings = load_settings(environ, only_kafka=True)
        where = "the running demo" if settings.embedded else settings.bootstrap_servers
        yield Target(settings, where)
        return
    console.print("No broker is set and no demo runs: starting a worker for this import …")
    async with with_worker(environ, policy, port) as target:
        yield target


@asynccontextmanager
async def with_worker(
    environ: Mapping[str, str], policy: Path | None, port: int | None = None
) -> AsyncIterator[Target]:
    """Run broker, store and one worker on this machine for the time of the block."""
    async with embedded_worker(dict(environ), policy=policy, port=port) as worker:
        yield Target(worker.settings, "a worker of its own", worker)
