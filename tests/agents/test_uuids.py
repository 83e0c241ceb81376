"""Ids made of names."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from agents.uuids import uuid5_text


@given(st.uuids(), st.text())
def test_it_is_the_standard_id(namespace: UUID, name: str) -> None:
    """The short way gives exactly what the standard library gives."""
    name = name.encode("utf-8", "replace").decode()
    assert uuid5_text(namespace, name) == str(uuid5(namespace, name))
