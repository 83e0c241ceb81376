"""The runtime file: how other commands find the instance that `manyi demo` runs on this machine.

One small JSON file per user, readable by its owner alone. What it says is believed only while its
process lives and both its servers answer, so a file left behind by a crash misleads nobody.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from streams.embedded import probes
from streams.errors import UserError

FILE_BYTES = 65_536
"""The file holds a few hundred bytes; what is larger is not ours."""


class RunningInstance(msgspec.Struct, frozen=True):
    """A running embedded instance: the process that owns it and where its servers listen."""

    pid: int
    bootstrap_servers: str
    redis_url: str
    http_port: int
    started_at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))


def runtime_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the runtime file is: $MANYI_RUNTIME_DIR, else the user's runtime or cache."""
    if chosen := environ.get("MANYI_RUNTIME_DIR"):
        return Path(chosen) / "embedded.json"
    if session := environ.get("XDG_RUNTIME_DIR"):
        return Path(session) / "manyi" / "embedded.json"
    cache = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "manyi" / "embedded.json"


def find_running(path: Path | None = None) -> RunningInstance | None:
    """Return the running embedded instance of this user, or None. Never raises."""
    try:
        with open(path or runtime_file(), "rb") as file:
            instance = msgspec.json.decode(file.read(FILE_BYTES), type=RunningInstance)
    except (OSError, RuntimeError, msgspec.MsgspecError):  # no file, no home, not ours
        return None
    return instance if _is_alive(instance.pid) and _answers(instance) else None


@contextmanager
def publish(instance: RunningInstance, path: Path | None = None) -> Iterator[Path]:
    """Write the runtime file for the time of the block, and remove it at the end.

    Raises UserError where another instance of this user is running, or the file cannot be written.
    """
    path = path or runtime_file()
    if (other := find_running(path)) and other.pid != instance.pid:
        raise UserError(
            f"manyi is running already, as process {other.pid}",
            "Stop that one, or give this one a place of its own: MANYI_RUNTIME_DIR=/some/directory",
        )
    try:
        _write(path, msgspec.json.encode(instance))
    except OSError as error:
        raise UserError(
            f"Cannot write {path}: {error.strerror or error}",
            "Name a directory that you may write to: MANYI_RUNTIME_DIR=/some/directory",
        ) from error
    try:
        yield path
    finally:
        _remove(path, instance.pid)


def _write(path: Path, content: bytes) -> None:
    """Replace the file in one step; it is never seen half written, nor by other users."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".embedded-")  # made with mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _remove(path: Path, pid: int) -> None:
    """Remove the file if it is still about this process."""
    with suppress(OSError, msgspec.MsgspecError):
        if msgspec.json.decode(path.read_bytes(), type=RunningInstance).pid == pid:
            path.unlink()


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(instance: RunningInstance) -> bool:
    """Tell whether both servers answer: a process id alone may have passed to another program."""
    try:
        broker = urlsplit(f"//{instance.bootstrap_servers}")
        store = urlsplit(instance.redis_url)
        probes.broker_cluster_id(broker.hostname or "", broker.port or 0)
        probes.valkey_process_id(store.hostname or "", store.port or 0)
    except (OSError, ValueError):
        return False
    return True
