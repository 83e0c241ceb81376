"""`manyi demo`: a working contact centre on this machine, with nothing but Python."""

from pathlib import Path

import click
import uvloop

from streams.console import wide_console
from streams.demo import DemoOptions, run_demo
from streams.errors import ExitCode
from streams.logs import set_up_logging

LIVE_CONTACTS_PER_DAY = 600_000.0
"""About ten records a second: numbers move, and a laptop does not notice."""


@click.command("demo", short_help="Broker, store, worker, traffic and wallboard on this machine")
@click.option(
    "--seconds", type=click.FloatRange(min=1), help="End the traffic after so long. [until Ctrl-C]"
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another day.")
@click.option(
    "--contacts-per-day",
    type=click.FloatRange(min=1, max=10_000_000),
    default=LIVE_CONTACTS_PER_DAY,
    show_default=True,
    help="How busy the live contact centre is.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your promises instead of the demo's short ones.",
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Port of wallboard and API. [6066]")
@click.option(
    "--messy",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="Share of broken records: they become dead letters, the rest goes on.",
)
def command(
    seconds: float | None,
    seed: int,
    contacts_per_day: float,
    policy: Path | None,
    port: int | None,
    messy: float,
) -> ExitCode:
    """Start a broker (in memory), a store, one worker and a simulated contact centre.

    Needs no Kafka, no Docker and no settings. The day before now comes in at once, then records
    arrive as they happen. Alerts appear on this terminal; the wallboard's address is printed.

    At the end the satisfaction tables and the accounting are printed; exit status 0 says that every
    record sent is accounted for.
    """
    set_up_logging("warning")
    options = DemoOptions(
        seconds=seconds,
        seed=seed,
        contacts_per_day=contacts_per_day,
        policy=policy,
        port=port,
        messy_share=messy,
    )
    books = uvloop.run(run_demo(options, wide_console()))
    return ExitCode.OK if books.balance else ExitCode.FAILED
