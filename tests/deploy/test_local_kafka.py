"""What `LocalKafka` does before any Java program runs."""

import uuid
from collections.abc import Iterator

import pytest

from deploy.kafka import local


def test_a_cluster_id_is_never_taken_for_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """One random id in 64 begins with a dash, and `kafka-storage format -t -…` refuses it."""
    dashed, plain = uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(bytes=b"\x04" + bytes(15))
    drawn: Iterator[uuid.UUID] = iter([dashed, plain])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(drawn))
    assert local._new_cluster_id() == "BAAAAAAAAAAAAAAAAAAAAA"
