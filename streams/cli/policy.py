"""`manyi policy`: check policy files, test them, show what they promise, put them in force."""

import importlib
from pathlib import Path

import click

from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_words import draw_policy
from agents.complaints.sla.whatif import unknown_words
from streams.cli.options import HISTORY, MAPPING
from streams.console import wide_console
from streams.errors import ExitCode, UserError
from streams.policy_files import (
    check_policy_files,
    read_documents,
    require_policy,
    run_policy_test_files,
)
from streams.whatif.running import ask

PATHS = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("policy", short_help="Check a policy file, test it with journeys")
def command() -> None:
    """Check policy files, test them with journeys, show what they promise, put them in force.

    The file is documented in docs/policy.md; editors complete it with
    docs/schemas/policy.schema.json.
    """


@command.command("check")
@click.argument("files", nargs=-1, required=True, type=PATHS, metavar="FILE…")
def check(files: tuple[Path, ...]) -> ExitCode:
    """Say everything that is wrong with FILEs, each with its place and its remedy.

    Exit status 0 if all can be used, 1 if not.
    """
    problems = check_policy_files(files)
    for problem in problems:
        click.echo(str(problem))
    if problems:
        click.echo(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}", err=True)
        return ExitCode.FAILED
    names = [name for name, _ in read_documents(files)]
    if not names:
        raise UserError("There is no policy file there", "Name a file", ExitCode.USAGE)
    for name in names:
        click.echo(f"{name}: in order")
    return ExitCode.OK


@command.command("test", short_help="Run journeys and calendar cases on a virtual clock.")
@click.argument("paths", nargs=-1, required=True, type=PATHS, metavar="FILE|DIR…")
@click.option("--quiet", is_flag=True, help="Leave out the tests that pass.")
def test(paths: tuple[Path, ...], quiet: bool) -> ExitCode:
    """Run journeys and dated calendar cases on a virtual clock, through the steps of production.

    A line each, and a diff where one fails. Exit status 0 if all passed, 1 if one differs, 2 if a
    file cannot be read or nothing was tested.

    \b
    manyi policy test journeys/
    """

    def out(line: str) -> None:
        if not (quiet and line.startswith("ok ")):
            click.secho(line, fg=_colour(line))

    return ExitCode(run_policy_test_files(paths, out))


def _colour(line: str) -> str | None:
    if line.startswith(("FAIL", "   - ")):
        return "red"
    return "green" if line.startswith(("ok ", "   + ")) else None


@command.command("words")
@HISTORY
@click.option("--policy", type=FILE, envvar="MANYI_POLICY", show_envvar=True,
              help="The file that should know them. [what is built in]")  # fmt: skip
@MAPPING
def words(sources: tuple[str, ...], policy: Path | None, mapping: str | None) -> ExitCode:
    """Name words for severity and tier that came up and that the policy does not know.

    Each counted as not said. Exit status 0 if all are known, 1 if not.
    """
    asked = ask(
        sources, [policy] if policy else [], mapping=mapping, until=None, zone=None,
        errors=wide_console(stderr=True),
    )  # fmt: skip
    unknown = unknown_words(asked.history.cases, Plan(asked.policies[0]))
    name = str(policy) if policy else "built in"
    for (field, word), count in sorted(unknown.items(), key=lambda item: (-item[1], item[0])):
        section, sample = ("severity", "high") if field == "severity" else ("tiers", "vip")
        click.echo(
            f"{name}: {field} {word!r} of {count:,} complaint{'s' if count > 1 else ''} means"
            f" nothing here; add `{word}: {sample}`, or what it means, to {section}.map"
        )
    if unknown:
        return ExitCode.FAILED
    click.echo(f"{name}: knows every word of {len(asked.history.cases):,} complaints")
    return ExitCode.OK


@command.command("show")
@click.option("--policy", type=FILE, envvar="MANYI_POLICY", show_envvar=True,
              help="The file to show. [what is built in]")  # fmt: skip
def show(policy: Path | None) -> None:
    """Show what is promised to whom, in words."""
    console = wide_console()
    console.print(draw_policy(require_policy(policy), str(policy) if policy else "built in"))


@command.command("publish")
@click.argument("file", type=FILE)
def publish(file: Path) -> ExitCode:
    """Put FILE in force, now and for every worker.

    A worker does this by itself when its file changes. By hand it is for going back to an older
    version, and for workers that have no file. Complaints that are open keep their promise, unless
    the file says `retroactive: true`.
    """
    importlib.import_module("streams.cli.policy_versions").publish(require_policy(file), file)
    return ExitCode.OK


@command.command("versions")
def versions() -> None:
    """List every version that was ever in force, the newest first."""
    importlib.import_module("streams.cli.policy_versions").show_versions()
