"""What `manyi policy publish` and `manyi policy versions` do: they alone of `policy` need a broker.

Apart, so that checking a file in an editor or in CI loads no client library.
"""

from pathlib import Path

import click
import uvloop
from rich.table import Table

from schemas.policy import PolicySet
from streams.console import wide_console
from streams.errors import UserError
from streams.policies import Published, Standing, publish_policy, read_published, standing
from streams.settings import load_settings


def publish(policy: PolicySet, file: Path) -> None:
    """Put a version in force, and say so."""
    published = uvloop.run(_publish(policy, file.name))
    newest = published.newest
    assert newest is not None
    click.echo(f"{policy.digest} is in force since {newest.published_at:%Y-%m-%d %H:%M:%S} UTC.")
    if policy.retroactive:
        click.echo("Open complaints are judged by it, too.")
    else:
        click.echo("It judges complaints opened from then on; open ones keep their promise.")


async def _publish(policy: PolicySet, name: str) -> Published:
    clients = load_settings(only_kafka=True).kafka_clients()
    published = await read_published(clients)
    if standing(published, policy.digest) is not Standing.IN_FORCE:
        await publish_policy(clients, policy, name, published)
    return published


def show_versions() -> None:
    """Print every version that was ever in force, the newest first."""
    published = uvloop.run(read_published(load_settings(only_kafka=True).kafka_clients()))
    newest = published.newest
    if newest is None:
        raise UserError("No version is published yet", "A worker publishes its file when it starts")
    table = Table(box=None, pad_edge=False)
    for heading in ("version", "since (UTC)", "from", "reaches back", "policies", ""):
        table.add_column(heading)
    for record in reversed(list(published)):
        policy = record.policy
        table.add_row(
            policy.digest,
            f"{record.published_at:%Y-%m-%d %H:%M:%S}",
            record.published_by,
            "yes" if policy.retroactive else "no",
            ", ".join(rule.name for rule in policy.policies),
            "in force" if record is newest else "",
        )
    wide_console().print(table)
