"""The explanation of a complaint's clocks as data: from its history to every stretch with its
cause."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from agents.complaints.sla.clocks import Explanation, explain
from agents.complaints.sla.fold import in_order
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.vocabulary import SEVERITY_AT_LEAST, VALUE
from schemas.clock import Announced, ComplaintEvent, Segment
from schemas.explanation import (
    Cause,
    ComplaintClocks,
    ComplaintHistory,
    ExplainedClock,
    ExplainedSegment,
)


def explain_complaint(
    kept: ComplaintHistory, plan: Plan, until: dt.datetime
) -> tuple[ComplaintClocks, list[Explanation]]:
    """The clocks at `until` under `plan`: for readers of the API, and as they are drawn."""
    found = explain(kept.history, plan, kept.context, until)
    causes = {event.id: cause_of(event) for event in in_order(kept.history)}
    told = {(entry.target, entry.instance): _told(entry) for entry in kept.announced}
    clocks = ComplaintClocks(
        complaint_id=kept.complaint_id,
        customer_id=kept.customer_id,
        as_of_at=until,
        policy_version=plan.digest,
        timezone=plan.zone.key,
        clocks=[
            _clock(one, plan.digest, causes, told.get((one.clock.target, one.clock.instance), []))
            for one in found
        ],
        history=[cause_of(event) for event in in_order(kept.history)],
    )
    return clocks, found


def cause_of(event: ComplaintEvent) -> Cause:
    """An event as a cause; of a change, what changed is the reason."""
    reason = event.reason
    if not reason and event.changes:
        reason = ", ".join(_changed(name, value) for name, value in event.changes.items())
    return Cause(
        id=event.id, what=event.what.value, at=event.at, channel=event.channel, reason=reason
    )


def _changed(name: str, value: str) -> str:
    """`team = Delivery`; what was bought in major units: `bought +450.00 CNY`."""
    if name.startswith(VALUE):
        return f"bought {int(value) / 10_000:+,.2f} {name.removeprefix(VALUE)}"
    if name == SEVERITY_AT_LEAST:
        return f"severity at least {value}"
    return f"{name.removeprefix('attributes.')} = {value}"


def _clock(
    one: Explanation, digest: str, causes: Mapping[str, Cause], told: Sequence[str]
) -> ExplainedClock:
    clock = one.clock
    segments = [_segment(segment, digest, causes) for segment in one.segments]
    return ExplainedClock(
        target=clock.target.value,
        instance=clock.instance,
        state=clock.state.value,
        started_at=clock.started_at,
        due_at=clock.due_at,
        breached_at=clock.breached_at,
        ended_at=clock.ended_at,
        limit_seconds=clock.limit_seconds,
        used_seconds=clock.used_seconds,
        elapsed_seconds=_seconds(one.segments),
        policy=clock.policy,
        policy_version=clock.policy_digest,
        calendar=clock.calendar,
        started_by=causes.get(clock.started_by),
        ended_by=causes.get(clock.ended_by),
        told=list(told),
        segments=segments,
        team=clock.team,
        from_team=clock.from_team,
    )


def _seconds(segments: Iterable[Segment]) -> float:
    lengths = (segment.end_at - segment.start_at for segment in segments)
    return sum(lengths, dt.timedelta()).total_seconds()


def _segment(segment: Segment, digest: str, causes: Mapping[str, Cause]) -> ExplainedSegment:
    return ExplainedSegment(
        state=segment.state.value,
        start_at=segment.start_at,
        end_at=segment.end_at,
        seconds=(segment.end_at - segment.start_at).total_seconds(),
        counted_seconds=segment.counted_seconds,
        cause=causes.get(segment.cause),
        reason=segment.reason,
        policy=segment.policy,
        policy_version=digest,
        calendar=segment.calendar,
    )


def _told(entry: Announced) -> list[str]:
    told = [f"warned {step}" for step in entry.warned]
    if entry.breached:
        told.append("breached")
    told += [f"escalated to {step}" for step in entry.escalated]
    if entry.recovered_by:
        told.append("recovered")
    return told
