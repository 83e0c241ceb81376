"""`manyi topology`: draw what reads and writes which topic."""

import click

from streams.topology import draw


@click.command("topology", short_help="Draw what reads and writes which topic")
def command() -> None:
    """Draw the topology: which flow reads which topic, keeps which tables, writes which topic.

    The picture is made from the same table the worker is built from.
    """
    click.echo(draw())
