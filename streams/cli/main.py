"""The `manyi` command: which commands there are, and how each is found, run and ended.

A command is a module streams/cli/<name>.py that exposes `command`, a click command. It is imported
when it is asked for, so that `manyi --help` does not load Kafka, and the table below is the page
that a newcomer reads first. A new command is one line here and one file.
"""

import importlib
import os
import sys
from difflib import get_close_matches
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from typing import ClassVar, NamedTuple

import click

from streams.cli.errors import ExitCode, report, report_usage


class Entry(NamedTuple):
    """A command as the help page lists it."""

    name: str
    summary: str

    @property
    def module(self) -> str:
        """The module that exposes it; a name that Python reserves ends in an underscore there."""
        plain = self.name.replace("-", "_")
        return f"streams.cli.{plain}_" if plain == "import" else f"streams.cli.{plain}"


SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Run": (
        Entry("demo", "Broker, store, worker, traffic and wallboard on this machine"),
        Entry("worker", "One worker on your Kafka and Redis"),
    ),
    "Set up": (
        Entry("doctor", "Check settings, Kafka and Redis before trusting them"),
        Entry("topics", "Show the topics; create and correct them"),
        Entry("topology", "Draw what reads and writes which topic"),
        Entry("policy", "Check a policy file, test it with journeys"),
    ),
    "Bring data": (
        Entry("import", "Read files of other systems into the channel topics"),
        Entry("map", "Try a mapping of foreign payloads to channel records"),
        Entry("publish", "Publish records from a file or standard input"),
        Entry("simulate", "Publish the traffic of an invented contact centre"),
        Entry("dlq", "Look at dead letters, and send them again"),
        Entry("customers", "Merge two customers who are one person; part them again"),
    ),
    "Ask": (
        Entry("audit", "Recompute everything from the log and compare"),
        Entry("explain", "Tell why a complaint, a clock or an alert is as it is"),
        Entry("alerts", "Show which alerts were not delivered, and why"),
        Entry("whatif", "Apply another policy to what really happened"),
        Entry("suggest", "Measure which promises history would have kept"),
    ),
}


class CommandTable(click.Group):
    """A click group whose commands are modules, imported when they are used."""

    entries: ClassVar = {entry.name: entry for section in SECTIONS.values() for entry in section}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands that exist, in the order of the table."""
        present = [name for name, entry in self.entries.items() if find_spec(entry.module)]
        return [*present, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command, or return None where there is no such command."""
        entry = self.entries.get(cmd_name)
        if entry is None or find_spec(entry.module) is None:
            return super().get_command(ctx, cmd_name)
        command = importlib.import_module(entry.module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.command is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            close = get_close_matches(name, self.list_commands(ctx), n=1)
            meant = f"; did you mean `{close[0]}`?" if close else ""
            raise click.UsageError(f"There is no command `{name}`{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by purpose, without importing any of them."""
        present = set(self.list_commands(ctx))
        own = [Entry(name, one.get_short_help_str(80)) for name, one in self.commands.items()]
        for title, entries in {**SECTIONS, "About": own}.items():
            rows = [(name, summary) for name, summary in entries if name in present]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=12)


@click.group(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 fine, 1 a check failed, 2 wrong usage, 3 Kafka or Redis out of reach.",
)
@click.version_option(installed_version("manyi"), "-V", "--version", message="manyi %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Live customer satisfaction on Kafka (满意, "satisfied").

    Reads what happens on the phone, by email, in chat and on the web; keeps one state per customer;
    opens complaints, runs their promised clocks and alerts people before and when one breaks.

    \b
    Start with:   manyi demo
    Settings:     the environment; the table is in docs/settings.md

    A running demo is found by itself: no settings are needed to talk to it.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


@cli.command("version", short_help="Print the versions of manyi and what it stands on")
def version() -> None:
    """Print the versions of manyi and of what it stands on."""
    rows = {
        "manyi": installed_version("manyi"),
        "Python": ".".join(map(str, sys.version_info[:3])),
    } | {name: installed_version(name) for name in ("faust-streaming", "aiokafka", "redis")}
    for name, number in rows.items():
        click.echo(f"{name} {number}")


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its status; the entry point of the `manyi` script."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status, having printed what went wrong."""
    try:
        outcome = cli.main(arguments, prog_name="manyi", standalone_mode=False)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else ExitCode.OK
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        return report_usage(error)
    except BrokenPipeError:
        # The reader (`manyi … | head`) has seen enough; click ends so too when it meets this first.
        # Python would complain once more when it flushes standard output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:
        return report(error)


if __name__ == "__main__":
    main()
