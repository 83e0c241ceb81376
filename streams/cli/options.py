"""What several commands ask in the same words."""

from datetime import datetime

import click

ALERTS = click.option(
    "--alerts",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Off: a history, whose alerts page nobody.",
)

HISTORY = click.option(
    "--history",
    "sources",
    multiple=True,
    required=True,
    metavar="FILE|DIR|PATTERN|topic",
    help="What happened: records, customer events or saved histories; or the log. Repeatable.",
)

MAPPING = click.option("--mapping", metavar="NAME|FILE", help="What the rows of the file mean.")

UNTIL = click.option("--until", metavar="TIME", help="Judge as of this instant. [the last event]")

SAVE = click.option(
    "--save", "save_to", metavar="FILE", help="Keep the histories found, to go faster."
)


def instant(text: str, option: str, otherwise: str = "") -> datetime:
    """An ISO 8601 time with its zone; `otherwise` names what else the option takes."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no ISO 8601 time{otherwise}", param_hint=option
        ) from None
    if at.tzinfo is None:
        raise click.BadParameter("add the zone, such as Z or +08:00", param_hint=option)
    return at
