"""The report as data: verdicts by every dimension, changes, lateness, the load of those on call.

Table, CSV and HTML are drawn from it, so `--format json` loses nothing.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from agents.complaints.sla.selfcheck import SelfCheck
from agents.complaints.sla.whatif import (
    DIMENSIONS,
    HELD_FIXED,
    Lateness,
    OnCall,
    PolicyRun,
    Tally,
    Verdict,
    compare,
    lateness,
    on_call,
    tally,
)
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


class Change(Struct, frozen=True, kw_only=True):
    """A clock whose verdict differs; `other_due_at` None: the other policy promises nothing."""

    complaint_id: str
    target: str
    channel: str
    tier: str
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    other_due_at: datetime | None


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
    runs: Sequence[tuple[PolicyRun, str]],
    zone: ZoneInfo,
    self_check: SelfCheck | None,
) -> Report:
    """The report of runs (each with the digest of its policy); the others are compared to the
    first."""
    first = runs[0][0]
    return Report(
        held_fixed=HELD_FIXED,
        source=history.source,
        complaints=len(history.cases),
        events=history.events,
        until=history.until,
        timezone=zone.key,
        notes=history.notes,
        late_cuts_seconds=list(LATE_CUTS),
        policies=[_policy(run, digest, zone) for run, digest in runs],
        changes=[_changes(first, run) for run, _ in runs[1:]],
        self_check=self_check,
    )


def _policy(run: PolicyRun, digest: str, zone: ZoneInfo) -> PolicyReport:
    return PolicyReport(
        name=run.name,
        version=digest,
        by={name: _counted(run, name) for name in DIMENSIONS},
        cells=_counted(run, *CELL),
        lateness=lateness(run),
        late_counts=late_counts(run),
        on_call=on_call(run, zone),
    )


def _counted(run: PolicyRun, *dimensions: str) -> list[Counted]:
    return [_row(dimensions, key, row) for key, row in tally(run, *dimensions).items()]


def _row(dimensions: Sequence[str], key: Sequence[str], row: Tally) -> Counted:
    return Counted(
        labels=dict(zip(dimensions, key, strict=True)),
        met=row.met,
        breached=row.breached,
        open=row.open,
        ended=row.ended,
        kept_ratio=row.kept_ratio,
    )


def late_counts(run: PolicyRun) -> list[int]:
    """How many broken promises were late by less than each next cut; the last is all beyond."""
    seconds = [
        ((verdict.ended_at or run.until) - verdict.breached_at).total_seconds()
        for verdict in run.verdicts
        if verdict.breached_at is not None
    ]
    edges = [*LATE_CUTS, float("inf")]
    return [sum(low <= max(0.0, one) < high for one in seconds) for low, high in pairwise(edges)]


def _changes(first: PolicyRun, second: PolicyRun) -> Changes:
    found = compare(first, second)
    return Changes(
        first=first.name,
        second=second.name,
        newly_breached=[_change(now, was) for was, now in found.newly_breached],
        no_longer_breached=[_change(was, now) for was, now in found.no_longer_breached],
    )


def _change(verdict: Verdict, other: Verdict | None) -> Change:
    return Change(
        complaint_id=verdict.complaint_id,
        target=verdict.target.value,
        channel=str(verdict.channel),
        tier=str(verdict.tier),
        started_at=verdict.started_at,
        due_at=verdict.due_at,
        ended_at=verdict.ended_at,
        other_due_at=None if other is None else other.due_at,
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
