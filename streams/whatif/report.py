"""The report as data: verdicts by every dimension, changes, lateness, the load of those on call.

Table, CSV and HTML are drawn from it, so `--format json` loses nothing.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

from agents.complaints.sla.figures import DIMENSIONS, Figures, Lateness, OnCall, Tally
from agents.complaints.sla.selfcheck import SelfCheck
from agents.complaints.sla.whatif import HELD_FIXED, Change, Comparison
from streams.whatif.sources import History

LATE_CUTS = (0, 300, 3_600, 4 * 3_600, 86_400, 7 * 86_400)
"""Where lateness is cut for its distribution: 5 minutes, 1 and 4 hours, a day, a week."""

CELL = ("target", "channel", "tier", "month")
"""The finest counts of the report: a row of the CSV."""


class Counted(Struct, frozen=True, kw_only=True):
    """Verdicts under some labels."""

    labels: dict[str, str]
    met: int
    breached: int
    open: int
    ended: int
    kept_ratio: float | None


class PolicyReport(Struct, frozen=True, kw_only=True):
    """One policy over all histories. `late_counts` are broken promises by `late_cuts_seconds`."""

    name: str
    version: str
    by: dict[str, list[Counted]]
    cells: list[Counted]
    lateness: Lateness
    late_counts: list[int]
    on_call: OnCall


class Changes(Struct, frozen=True, kw_only=True):
    """What another policy breaks anew, and what it no longer breaks: every clock, by complaint."""

    first: str
    second: str
    newly_breached: list[Change]
    no_longer_breached: list[Change]


class Report(Struct, frozen=True, kw_only=True):
    """Everything a what-if found."""

    held_fixed: str
    source: str
    complaints: int
    events: int
    until: datetime
    timezone: str
    notes: list[str]
    late_cuts_seconds: list[int]
    policies: list[PolicyReport]
    changes: list[Changes]
    self_check: SelfCheck | None


def make_report(
    history: History,
    figures: Sequence[Figures],
    versions: Sequence[str],
    comparisons: Sequence[Comparison],
    zone: ZoneInfo,
    self_check: SelfCheck | None,
) -> Report:
    """The report of policies: each with its figures and version, the others with how they compare
    to the first."""
    return Report(
        held_fixed=HELD_FIXED,
        source=history.source,
        complaints=len(history.cases),
        events=history.events,
        until=history.until,
        timezone=zone.key,
        notes=history.notes,
        late_cuts_seconds=list(LATE_CUTS),
        policies=[_policy(*pair) for pair in zip(figures, versions, strict=True)],
        changes=[
            Changes(
                first=figures[0].name,
                second=second.name,
                newly_breached=comparison.newly_breached(),
                no_longer_breached=comparison.no_longer_breached(),
            )
            for second, comparison in zip(figures[1:], comparisons, strict=True)
        ],
        self_check=self_check,
    )


def _policy(figures: Figures, version: str) -> PolicyReport:
    return PolicyReport(
        name=figures.name,
        version=version,
        by={name: _counted(figures, name) for name in DIMENSIONS},
        cells=_counted(figures, *CELL),
        lateness=figures.lateness(),
        late_counts=figures.late_counts(LATE_CUTS),
        on_call=figures.on_call(),
    )


def _counted(figures: Figures, *dimensions: str) -> list[Counted]:
    return [_row(dimensions, key, row) for key, row in figures.tally(*dimensions).items()]


def _row(dimensions: Sequence[str], key: Sequence[str], row: Tally) -> Counted:
    return Counted(
        labels=dict(zip(dimensions, key, strict=True)),
        met=row.met,
        breached=row.breached,
        open=row.open,
        ended=row.ended,
        kept_ratio=row.kept_ratio,
    )


def as_csv(report: Report) -> str:
    """A row per policy, target, channel, tier and month."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("policy", "version", *CELL, "met", "breached", "open", "ended", "kept_ratio"))
    for policy in report.policies:
        for row in policy.cells:
            kept = "" if row.kept_ratio is None else f"{row.kept_ratio:.6f}"
            labels = (row.labels[name] for name in CELL)
            writer.writerow(
                (policy.name, policy.version, *labels, row.met, row.breached, row.open, row.ended,
                 kept)
            )  # fmt: skip
    return text.getvalue()


def local(at: datetime | None, zone: tzinfo) -> str:
    """An instant for people, in the report's zone."""
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}".removesuffix(":00")
