"""`EmbeddedServices`: start the broker and Valkey, wait until both answer, end both.

The servers are children of a supervisor process (supervisor.py), which holds a pipe from here. So
they end with this process in every case: at the end of the `with` block, when it crashes, after
Ctrl-C, SIGTERM and kill -9.
"""

import asyncio
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from streams.embedded import probes, supervisor
from streams.embedded.binaries import LOOPBACK, broker_command, valkey_command
from streams.errors import ExitCode, UserError

START_SECONDS = 30.0
"""Both are up within half a second; a machine that is busy with other things gets more."""

PORT_ATTEMPTS = 5
"""Between finding a free port and binding it another program may take it. Then we look again."""

PROBE_PAUSE_SECONDS = 0.01
SHOWN_LINES = 5


class EmbeddedServices:
    """A broker and a Valkey on loopback, for as long as the `with` (or `async with`) block lasts.

    `directory` is where they run; without one, a temporary directory that is removed at the end.
    A port that is given is used or refused; without one, free ports are found. `broker=False`
    starts Valkey alone, for use beside a real Kafka.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        broker: bool = True,
        broker_port: int | None = None,
        redis_port: int | None = None,
    ) -> None:
        self.pids: Mapping[str, int] = {}
        """Process ids of `supervisor`, `broker` and `valkey`."""
        self._given_directory = directory
        self._with_broker = broker
        self._wanted_ports = (broker_port, redis_port)
        self._broker_port = self._redis_port = 0
        self._cluster_id = ""
        self._directory: Path | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._ended: dict[str, Any] | None = None
        self._stopping = False

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address, as Kafka clients want it."""
        if not self._broker_port:
            raise RuntimeError("there is no embedded broker running")
        return f"{LOOPBACK}:{self._broker_port}"

    @property
    def redis_url(self) -> str:
        """The URL of the Valkey, as redis clients want it."""
        if not self._redis_port:
            raise RuntimeError("there is no embedded Valkey running")
        return f"redis://{LOOPBACK}:{self._redis_port}/0"

    def failure(self) -> UserError | None:
        """Return what went wrong if a server ended on its own, else None. Cheap enough to poll."""
        return None if self._ended is None else _describe(self._ended)

    def start(self) -> Self:
        """Start both and wait until both answer; raises UserError where that cannot be."""
        if self._supervisor is not None:
            raise RuntimeError("the embedded services are running already")
        for _ in range(PORT_ATTEMPTS):
            try:
                self._start_once()
                return self
            except _PortTaken as taken:
                self.stop()
                if any(self._wanted_ports):
                    raise taken.error from None
            except BaseException:
                self.stop()
                raise
        raise UserError(
            f"Found no free port in {PORT_ATTEMPTS} attempts",
            "Something on this machine takes ports as fast as they are found; try again",
        )

    def stop(self) -> None:
        """End both servers and wait until they are gone. Safe to call again."""
        self._stopping = True
        process, self._supervisor = self._supervisor, None
        if process is not None:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.close()  # the supervisor's signal to end
            try:
                process.wait(supervisor.STOP_SECONDS + 2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self._end_servers()
        self._broker_port = self._redis_port = 0
        self.pids = {}

    def __enter__(self) -> Self:
        """Start both."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """End both."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start both without blocking the loop."""
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with suppress(Exception):
                await starting  # a thread cannot be cancelled; what it started is ended below
            await asyncio.to_thread(self.stop)
            raise

    async def __aexit__(self, *_: object) -> None:
        """End both without blocking the loop."""
        await asyncio.to_thread(self.stop)

    def _start_once(self) -> None:
        self._messages = queue.SimpleQueue()
        self._ended, self._stopping = None, False
        broker_port, self._redis_port = _choose_ports(*self._wanted_ports)
        self._broker_port = broker_port if self._with_broker else 0
        self._cluster_id = f"manyi-{uuid.uuid4().hex}"
        directory = self._given_directory or Path(tempfile.mkdtemp(prefix="manyi-"))
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            servers = {"valkey": valkey_command(self._redis_port, directory)}
            if self._with_broker:
                servers["broker"] = broker_command(self._broker_port, self._cluster_id)
            self._supervisor = _launch_supervisor()
        except BaseException:
            if self._given_directory is None:
                with suppress(OSError):
                    directory.rmdir()
            raise
        orders = {
            "servers": servers,
            "directory": str(directory),
            "remove_directory": self._given_directory is None,
        }
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.write(json.dumps(orders).encode() + b"\n")
        self._supervisor.stdin.flush()
        threading.Thread(target=self._listen, args=(self._supervisor,), daemon=True).start()
        self._await_ready(time.monotonic() + START_SECONDS)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take in what the supervisor reports until it ends; runs in a thread of its own."""
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                message = json.loads(line)
                if "pids" in message:
                    self.pids = {**message["pids"], "supervisor": process.pid}
                elif not self._stopping and self._supervisor is process:
                    self._ended = message
                self._messages.put(message)
        if not self._stopping and self._supervisor is process:
            self._end_servers()
            self._ended = self._ended or {"ended": "supervisor", "status": process.poll()}
            self._messages.put(self._ended)

    def _end_servers(self) -> None:
        """Do what a supervisor that is gone can no longer do: kill the servers, tidy up."""
        for name, pid in self.pids.items():
            if name != "supervisor":
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self._given_directory is None and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _await_ready(self, deadline: float) -> None:
        """Return once both answer as the very processes we started."""
        while time.monotonic() < deadline:
            if self._ended is not None:
                error = _describe(self._ended)
                if "in use" in "\n".join(self._ended.get("tail", ())):
                    raise _PortTaken(error)
                raise error
            if self.pids and self._both_answer():
                return
            with suppress(queue.Empty):
                self._messages.get(timeout=PROBE_PAUSE_SECONDS)
        raise UserError(
            f"The embedded services did not answer within {START_SECONDS:.0f} seconds",
            "The machine may be very busy; try again",
            ExitCode.UNREACHABLE,
        )

    def _both_answer(self) -> bool:
        try:
            return probes.valkey_process_id(LOOPBACK, self._redis_port) == self.pids["valkey"] and (
                not self._with_broker
                or probes.broker_cluster_id(LOOPBACK, self._broker_port) == self._cluster_id
            )
        except OSError:
            return False


class _PortTaken(Exception):
    """Another program bound the port first."""

    def __init__(self, error: UserError) -> None:
        super().__init__(error.message)
        self.error = error


def _choose_ports(*wanted: int | None) -> tuple[int, ...]:
    """Return the wanted ports, and free ones where none is wanted, all different."""
    with ExitStack() as stack:
        ports = []
        for port in wanted:
            if port is None:
                found = stack.enter_context(socket.socket())
                found.bind((LOOPBACK, 0))
                port = int(found.getsockname()[1])
            ports.append(port)
        return tuple(ports)


def _launch_supervisor() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -I and -S: the standard library alone, whatever the environment says.
        [sys.executable, "-I", "-S", supervisor.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in our terminal is for us alone
    )


def _describe(message: Mapping[str, Any]) -> UserError:
    """Word what the supervisor reported as an error for the user."""
    if "failed" in message:
        return UserError(
            f"The embedded services cannot be started: {message['failed']}",
            "Run `make setup` again; it installs the programs for this machine",
        )
    tail = [line for line in message.get("tail", ()) if line][-SHOWN_LINES:]
    return UserError(
        f"The embedded {message['ended']} ended on its own (status {message['status']})",
        "Its last lines: " + " | ".join(tail) if tail else "It printed nothing; start again",
        ExitCode.UNREACHABLE,
    )
