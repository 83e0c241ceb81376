"""`manyi explain`: why a complaint's clocks stand where they stand."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec
import uvloop
from redis.asyncio import Redis
from rich.console import Console
from rich.text import Text

from agents.complaints.sla.drawing import draw_explanation, draw_history
from agents.complaints.sla.journey_file import parse_instant
from agents.complaints.sla.plan import find_zone
from schemas.policy import PolicySet
from streams.console import wide_console
from streams.errors import ExitCode, UserError
from streams.policy_files import require_policy
from streams.settings import Settings, load_settings
from streams.views import ViewReader
from streams.views.explaining import Explained, explain_kept


@click.command("explain", short_help="Tell why a complaint's clocks are as they are")
@click.argument("complaint_id", metavar="COMPLAINT")
@click.option("--at", metavar="TIME", help="As of this instant, say 2026-03-02T09:00Z. [now]")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Explain it under this file, as if it had been promised. [the one that judged it]",
)
@click.option("--zone", metavar="NAME", help="Times in this zone. [that of the policy]")
@click.option("--json", "as_json", is_flag=True, help="Print the data, as the API gives it.")
def command(
    complaint_id: str, at: str | None, policy: Path | None, zone: str | None, as_json: bool
) -> ExitCode:
    """Show every stretch of every clock of a complaint: running, paused or closed, and why.

    COMPLAINT is its id, as it stands on the wallboard and in every alert. The history comes from
    the live views in REDIS_URL (or of the running demo), the promises from the version of the
    policy file that judged it, even if a newer one holds by now.
    """
    shown_zone = _zone(zone) if zone else None
    until = datetime.now(UTC) if at is None else _instant(at, shown_zone or ZoneInfo("UTC"))
    given = None if policy is None else require_policy(policy)
    found = uvloop.run(_explain(load_settings(), complaint_id, until, given))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found.clocks)).decode())
    else:
        _draw(wide_console(), found, shown_zone)
    return ExitCode.OK


async def _explain(
    settings: Settings, complaint_id: str, until: datetime, policy: PolicySet | None
) -> Explained:
    redis = Redis.from_url(settings.redis_url)
    try:
        reader = ViewReader(redis, settings.redis_prefix)
        found = await explain_kept(reader, complaint_id, until, policy)
        if found is not None:
            return found
        kept = await reader.history(complaint_id)
    finally:
        await redis.aclose()
    if kept is not None:
        raise UserError(
            f"Policy {kept.policy_version}, which judged {complaint_id}, is no longer kept",
            "Name the file: --policy FILE",
        )
    raise UserError(
        f"There is no complaint {complaint_id}",
        "Its id stands in alerts and at /v1/complaints; long resolved ones are no longer kept",
    )


def _draw(console: Console, found: Explained, zone: ZoneInfo | None) -> None:
    shown = zone or ZoneInfo(found.clocks.timezone)
    context = found.history.context
    labels = (context.channel, context.tier, context.severity, context.category, context.region)
    console.print(
        Text(
            f"Complaint {found.clocks.complaint_id} of customer {found.clocks.customer_id}: "
            f"{', '.join(label for label in labels if label)}. Times are {shown.key}; as of "
            f"{found.clocks.as_of_at.astimezone(shown):%Y-%m-%d %H:%M:%S}."
        )
    )
    causes = {cause.id: cause for cause in found.clocks.history}
    for clock, explanation in zip(found.clocks.clocks, found.explanations, strict=True):
        console.print()
        console.print(draw_explanation(explanation, shown, causes))
        if clock.told:
            console.print(Text(f"told: {', '.join(clock.told)}", style="dim"))
    console.print()
    console.print(draw_history(found.clocks.history, shown))


def _zone(name: str) -> ZoneInfo:
    zone = find_zone(name)
    if zone is None:
        raise UserError(
            f"No time zone is named {name}", "Write a name like Asia/Shanghai", ExitCode.USAGE
        )
    return zone


def _instant(text: str, zone: ZoneInfo) -> datetime:
    try:
        return parse_instant(text, zone)
    except ValueError as error:
        raise UserError(str(error), "--at takes one instant", ExitCode.USAGE) from None
