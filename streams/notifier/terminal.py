"""Alerts as lines on the terminal, for trials and for people who watch a worker."""

from datetime import datetime, tzinfo

from rich.console import Console
from rich.text import Text

from agents.alerts import compose
from schemas.alert import AlertKind, SlaAlert
from streams.notifier.senders import DELIVERED, Outcome
from streams.terminal_text import printable

_STYLES = {
    AlertKind.WARNED: "bold yellow",
    AlertKind.BREACHED: "bold red",
    AlertKind.ESCALATED: "bold magenta",
    AlertKind.RETRACTED: "green",
    AlertKind.RECOVERED: "green",
}


class Terminal:
    """Prints one line per alert, in colour only on a terminal. A `Sender` that never fails."""

    name = "terminal"

    def __init__(self, zone: tzinfo, console: Console | None = None) -> None:
        self._zone = zone
        self._console = console or Console(stderr=True, highlight=False)

    async def send(self, alert: SlaAlert, attempt: int, now: datetime) -> Outcome:
        """Print the alert."""
        wording = compose(alert, self._zone)
        line = Text.assemble(
            (f"{now.astimezone(self._zone):%H:%M:%S} ", "dim"),
            (printable(wording.title), _STYLES[alert.kind]),
            ("  ", ""),
            (printable(wording.body.partition("\n")[0]), ""),
            ("  → ", "dim"),
            (printable(wording.next_step), ""),
        )
        self._console.print(line, soft_wrap=True)
        return DELIVERED
