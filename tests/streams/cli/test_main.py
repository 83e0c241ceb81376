"""The command line finds its commands, and ends in a way that people and scripts can read."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from aiokafka.errors import KafkaConnectionError
from redis.exceptions import ConnectionError as RedisConnectionError

from streams.cli.main import SECTIONS, CommandTable, cli, run
from streams.errors import ExitCode, UserError


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A command that fails as the test decides: `broken.error` is what it raises."""
    module = SimpleNamespace(error=None)

    @click.command("broken")
    def command() -> None:
        raise module.error

    monkeypatch.setitem(cli.commands, "broken", command)
    return module


def present() -> list[str]:
    """Return the commands of the table that exist."""
    return [name for name in cli.list_commands(click.Context(cli)) if name in CommandTable.entries]


def test_help_lists_exactly_the_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """A command whose module exists is listed with its summary, another one is not mentioned."""
    assert run(["--help"]) == ExitCode.OK
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    listed = {line[0] for line in words if len(line) > 1}
    assert {entry.name for section in SECTIONS.values() for entry in section} & listed == set(
        present()
    )
    assert "version" in listed


@pytest.mark.parametrize("name", present())
def test_every_command_loads_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every listed command imports, and its help says more than its usage line."""
    assert run([name, "--help"]) == ExitCode.OK
    assert f"manyi {name}" in (out := capsys.readouterr().out)
    assert len(out.splitlines()) > 4


def test_every_option_says_what_it_is_for() -> None:
    """And no command's summary is cut off where commands are listed."""

    def faults(command: click.Command, path: str) -> Iterator[str]:
        yield from (
            f"{path} {option.opts[0]}: no help"
            for option in command.params
            if isinstance(option, click.Option) and not option.help
        )
        if command.get_short_help_str(limit=80).endswith("..."):
            yield f"{path}: its summary is too long"
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from faults(found, f"{path} {name}")

    assert list(faults(cli, "manyi")) == []


def test_help_loads_no_machinery() -> None:
    """The help page is quick: it imports neither Faust nor a client library."""
    code = (
        "import sys; from streams.cli.main import run; run(['--help']);"
        "sys.exit(' '.join({'faust', 'aiokafka', 'redis'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_command_names_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A slip of the keyboard is answered with the right word, and is a usage error."""
    assert run(["versoin"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "no command `versoin`; did you mean `version`?" in error
    assert "manyi --help" in error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("It is off", "Turn it on", ExitCode.USAGE), ExitCode.USAGE, "Turn it on"),
        (UserError("The books differ"), ExitCode.FAILED, "The books differ"),
        (KafkaConnectionError("no route"), ExitCode.UNREACHABLE, "KAFKA_BOOTSTRAP_SERVERS"),
        (RedisConnectionError("refused"), ExitCode.UNREACHABLE, "REDIS_URL"),
        (ConnectionRefusedError(111, "Connection refused"), ExitCode.UNREACHABLE, "Cannot connect"),
        (FileNotFoundError(2, "No such file", "a.yaml"), ExitCode.FAILED, "a.yaml: No such file"),
        (ValueError("first\nsecond"), ExitCode.FAILED, "Unexpected ValueError: first\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "Stopped."),
        (click.exceptions.Exit(3), ExitCode.UNREACHABLE, ""),
    ],
)
def test_errors_end_in_two_lines_and_a_code(
    broken: SimpleNamespace,
    error: BaseException,
    code: ExitCode,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is wrong, what to do, the right exit code, and no traceback."""
    broken.error = error
    assert run(["broken"]) == code
    printed = capsys.readouterr()
    assert words in printed.err
    assert "Traceback" not in printed.err
    assert len(printed.err.strip().splitlines()) <= 2
    assert not printed.out


def test_the_traceback_is_shown_on_request(
    broken: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """MANYI_DEBUG=1 adds the traceback and takes nothing away."""
    monkeypatch.setenv("MANYI_DEBUG", "1")
    broken.error = ValueError("odd")
    assert run(["broken"]) == ExitCode.FAILED
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "Unexpected ValueError: odd" in error


def test_no_colour_without_a_terminal(
    broken: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is piped into a file holds no escape sequences."""
    broken.error = UserError("It is off", "Turn it on")
    run(["broken"])
    assert "\x1b" not in capsys.readouterr().err


def test_a_closed_pipe_is_not_an_error() -> None:
    """`manyi version | head -0` ends quietly, with the status of output that was not all taken."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli.main", "version"],
            stdout=closed,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, b"")


def test_ctrl_c_in_an_asynchronous_command_exits_with_130(tmp_path: Path) -> None:
    """Ctrl-C ends a command that runs a loop with the status shells expect, and no traceback."""
    started = tmp_path / "started"
    code = f"""
import asyncio, click, pathlib, signal
from streams.cli.main import cli, main

# A process started in the background of a shell ignores Ctrl-C; this one stands in front.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def work():
    pathlib.Path({str(started)!r}).touch()
    await asyncio.sleep(60)

cli.add_command(click.Command("wait", callback=lambda: asyncio.run(work())))
main(["wait"])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    while not started.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    try:
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, error.strip()) == (130, b"Stopped.")
