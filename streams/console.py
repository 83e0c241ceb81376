"""Consoles for people: colour only on a terminal, and wide enough where there is none."""

import os

from rich.console import Console

PIPED_WIDTH = 120
"""Width where the output goes to a file or a pipe: tables stay readable there."""


def wide_console(*, stderr: bool = False) -> Console:
    """A console on standard output (or error) that does not guess 80 columns for a pipe."""
    console = Console(highlight=False, stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console
