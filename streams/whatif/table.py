"""The what-if report in the terminal."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.complaints.sla.durations import format_duration
from agents.complaints.sla.whatif import Change
from streams.whatif.report import Changes, Counted, PolicyReport, Report, local

BY = ("target", "channel", "tier", "month")
DRILL_DOWN = 20
"""Changed verdicts shown of each kind; JSON has all."""


def draw_report(report: Report, by: Sequence[str] = BY) -> RenderableType:
    """Verdicts by each dimension, changes with their complaints, lateness, load."""
    zone = ZoneInfo(report.timezone)
    parts: list[RenderableType] = [
        Text(report.held_fixed, style="italic"),
        Text(
            f"{report.complaints:,} complaints out of {report.events:,} events from "
            f"{report.source}, as of {local(report.until, zone)} {report.timezone}."
        ),
    ]
    parts += [Text(f"{note}.", style="dim") for note in report.notes]
    if report.self_check is not None:
        check = report.self_check
        parts.append(Text(check.says, style="bold red" if check.differ else ""))
        parts += [Text(f"  {one}") for one in check.differences]
    for dimension in by:
        parts += [Text(), _verdicts(report.policies, dimension)]
    for changes in report.changes:
        parts += [Text(), *_changed(changes, zone)]
    parts += [Text(), _load(report.policies, zone)]
    return Group(*parts)


def _table(title: str, *left: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    for heading in left:
        table.add_column(heading, no_wrap=True)
    return table


def _verdicts(policies: Sequence[PolicyReport], dimension: str) -> Table:
    table = _table(f"Promises kept by {dimension}", dimension)
    for policy in policies:
        for heading in ("met", "breached", "open", "kept"):
            table.add_column(f"{heading}\n{policy.name}", justify="right")
    rows = [{row.labels[dimension]: row for row in policy.by[dimension]} for policy in policies]
    keys = dict.fromkeys(key for one in rows for key in one)
    for key in keys if dimension == "target" else sorted(keys):
        cells = [cell for one in rows for cell in _cells(one.get(key))]
        table.add_row(key or "-", *cells)
    return table


def _cells(row: Counted | None) -> list[str]:
    if row is None:
        return [""] * 4
    kept = "" if row.kept_ratio is None else f"{row.kept_ratio:.1%}"
    return [f"{row.met:,}", f"{row.breached:,}", f"{row.open:,}", kept]


def _changed(changes: Changes, zone: ZoneInfo) -> list[RenderableType]:
    newly, healed = changes.newly_breached, changes.no_longer_breached
    table = _table(
        f"{changes.second} instead of {changes.first}: {len(newly):,} newly breached (+), "
        f"{len(healed):,} no longer (-)",
        "", "complaint", "target", "started", "due", "due otherwise",
    )  # fmt: skip
    for sign, style, rows in (("+", "red", newly), ("-", "green", healed)):
        for row in rows[:DRILL_DOWN]:
            table.add_row(Text(sign, style=style), *_change(row, zone))
    hidden = max(0, len(newly) - DRILL_DOWN) + max(0, len(healed) - DRILL_DOWN)
    more = [Text(f"… and {hidden:,} more: --format json lists them all", "dim")] if hidden else []
    return [table, *more]


def _change(row: Change, zone: ZoneInfo) -> list[str]:
    times = [_minute(at, zone) for at in (row.started_at, row.due_at, row.other_due_at)]
    return [row.complaint_id, row.target, *times[:2], times[2] or "not promised"]


def _minute(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _load(policies: Sequence[PolicyReport], zone: ZoneInfo) -> Table:
    table = _table("Late, and at what cost", "policy")
    for heading in ("breaches", "50% late by", "90%", "99%", "longest", "warnings", "pages",
                    "an hour", "busiest hour"):  # fmt: skip
        table.add_column(heading, justify="right")
    for policy in policies:
        late, load = policy.lateness, policy.on_call
        shown = [format_duration(round(seconds)) for seconds in late.quantiles.values()]
        busiest = local(load.busiest_hour, zone)
        table.add_row(
            policy.name,
            f"{late.count:,}",
            *(shown or ["", "", ""]),
            format_duration(round(late.longest_seconds)) if late.count else "",
            f"{load.warnings:,}",
            f"{load.pages:,}",
            f"{load.pages_an_hour:.2f}",
            f"{busiest} ({load.busiest_hour_pages})" if busiest else "",
        )
    return table
