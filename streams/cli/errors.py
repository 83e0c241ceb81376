"""How a command ends: two lines for what the user can mend, an exit code that scripts can read.

Commands raise `UserError` (streams/errors.py); `report` words everything else. A traceback is shown
with MANYI_DEBUG=1 only, since it helps who writes manyi, not who runs it.
"""

import asyncio
import os
import sys
import traceback

import click

from streams.errors import ExitCode, UserError

__all__ = ["ExitCode", "UserError", "as_user_error", "report", "report_usage"]

_LOST_SERVER_MODULES = {"aiokafka.errors": "Kafka", "redis.exceptions": "Redis"}
_LOST_SERVER_ERRORS = (
    "KafkaConnectionError",
    "KafkaTimeoutError",
    "NodeNotReadyError",
    "NoBrokersAvailable",
    "BrokerNotAvailableError",
    "BusyLoadingError",
    "ConnectionError",
    "TimeoutError",
)


def as_user_error(error: Exception) -> UserError:
    """Return the error as one the user can act on; what nobody foresaw is called a defect."""
    if isinstance(error, UserError):
        return error
    server = _lost_server(error)
    if server == "Kafka" and (why := _refusal()):
        return UserError(*why, ExitCode.UNREACHABLE)
    if server:
        setting = {"Kafka": "KAFKA_BOOTSTRAP_SERVERS", "Redis": "REDIS_URL"}[server]
        return UserError(
            f"Cannot reach {server}: {_one_line(error)}",
            f"Start it, or correct {setting}; `manyi demo` brings both along",
            ExitCode.UNREACHABLE,
        )
    if isinstance(error, ConnectionError):
        return UserError(
            f"Cannot connect: {_one_line(error)}",
            "Check that the server runs and that its address is right",
            ExitCode.UNREACHABLE,
        )
    if isinstance(error, OSError) and error.filename is not None:
        return UserError(
            f"{error.filename}: {error.strerror}", "Check the path and your rights to it"
        )
    return UserError(
        f"Unexpected {type(error).__name__}: {_one_line(error)}",
        "This is a defect of manyi; MANYI_DEBUG=1 shows where it happened",
    )


def report(error: Exception) -> ExitCode:
    """Print what is wrong and what to do to standard error; return the exit code."""
    if os.environ.get("MANYI_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    shown = as_user_error(error)
    _print(shown.message, shown.hint)
    return shown.exit_code


def report_usage(error: click.ClickException) -> int:
    """Print what is wrong with the command line and where its help is; return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "manyi"
    _print(error.format_message(), f"See `{path} --help`")
    return error.exit_code


def _print(message: str, hint: str | None) -> None:
    color = False if os.environ.get("NO_COLOR") else None  # None: only on a terminal
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True, color=color)
    click.echo(message, err=True)
    if hint:
        click.secho("  -> ", fg="cyan", nl=False, err=True, color=color)
        click.echo(hint, err=True)


def _lost_server(error: Exception) -> str | None:
    """Say which server an error of its client library says is out of reach.

    By names, so that reporting an error does not import two client libraries first.
    """
    for kind in type(error).__mro__:
        server = _LOST_SERVER_MODULES.get(kind.__module__)
        if server and kind.__name__ in _LOST_SERVER_ERRORS:
            return server
    return None


def _refusal() -> tuple[str, str] | None:
    """What a Kafka that is there objects to; imported here, for `--help` must not wait for it."""
    from streams.refusals import refusal
    from streams.settings import load_settings

    try:
        return asyncio.run(refusal(load_settings(only_kafka=True)))
    except (UserError, RuntimeError):  # RuntimeError: a loop runs here, whose log has the reason
        return None


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
