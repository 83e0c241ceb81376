"""Errors that are for the person at the keyboard, and the exit codes of every command.

Raise `UserError` for what the user can mend: a setting, a file, a server that is not there. It is
shown as two lines, what is wrong and what to do. Everything else is a defect and keeps its trace.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of `manyi` means, the same for every command."""

    OK = 0
    FAILED = 1
    """The check failed, the books do not balance, or something broke."""
    USAGE = 2
    """The command line or a setting is wrong."""
    UNREACHABLE = 3
    """The broker or Redis cannot be reached."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 + SIGINT."""


class UserError(Exception):
    """Something the user can mend: `message` says what is wrong, `hint` what to do about it."""

    def __init__(
        self, message: str, hint: str | None = None, exit_code: ExitCode = ExitCode.FAILED
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
