"""Deterministic ids: the same happening has the same id in every replay and on every worker."""

from hashlib import blake2b, sha1
from uuid import UUID

NAMESPACE = UUID("6d1c9a3e-0b52-5b0e-9d35-8a2f6c1e7b44")
"""The namespace of every id intake gives. Changing it would make all history new: never do."""

_PREFIX = NAMESPACE.bytes


def interaction_id(source: str, source_id: str) -> str:
    """Return UUIDv5(NAMESPACE, source + newline + id), the same for every revision."""
    return _uuid5(f"{source}\n{source_id}")


def command_id(source: str, source_id: str) -> str:
    """Return the id of a command; commands and interactions of one source never share one."""
    return _uuid5(f"command\n{source}\n{source_id}")


def customer_id(handle: str) -> str:
    """Return the id a customer gets who is first seen with this handle as the strongest one."""
    return _uuid5(f"customer\n{handle}")


def body_hash(body: bytes) -> str:
    """Return 16 hex digits that tell a resend from a changed record under the same revision."""
    return blake2b(body, digest_size=8).hexdigest()


def _uuid5(name: str) -> str:
    # uuid.uuid5 gives the same text; building its object costs three times the hash.
    digest = sha1(_PREFIX + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
