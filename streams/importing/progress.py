"""A progress line on the terminal for long work: bytes read, rows a second, time to go."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """A context that shows how far an import is; nothing is shown where no terminal is."""

    def __init__(self, console: Console, total_bytes: int | None) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("Reading", total=total_bytes, pace="")
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def advance(self, count: int) -> None:
        """So many more bytes were read."""
        self._bars.update(self._task, advance=count)

    def rows(self, count: int) -> None:
        """So many rows have been read altogether."""
        seconds = max(time.monotonic() - self._started, 0.001)
        pace = f"{count:,} rows, {count / seconds:,.0f}/s"
        self._bars.update(self._task, pace=pace)

    def publishing(self, total: int) -> None:
        """The reading is over; so many records wait to be published."""
        self._task = self._bars.add_task("Publishing", total=total, pace="")

    def published(self, count: int) -> None:
        """So many more records were handed to the broker."""
        self._bars.update(self._task, advance=count)
