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
