"""Starts a real Alertmanager and a real Prometheus on loopback ports, and stops them again."""

import asyncio
import shutil
import signal
import socket
from asyncio.subprocess import DEVNULL, STDOUT, Process
from pathlib import Path

import aiohttp
import pytest

START_SECONDS = 30.0

ALERTMANAGER_CONFIG = """
route:
  receiver: staff
  group_by: ["..."]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: staff
    webhook_configs:
      - url: {url}
        send_resolved: true
"""

PROMETHEUS_CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: alertmanager
    static_configs: [{{targets: ["{target}"]}}]
"""


class Daemon:
    """One program that listens on one port."""

    def __init__(self, port: int, path: Path, *command: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._path = path
        self._command = command
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._path.mkdir(exist_ok=True)
        with (self._path / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=self._path, stdin=DEVNULL, stdout=log, stderr=STDOUT
            )
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while not await _is_ready(session, self.url):
                assert self._process.returncode is None, (self._path / "log").read_text()
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End it, and with it everything it kept in memory."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/-/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def alertmanager(path: Path, webhook_url: str) -> Daemon:
    """An Alertmanager that tells everything to a webhook; skips where it is not installed."""
    program = _program("alertmanager", "prometheus-alertmanager")
    port = free_port()
    path.mkdir(exist_ok=True)
    (path / "alertmanager.yml").write_text(ALERTMANAGER_CONFIG.format(url=webhook_url))
    return Daemon(
        port,
        path,
        program,
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )


def prometheus(path: Path, target: str) -> Daemon:
    """A Prometheus that scrapes one target each second; skips where it is not installed."""
    program = _program("prometheus")
    port = free_port()
    path.mkdir(exist_ok=True)
    (path / "prometheus.yml").write_text(PROMETHEUS_CONFIG.format(target=target))
    return Daemon(
        port,
        path,
        program,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    )


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(*names: str) -> str:
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip(f"{names[0]} is not installed: apt-get install prometheus prometheus-alertmanager")
