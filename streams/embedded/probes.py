"""Ask a port what really answers there: a Kafka metadata request and a Redis INFO, by sockets.

A port that accepts a connection proves little: after a lost race for it, a stranger answers. So
both probes return an identity (cluster id, process id) for the caller to compare with its own.
"""

import socket
import struct

PROBE_TIMEOUT_SECONDS = 1.0
"""Both servers answer on loopback within milliseconds; a second allows for a loaded machine."""

RESPONSE_BYTES = 1 << 20
"""More than metadata without topics or an INFO section ever need; larger is not our server."""

_CLIENT_ID = b"manyi-probe"
_METADATA_API, _METADATA_VERSION = 3, 2  # version 2 is the first to tell the cluster id


def broker_cluster_id(host: str, port: int, timeout: float = PROBE_TIMEOUT_SECONDS) -> str:
    """Return the cluster id that the broker at this port tells in its metadata.

    Raises OSError where nothing answers, or what answers does not speak Kafka.
    """
    header = struct.pack(">hhih", _METADATA_API, _METADATA_VERSION, 1, len(_CLIENT_ID))
    no_topics = struct.pack(">i", 0)
    request = header + _CLIENT_ID + no_topics
    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _receive(connection, 4))
        if not 0 < size <= RESPONSE_BYTES:
            raise OSError(f"{host}:{port} does not speak Kafka")
        body = _receive(connection, size)
    try:
        return _cluster_id(body)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise OSError(f"{host}:{port} does not speak Kafka: {error}") from error


def valkey_process_id(host: str, port: int, timeout: float = PROBE_TIMEOUT_SECONDS) -> int:
    """Return the process id that the Redis or Valkey at this port says it has.

    Raises OSError where nothing answers, or what answers is not a Redis open to us.
    """
    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(b"INFO server\r\n")
        head = b""
        while not head.endswith(b"\r\n") and len(head) < 256:
            head += _receive(connection, 1)
        if not head.startswith(b"$") or not head[1:-2].isdigit():
            raise OSError(f"{host}:{port} does not speak Redis: {head[:80]!r}")
        body = _receive(connection, min(int(head[1:-2]), RESPONSE_BYTES))
    for line in body.splitlines():
        name, _, value = line.partition(b":")
        if name == b"process_id":
            return int(value)
    raise OSError(f"{host}:{port} does not tell its process id")


def _receive(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise ConnectionResetError("closed before the answer was complete")
        parts += part
    return bytes(parts)


def _cluster_id(body: bytes) -> str:
    """Read past the correlation id and the brokers to the cluster id."""
    at = 4
    (broker_count,) = struct.unpack_from(">i", body, at)
    at += 4
    for _ in range(broker_count):
        at += 4  # node id
        at = _text(body, at)[1]  # host
        at += 4  # port
        at = _text(body, at)[1]  # rack
    return _text(body, at)[0]


def _text(body: bytes, at: int) -> tuple[str, int]:
    """Return the nullable text at this place, and the place after it."""
    (length,) = struct.unpack_from(">h", body, at)
    at += 2
    if length < 0:
        return "", at
    if at + length > len(body):
        raise IndexError("text runs past the end")
    return body[at : at + length].decode(), at + length
