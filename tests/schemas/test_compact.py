"""Short forms are exact: every text comes back, and two texts never share one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.chat import ChatKind
from schemas.common import ActorType, Channel, Direction
from schemas.compact import WORDS, id_text, short_hash, short_id, short_word, word_text
from schemas.email import EmailKind
from schemas.phone import PhoneKind
from schemas.web import WebKind

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text("0123456789abcdefABCDEF-", min_size=14, max_size=37),
    st.uuids().map(str),
    st.uuids().map(lambda found: str(found).upper()),
    st.binary(min_size=8, max_size=8).map(bytes.hex),
)


@given(TEXTS, TEXTS)
def test_ids_are_exact(one: str, other: str) -> None:
    """A short id goes back to its text, so different ids stay different."""
    assert id_text(short_id(one)) == one
    assert (short_id(one) == short_id(other)) is (one == other)


@given(TEXTS, TEXTS)
def test_hashes_are_exact(one: str, other: str) -> None:
    """Two short hashes are equal where their texts are."""
    assert (short_hash(one) == short_hash(other)) is (one == other)


@pytest.mark.parametrize("length", range(40))
def test_a_text_is_never_taken_for_a_short_form(length: int) -> None:
    """Whatever its length, an id that is no UUID is not 16 bytes long."""
    assert len(short_id("x" * length)) != 16
    assert len(short_hash("x" * length)) != 8


def test_a_uuid_takes_its_sixteen_bytes() -> None:
    """The usual id of an interaction."""
    text = "6cd05f06-5c87-5ca4-9a5f-3ad927375afa"
    assert short_id(text) == UUID(text).bytes
    assert short_hash("00ff00ff00ff00ff") == bytes.fromhex("00ff00ff00ff00ff")


def test_words_keep_their_places() -> None:
    """Rows hold the numbers: a word may be added at the end, none may move."""
    assert len(set(WORDS)) == len(WORDS)
    assert WORDS[:4] == ("", "phone", "email", "chat")
    assert WORDS.index("customer") == 8
    assert WORDS.index("survey_answer") == 40


@pytest.mark.parametrize(
    "words", [Channel, Direction, ActorType, PhoneKind, EmailKind, ChatKind, WebKind]
)
def test_every_word_of_the_contract_has_one(words: type[Channel]) -> None:
    """A kind that is added to the contract is added here too."""
    for word in words:
        assert isinstance(short_word(word), int)
        assert word_text(short_word(word)) == word.value


def test_another_word_stands_for_itself() -> None:
    """Nothing is lost that the table does not know."""
    assert word_text(short_word("telex")) == "telex"


def test_a_place_without_a_word_is_refused() -> None:
    """A number that a later version wrote is never shown as some other word."""
    with pytest.raises(ValueError, match=str(len(WORDS))):
        word_text(len(WORDS))
