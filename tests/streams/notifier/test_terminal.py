"""Alerts on the terminal."""

import io
from datetime import UTC

from rich.console import Console

from schemas.alert import AlertKind
from streams.notifier.senders import Verdict
from streams.notifier.terminal import Terminal
from tests.streams.notifier.kit import MONDAY, an_alert


async def printed(force_terminal: bool, **fields: str) -> str:
    """What one alert looks like on a wide terminal or in a file."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=force_terminal, width=40, highlight=False)
    terminal = Terminal(UTC, console)
    outcome = await terminal.send(an_alert(AlertKind.BREACHED, **fields), 1, MONDAY)
    assert outcome.verdict is Verdict.DELIVERED
    return out.getvalue()


async def test_one_line_without_colour_in_a_file() -> None:
    """A log file gets one plain line per alert, however narrow the console is."""
    text = await printed(False)
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "Promise broken: first reply for VIP customer Anna Klein" in text
    assert "Answer the customer now" in text


async def test_colour_on_a_terminal() -> None:
    """A terminal gets colour."""
    assert "\x1b[" in await printed(True)


async def test_customers_cannot_steer_the_terminal() -> None:
    """Control characters and markup in a name are shown, not obeyed."""
    text = await printed(False, customer_name="\x1b[2J[red]Eve\r\n")
    assert "\x1b" not in text
    assert "\\x1b[2J[red]Eve\\r\\n" in text
