"""The guard of the embedded servers: a small process that starts them and outlives no parent.

Run as a script, with nothing but the standard library, so that it is up in a moment and small.
The first line on its standard input says what to run; after that the input only has to stay open.
When it closes (the parent ended it, crashed, or was killed) or the parent is gone, the servers are
ended and the directory is removed. On standard output it reports, a line of JSON each: the pids,
and every server that ended on its own with the last lines it printed.

Why a process and not a signal handler: nothing in a process runs when it is killed with -9. Why
not PR_SET_PDEATHSIG in the parent alone: it is Linux only, and follows the *thread* that started
the child. Here that thread is the only one, so it serves as a second net under this guard.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

STOP_SECONDS = 3.0
"""How long a server may take to end when asked, before it is killed. They need milliseconds."""

PARENT_CHECK_SECONDS = 0.5
"""How often to look for the parent, for the case that a fork of it holds our input open."""

KEPT_LINES = 20
"""Lines of a server's output that are kept to explain its end. More is not stored anywhere."""

READ_BYTES = 65_536
_PR_SET_PDEATHSIG = 1


class Server:
    """One running server and the tail of what it printed."""

    def __init__(self, name: str, command: list[str], directory: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_me(),
        )
        assert self.process.stdout is not None
        self.output: IO[bytes] = self.process.stdout
        os.set_blocking(self.output.fileno(), False)
        self._lines: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._rest = b""

    def read(self) -> bytes:
        """Take in what was printed and return it: empty at the end, BlockingIOError if nothing."""
        printed = os.read(self.output.fileno(), READ_BYTES)
        *lines, rest = (self._rest + printed).split(b"\n")
        self._lines.extend(lines)
        self._rest = rest[-READ_BYTES:]
        return printed

    def tail(self) -> list[str]:
        """Return the last lines it printed."""
        with contextlib.suppress(BlockingIOError):
            while self.read():
                pass
        lines = [*self._lines, self._rest] if self._rest else list(self._lines)
        return [line.decode(errors="replace").rstrip() for line in lines]


def _die_with_me() -> Callable[[], None] | None:
    """On Linux, have the kernel kill the server should this guard itself be killed with -9."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    guard = os.getpid()

    def set_parent_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:  # it died in between: too late for the signal
            os._exit(1)

    return set_parent_death_signal


def report(message: dict[str, Any]) -> None:
    """Tell the parent. Where nobody listens any more, closing follows by itself."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


def stop(servers: list[Server]) -> None:
    """Ask all servers to end, then kill those that did not."""
    for server in servers:
        if server.process.poll() is None:
            server.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for server in servers:
        try:
            server.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


class StopRequest:
    """SIGTERM and the end of a server wake the guard's `select` through one pipe."""

    def __init__(self) -> None:
        self.received = False
        self.descriptor, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._receive)
        # Ctrl-C in a terminal goes to all: the worker must still find its servers to drain.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _receive(self, *_: object) -> None:
        self.received = True


def guard(servers: list[Server], parent: int, stop_request: StopRequest) -> None:
    """Return when the parent let go or is gone, or when a stop was requested."""
    running = list(servers)
    readable = {server.output.fileno(): server for server in servers}
    wake = stop_request.descriptor
    while not stop_request.received and os.getppid() == parent:
        ready, _, _ = select.select([0, wake, *readable], [], [], PARENT_CHECK_SECONDS)
        if 0 in ready and not os.read(0, READ_BYTES):
            return
        if wake in ready:
            os.read(wake, READ_BYTES)
        for descriptor in [number for number in ready if number in readable]:
            if not readable[descriptor].read():
                del readable[descriptor]
        for server in [one for one in running if one.process.poll() is not None]:
            running.remove(server)
            readable.pop(server.output.fileno(), None)
            report(
                {"ended": server.name, "status": server.process.returncode, "tail": server.tail()}
            )


def main() -> None:
    """Read what to run, run it, guard it, and leave nothing behind."""
    parent = os.getppid()
    stop_request = StopRequest()
    first_line = sys.stdin.readline()
    if not first_line:
        return
    orders = json.loads(first_line)
    servers: list[Server] = []
    try:
        for name, command in orders["servers"].items():
            servers.append(Server(name, command, orders["directory"]))
        report({"pids": {server.name: server.process.pid for server in servers}})
        guard(servers, parent, stop_request)
    except OSError as error:
        report({"failed": str(error)})
    finally:
        stop(servers)
        if orders["remove_directory"]:
            shutil.rmtree(orders["directory"], ignore_errors=True)


if __name__ == "__main__":
    main()
