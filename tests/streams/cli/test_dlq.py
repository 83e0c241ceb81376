"""What `manyi dlq` shows, and what it refuses."""

import pytest

from streams.cli import dlq
from streams.cli.main import run
from streams.errors import ExitCode


def test_json_is_laid_out() -> None:
    """A record is easier to read with a field a line, in its own script."""
    assert dlq._shown_value('{"text":"太慢了"}'.encode(), 100) == '{\n  "text": "太慢了"\n}'


@pytest.mark.parametrize(
    "value",
    [b"\x1b[2J\x1b]0;owned\x07", '{"a":"\x9b31m\u202e"}'.encode(), b"plain\r\x08text"],
)
def test_no_value_steers_the_terminal(value: bytes) -> None:
    """Escape sequences, backspaces and direction marks of a record are shown, not obeyed."""
    shown = dlq._shown_value(value, 1_000)
    assert all(char == "\n" or char.isprintable() for char in shown), shown


def test_bytes_that_are_no_text_are_shown_in_hexadecimal() -> None:
    """Sixteen bytes a line with their offset, and how many there are beyond the limit."""
    shown = dlq._shown_value(b"\xff\x00MANYI" + bytes(40), 32).split("\n")
    assert shown[0].startswith("000000  ff 00 4d 41 4e 59 49 00")
    assert shown[0].endswith("..MANYI.........")
    assert shown[1].startswith("000010  ")
    assert shown[2] == "… 15 more bytes"


def test_long_text_is_cut_and_says_so() -> None:
    """Nobody's terminal is flooded by a record of a megabyte."""
    shown = dlq._shown_value(b"x" * 5_000, 100)
    assert shown == "x" * 100 + "\n… 4,900 more characters: --all"


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--offsets", "a-b"],
        ["list", "--since", "yesterday"],
        ["list", "--since", "2026-03-02T08:00"],
        ["list", "--topic", "complaints.v1"],
        ["show", "interactions.chat.v1"],
        ["show", "nowhere/0/1"],
        ["replay", "--limit", "0"],
    ],
)
def test_wrong_wishes_are_usage_errors(arguments: list[str]) -> None:
    """Each is told before anything is read."""
    assert run(["dlq", *arguments]) == ExitCode.USAGE
