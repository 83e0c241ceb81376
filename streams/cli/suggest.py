"""`manyi suggest`: the tightest promises history would have kept, and what waiting cost."""

from pathlib import Path

import click
import msgspec

from agents.complaints.sla.drawing import draw_suggestions
from agents.complaints.sla.judging import verdicts_of
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.suggest import satisfaction_by_wait, suggest
from agents.complaints.sla.whatif import HELD_FIXED
from streams.cli.options import HISTORY, MAPPING, SAVE, UNTIL
from streams.cli.whatif import FILE, instant, zone_named
from streams.console import wide_console
from streams.errors import ExitCode
from streams.whatif.running import ask
from streams.whatif.sources import save

DIMENSIONS = ("channel", "tier", "region", "team")


@click.command("suggest", short_help="Suggest promises that history would have kept")
@HISTORY
@click.option("--policy", type=FILE, help="Names the targets and their calendars. [built in]")
@MAPPING
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(DIMENSIONS),
    help="Apart by these, together; repeat it. [all in one]",
)
@UNTIL
@SAVE
@click.option("--json", "as_json", is_flag=True, help="Print the data.")
def command(
    sources: tuple[str, ...],
    policy: Path | None,
    mapping: str | None,
    by: tuple[str, ...],
    until: str | None,
    save_to: str | None,
    as_json: bool,
) -> ExitCode:
    """Measure the tightest limit each target would have met at 90, 95 and 99 %.

    Time is counted as the policy's calendars and pauses count it; its own limits do not matter.
    Waits that have not ended count as at least as long as they are. Below it stands how
    satisfaction fell with the wait for the first response, where customers gave scores.

    \b
    manyi suggest --history topic --policy now.yaml --by channel --by tier
    """
    asked = ask(
        sources,
        [policy] if policy else [],
        mapping=mapping,
        until=instant(until),
        zone=zone_named(None),
        errors=wide_console(stderr=True),
    )
    if save_to is not None:
        save(asked.history, save_to)
    verdicts = list(verdicts_of(asked.cases(), Plan(asked.policies[0]), asked.history.until))
    suggestions = suggest(verdicts, *by)
    scores = satisfaction_by_wait(verdicts, asked.history.cases)
    if as_json:
        data = {
            "held_fixed": HELD_FIXED,
            "by": by,
            "suggestions": suggestions,
            "satisfaction_by_wait": scores,
        }
        click.echo(msgspec.json.format(msgspec.json.encode(data)).decode())
        return ExitCode.OK
    console = wide_console()
    console.print(draw_suggestions(suggestions, scores, by))
    if not suggestions:
        console.print("Too few waits to suggest anything: twenty of a kind are needed.")
    return ExitCode.OK
