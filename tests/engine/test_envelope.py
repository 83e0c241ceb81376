"""The envelope of a row."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.envelope import NEVER, applied_of, body_of, is_deleted, seal, wake_of

offsets = st.integers(-1, 2**63 - 1)


@given(offsets, offsets, st.binary(max_size=50))
def test_what_is_sealed_can_be_read_back(applied: int, wake: int, body: bytes) -> None:
    """Applied offset, wake-up time and body come back as they went in."""
    sealed = seal(applied, wake, body)
    assert (applied_of(sealed), wake_of(sealed), bytes(body_of(sealed))) == (applied, wake, body)


def test_layout_is_fixed() -> None:
    """The bytes are part of the contract with changelogs written earlier."""
    sealed = seal(258, 3, b"x")
    assert sealed == bytes.fromhex("0000000000000102 0000000000000003 78")
    assert seal(0, NEVER, b"")[8:] == b"\xff" * 8


def test_an_empty_body_means_deleted() -> None:
    """A deleted row keeps its applied offset and has no body."""
    assert is_deleted(seal(7, NEVER, b""))
    assert not is_deleted(seal(7, NEVER, b"\x90"))
