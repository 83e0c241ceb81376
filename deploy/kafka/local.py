"""Fetching, formatting, starting and stopping one Kafka broker.

Needs Java 17 or newer and Maven. The jars (about 60 MB) are fetched once into `.cache/kafka` of the
checkout, or into `$KAFKA_LIBS`, a directory that has them already.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Self

from streams.embedded.probes import broker_cluster_id

__all__ = ["KafkaUnavailable", "LocalKafka", "missing_tools"]

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "kafka"
LIBS_VARIABLE = "KAFKA_LIBS"
FETCH_SECONDS = 600.0
"""A slow line and an empty Maven cache."""
FORMAT_SECONDS = 60.0
START_SECONDS = 60.0
"""Three seconds on an idle machine; tests run on busy ones."""
STOP_SECONDS = 20.0
"""A controlled shutdown takes about a second."""
HEAP = "-Xmx768m"
LOOPBACK = "127.0.0.1"
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


class KafkaUnavailable(Exception):
    """There is no Kafka to be had here; the message says why."""


def missing_tools() -> list[str]:
    """The programs a local Kafka needs and this machine has not."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


class LocalKafka:
    """One broker for as long as the `with` block lasts; its data goes with it.

    With a `directory` the data stays there, and the next start goes on with it. `bounce` is for
    tests that want to see what happens then. On Linux the broker ends with the *thread* that
    started it, so start it from the main one.
    """

    def __init__(self, directory: Path | None = None, port: int = 0) -> None:
        self._given = directory
        self._directory = directory or Path(tempfile.mkdtemp(prefix="manyi-kafka-"))
        self._port = port or _free_port()
        self._controller_port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._cluster_id = ""

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address, as Kafka clients want it."""
        return f"{LOOPBACK}:{self._port}"

    def start(self) -> Self:
        """Start and wait until it answers; raises `KafkaUnavailable` where that cannot be."""
        if missing := missing_tools():
            raise KafkaUnavailable(f"a local Kafka needs {' and '.join(missing)}: not installed")
        self._directory.mkdir(parents=True, exist_ok=True)
        libs = _fetch_libs()
        self._configure()
        if not (self._directory / "data" / "meta.properties").exists():
            self._format(libs)
        self._launch(libs)
        return self

    def stop(self) -> None:
        """Stop the broker; remove its data unless the directory was given."""
        self._end(signal.SIGTERM)
        if self._given is None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def bounce(self, *, hard: bool = False, pause_seconds: float = 0.0) -> None:
        """Stop it (kill it, if `hard`), wait, and start it again on the same port and data."""
        self._end(signal.SIGKILL if hard else signal.SIGTERM)
        time.sleep(pause_seconds)
        self._launch(_fetch_libs())

    def wait(self) -> int:
        """Wait until the broker ends by itself; its exit status."""
        assert self._process is not None
        return self._process.wait()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    # --- steps -----------------------------------------------------------------------------------

    def _configure(self) -> None:
        listener = f"{LOOPBACK}:{self._port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "listeners": f"PLAINTEXT://{listener},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{listener}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self._directory / "data"),
            "auto.create.topics.enable": "false",  # a misspelt topic must be an error
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",  # tests wait for sessions to end
            "message.max.bytes": str(16 << 20),
            "log.cleaner.backoff.ms": "1000",  # compaction can be watched
        }
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (self._directory / "server.properties").write_text("".join(lines))
        (self._directory / "log4j2.properties").write_text(_QUIET)

    def _format(self, libs: Path) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(
            [
                *self._java(libs, "-Xmx128m"),
                "kafka.tools.StorageTool",
                *("format", "-t", cluster_id, "-c", "server.properties"),
            ],
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=FORMAT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise KafkaUnavailable(f"formatting the broker's storage failed: {done.stderr[-800:]}")

    def _launch(self, libs: Path) -> None:
        with (self._directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(libs, HEAP), "kafka.Kafka", "server.properties"],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
            )
        give_up = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                tail = (self._directory / "broker.log").read_text(errors="replace").splitlines()
                self._end(signal.SIGKILL)
                raise KafkaUnavailable(
                    "the broker did not start: " + "\n".join(tail[-SHOWN_LINES:])
                )
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return bool(broker_cluster_id(LOOPBACK, self._port))
        except OSError:
            return False

    def _java(self, libs: Path, heap: str) -> list[str]:
        log4j = self._directory / "log4j2.properties"
        return ["java", heap, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{libs}/*"]

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fetch_libs() -> Path:
    """The directory with the jars, fetched by Maven the first time."""
    if given := os.environ.get(LIBS_VARIABLE):
        return Path(given)
    libs = CACHE / "libs"
    done = CACHE / "complete"
    if done.exists() and done.stat().st_mtime >= POM.stat().st_mtime:
        return libs
    shutil.rmtree(libs, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    fetched = subprocess.run(
        [
            *("mvn", "--quiet", "--batch-mode", "--file", str(POM)),
            f"-Dmaven.repo.local={CACHE / 'maven'}",
            f"-DoutputDirectory={libs}",
            "dependency:copy-dependencies",
        ],
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
        check=False,
    )
    if fetched.returncode:
        raise KafkaUnavailable(f"Maven could not fetch Kafka: {fetched.stdout[-800:]}")
    done.touch()
    return libs


def _die_with_parent() -> None:
    """On Linux, end the broker also when whoever started it is killed with -9."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])
