"""The stages of a complaint, derived from its history: received, acknowledged, in progress,
resolved, closed.

A pure fold over the sorted events, so late events and any order of arrival give the same stages.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from agents.complaints.sla.vocabulary import normal
from schemas.clock import ComplaintEvent, ComplaintEventKind
from schemas.complaint import Stage

OWNER = "attributes.owner"
TEAM = "attributes.team"
PRIORITY = "attributes.priority"
CAUSE = "attributes.cause"


class Progress(Struct):
    """Where a complaint stands, and when it got there."""

    stage: Stage
    opened_at: datetime
    acknowledged_at: datetime | None = None
    first_response_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    last_contact_at: datetime | None = None
    contact_count: int = 0
    resolutions: list[datetime] = []
    reopenings: list[datetime] = []
    hand_overs: list[tuple[datetime, str]] = []
    """When one team gave it to another, and which team gave it away."""
    hand_backs: list[tuple[datetime, str]] = []
    """Those of them that gave it to a team which had had it before."""
    teams: list[str] = []
    """The teams that had it, the one that has it last."""
    changes: dict[str, str] = {}


def sort_key(event: ComplaintEvent) -> tuple[datetime, int, str]:
    """The one order of a complaint's history (policy: the clocks)."""
    return (event.at, event.sequence, event.id)


def progress_of(
    history: Sequence[ComplaintEvent], reopen_within: timedelta, now: datetime, team: str = ""
) -> Progress:
    """Fold the sorted `history` into stages. `now` only decides whether a resolved complaint is
    closed; `team` had the complaint when it was opened."""
    return closed_at(stages_of(history, reopen_within, team), reopen_within, now)


def stages_of(
    history: Sequence[ComplaintEvent], reopen_within: timedelta, team: str = ""
) -> Progress:
    """The stages up to the last event, before anybody asks whether it is closed by now."""
    opened_at = next(
        (event.at for event in history if event.what is ComplaintEventKind.OPENED), history[0].at
    )
    progress = Progress(stage=Stage.RECEIVED, opened_at=opened_at, teams=[team] if team else [])
    for event in history:
        if event.at >= opened_at:
            advance_progress(progress, event, reopen_within)
    return progress


def closed_at(progress: Progress, reopen_within: timedelta, now: datetime) -> Progress:
    """The same at `now`: a resolved complaint that nobody reopened in time is closed."""
    resolved_at = progress.resolved_at
    if (
        progress.stage is Stage.RESOLVED
        and resolved_at is not None
        and now >= resolved_at + reopen_within
    ):
        return replace(progress, stage=Stage.CLOSED, closed_at=resolved_at + reopen_within)
    return progress


def advance_progress(progress: Progress, event: ComplaintEvent, reopen_within: timedelta) -> None:
    """Fold one more event, the latest, into the caller's own `progress`."""
    take = _HANDLERS.get(event.what)
    if take is not None:
        take(progress, event, reopen_within)


def _customer_spoke(progress: Progress, event: ComplaintEvent, reopen_within: timedelta) -> None:
    at = event.at
    progress.last_contact_at = at
    progress.contact_count += 1
    resolved_at = progress.resolved_at
    if (
        progress.stage is Stage.RESOLVED
        and resolved_at is not None
        and at < resolved_at + reopen_within
    ):
        _reopen(progress, at)


def _somebody_replied(progress: Progress, event: ComplaintEvent, _: timedelta) -> None:
    if progress.first_response_at is None:
        progress.first_response_at = event.at
    _acknowledge(progress, event.at)


def _was_acknowledged(progress: Progress, event: ComplaintEvent, _: timedelta) -> None:
    if progress.stage is Stage.RECEIVED:
        _acknowledge(progress, event.at)


def _was_paused(progress: Progress, event: ComplaintEvent, _: timedelta) -> None:
    _work(progress)


def _was_changed(progress: Progress, event: ComplaintEvent, _: timedelta) -> None:
    _hand_over(progress, event)
    progress.changes = progress.changes | event.changes
    if OWNER in event.changes:
        _work(progress)


def _was_resolved(progress: Progress, event: ComplaintEvent, _: timedelta) -> None:
    if progress.stage is not Stage.RESOLVED:
        progress.stage = Stage.RESOLVED
        progress.resolved_at = event.at
        progress.resolutions = [*progress.resolutions, event.at]


def _was_reopened(progress: Progress, event: ComplaintEvent, _: timedelta) -> None:
    if progress.stage is Stage.RESOLVED:
        _reopen(progress, event.at)


def _joined(progress: Progress, event: ComplaintEvent, _: timedelta) -> None:
    progress.stage, progress.closed_at = Stage.CLOSED, event.at


_HANDLERS: dict[ComplaintEventKind, Callable[[Progress, ComplaintEvent, timedelta], None]] = {
    ComplaintEventKind.OPENED: _customer_spoke,
    ComplaintEventKind.CUSTOMER_MESSAGE: _customer_spoke,
    ComplaintEventKind.HUMAN_REPLY: _somebody_replied,
    ComplaintEventKind.ACKNOWLEDGED: _was_acknowledged,
    ComplaintEventKind.PAUSED: _was_paused,
    ComplaintEventKind.CHANGED: _was_changed,
    ComplaintEventKind.RESOLVED: _was_resolved,
    ComplaintEventKind.REOPENED: _was_reopened,
    ComplaintEventKind.MERGED: _joined,
}
"""What moves a complaint from stage to stage. A bot's reply, a pause that ends and a withdrawal
move nothing."""


def _acknowledge(progress: Progress, at: datetime) -> None:
    if progress.stage is Stage.RECEIVED:
        progress.stage = Stage.ACKNOWLEDGED
        progress.acknowledged_at = at
    else:
        _work(progress)


def _work(progress: Progress) -> None:
    if progress.stage in (Stage.RECEIVED, Stage.ACKNOWLEDGED):
        progress.stage = Stage.IN_PROGRESS


def _hand_over(progress: Progress, event: ComplaintEvent) -> None:
    team = event.changes.get(TEAM)
    if not team:
        return
    known = [normal(name) for name in progress.teams]
    if known and known[-1] == normal(team):
        return
    if known:
        given = (event.at, progress.teams[-1])
        progress.hand_overs = [*progress.hand_overs, given]
        if normal(team) in known:
            progress.hand_backs = [*progress.hand_backs, given]
    progress.teams = [*progress.teams, team]


def _reopen(progress: Progress, at: datetime) -> None:
    progress.stage = Stage.IN_PROGRESS
    progress.resolved_at = None
    progress.reopenings = [*progress.reopenings, at]


def _appended(
    history: Sequence[ComplaintEvent], events: Sequence[ComplaintEvent]
) -> list[ComplaintEvent] | None:
    """The history with at most one event that is new and the latest: the usual case, unsorted."""
    if not events:
        return list(history)
    (event, *others) = events
    if others or any(known.id == event.id for known in history):
        return None
    if history and sort_key(history[-1]) > sort_key(event):
        return None
    return [*history, event]


def merge_history(
    history: Sequence[ComplaintEvent], events: Sequence[ComplaintEvent], limit: int
) -> list[ComplaintEvent]:
    """The history with `events` in it, sorted, each id once (the newer wins), within `limit`.

    A history over its limit keeps its first half, which started the clocks, and its newest half.
    """
    merged = _appended(history, events)
    if merged is None:
        by_id = {event.id: event for event in history}
        by_id.update((event.id, event) for event in events)
        merged = sorted(by_id.values(), key=sort_key)
    if len(merged) > limit:
        merged = merged[: limit // 2] + merged[-(limit - limit // 2) :]
    return merged
