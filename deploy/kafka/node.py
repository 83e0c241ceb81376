"""One broker process: its settings, its storage, its start and its end."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.kafka.fetching import KafkaUnavailable, fetch_libs
from streams.embedded.probes import broker_cluster_id

__all__ = ["LOOPBACK", "Node", "free_port"]

LOOPBACK = "127.0.0.1"
FORMAT_SECONDS = 180.0
START_SECONDS = 180.0
"""Three seconds on an idle machine; tests run on busy ones. A broker that fails ends at once."""
STOP_SECONDS = 20.0
"""A controlled shutdown takes about a second."""
SHOWN_LINES = 15
_PR_SET_PDEATHSIG = 1

_QUIET = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


class Node:
    """A broker that is a controller as well, in a directory of its own."""

    def __init__(self, number: int, directory: Path, port: int, java: Sequence[str]) -> None:
        self.number = number
        self.port = port or free_port()
        self.controller_port = free_port()
        self._directory = directory
        self._options = java
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """What the process ended with; None while it runs, or when it was never started."""
        return None if self._process is None else self._process.poll()

    def prepare(
        self,
        cluster_id: str,
        voters: str,
        settings: Mapping[str, str],
        *,
        listeners: Mapping[str, int],
        users: Sequence[str] = (),
    ) -> None:
        """Write the settings, and format the storage the first time.

        `listeners` are the ports beside the open one, by security protocol; `users` are options of
        the storage tool.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        ports = {"PLAINTEXT": self.port, **listeners}
        offered = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())
        own = {
            "process.roles": "broker,controller",
            "node.id": str(self.number),
            "controller.quorum.voters": voters,
            "listeners": f"{offered},CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": offered,
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self._directory / "data"),
        }
        lines = [f"{name}={value}\n" for name, value in {**own, **settings}.items()]
        (self._directory / "server.properties").write_text("".join(lines))
        (self._directory / "log4j2.properties").write_text(_QUIET)
        if not (self._directory / "data" / "meta.properties").exists():
            self._format(cluster_id, users)

    def _format(self, cluster_id: str, users: Sequence[str]) -> None:
        done = subprocess.run(
            [
                *self._java("-Xmx128m"),
                "kafka.tools.StorageTool",
                *("format", "-t", cluster_id, "-c", "server.properties", *users),
            ],
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=FORMAT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise KafkaUnavailable(f"formatting the broker's storage failed: {done.stderr[-800:]}")

    def launch(self) -> None:
        """Start the process; `await_answer` says when it can be used."""
        with (self._directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(*self._options), "kafka.Kafka", "server.properties"],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
            )

    def await_answer(self) -> None:
        """Wait until the broker answers; raises `KafkaUnavailable` when it ends instead."""
        give_up = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running or time.monotonic() > give_up:
                tail = (self._directory / "broker.log").read_text(errors="replace").splitlines()
                self.end(signal.SIGKILL)
                raise KafkaUnavailable(
                    f"broker {self.number} did not start: " + "\n".join(tail[-SHOWN_LINES:])
                )
            time.sleep(0.1)

    def end(self, how: signal.Signals) -> None:
        """End the process and wait until it is gone; nothing to do where none runs."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self, seconds: float) -> int | None:
        """Wait so long for the process to end by itself; its exit status, or None."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def _answers(self) -> bool:
        try:
            return bool(broker_cluster_id(LOOPBACK, self.port))
        except OSError:
            return False

    def _java(self, *options: str) -> list[str]:
        log4j = self._directory / "log4j2.properties"
        return ["java", *options, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{fetch_libs()}/*"]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


def _die_with_parent() -> None:
    """On Linux, end the broker also when whoever started it is killed with -9."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
