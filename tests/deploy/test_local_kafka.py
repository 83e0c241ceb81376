"""What `LocalKafka` does before any Java program runs."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from deploy.kafka import local


def test_a_cluster_id_is_never_taken_for_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """One random id in 64 begins with a dash, and `kafka-storage format -t -…` refuses it."""
    dashed, plain = UUID(bytes=b"\xf8" + bytes(15)), UUID(bytes=b"\x04" + bytes(15))
    drawn: Iterator[UUID] = iter([dashed, plain])
    monkeypatch.setattr(local.uuid, "uuid4", lambda: next(drawn))
    assert local._new_cluster_id() == "BAAAAAAAAAAAAAAAAAAAAA"
