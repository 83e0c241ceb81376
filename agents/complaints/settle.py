"""Settle a complaint: from its history to stages, clocks, announcements, counts and the next time
to look.

Everything here is a function of the history, so late, repeated and out-of-order events need no care
of their own; where an event is the newest, `standing.py` goes on instead of replaying. What the
world was already told or counted is compared, and only the difference goes out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from agents.complaints.lifecycle import (
    CAUSE,
    OWNER,
    PRIORITY,
    TEAM,
    Progress,
)
from agents.complaints.rules import ComplaintRules
from agents.complaints.sla.announcements import Outcome
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.vocabulary import Words
from agents.complaints.standing import Standings
from agents.complaints.versions import PolicyBook
from agents.effects import Effect, Measure, PublishAlert, PublishComplaint, Tally
from agents.uuids import uuid5_text
from schemas.alert import SlaAlert
from schemas.clock import Announced, Announcement, Clock, ClockState, ComplaintEvent
from schemas.complaint import ClockView, Complaint, Stage
from schemas.customer import ComplaintState, CountedFact, Labels
from schemas.policy import Target

ALERT_NAMESPACE = UUID("6f2d6a52-6f0e-5f5e-9a3c-0d3a5f7f1f10")
# What an enum answers by a call, a dictionary answers by a look-up.
_NAMES = {target: target.value for target in Target}
_MEASURES: dict[str, Measure] = {measure.value: measure for measure in Measure}
HISTORY_SETTLE = timedelta(seconds=10)
"""How long an import must leave a complaint alone before its running clocks are judged: history
arrives faster than it happened, and a verdict before the answer has been read would only be taken
back."""


class Rulebook(Struct, frozen=True):
    """What the steps need to know besides state and record: the compiled promises and the rules of
    opening."""

    plan: Plan
    """What judges where no version was published yet."""
    rules: ComplaintRules
    book: PolicyBook | None = None
    """The versions the partition knows; None before the first."""
    standings: Standings = field(default_factory=Standings)
    """Spares replays; changes no result."""

    def plan_of(self, version: str) -> Plan:
        """The plan of the version that judges a complaint."""
        return self.plan if self.book is None else self.book.plan_of(version)

    def words_at(self, at: datetime) -> Words:
        """The vocabulary of the version that was in force then."""
        return self.plan.words if self.book is None else self.plan_of(self.version_for(at)).words

    def version_for(self, opened_at: datetime) -> str:
        """The version that will judge a complaint opened then; empty before the first."""
        return "" if self.book is None else self.book.version_for(opened_at)

    def reopen_within(self, version: str) -> timedelta:
        """How long a customer's word reopens a resolved complaint."""
        return timedelta(seconds=self.plan_of(version).policy_set.reopen_within_seconds)


def settle(
    state: ComplaintState,
    events: Sequence[ComplaintEvent],
    rulebook: Rulebook,
    now: datetime,
    *,
    fire: bool,
    published: Complaint | None = None,
) -> tuple[ComplaintState, list[Effect]]:
    """Fold `events` into the complaint and return it with what must be published, announced and
    counted.

    `now` is the arrival of what is folded (`fire=False`) or the instant the partition has read past
    (`fire=True`). `published` is the complaint as the world knows it, where `state` was changed
    since; what differs from it is news.
    """
    plan = rulebook.plan_of(state.policy)
    standing = rulebook.standings.after(state, events, plan)
    history = standing.history
    reopen_within = timedelta(seconds=plan.policy_set.reopen_within_seconds)
    outcome = standing.announce(state.announced, now, fire=fire)
    judged_at = state.judged_at
    if fire and (judged_at is None or now > judged_at):
        judged_at = now
    progress = standing.progress_at(judged_at or history[-1].at)
    clocks = [
        clock if clock.state is not ClockState.BREACHED else _as_told(clock, outcome.announced)
        for clock in outcome.clocks
    ]
    complaint = _complaint_of(state.complaint, progress, outcome)
    views = [view_of(clock) for clock in clocks]
    published = published or state.complaint
    is_news = complaint != published or not _are_same(views, published.clocks)
    complaint.clocks = views
    counted = _counted(complaint, progress, clocks)
    effects: list[Effect] = [
        PublishAlert(_alert_of(complaint, said)) for said in outcome.announcements
    ]
    effects += _difference(state.counted, counted)
    if not state.history or is_news:
        complaint.change_count += 1
        effects.append(PublishComplaint(complaint))
    settled = ComplaintState(
        complaint,
        state.context,
        history,
        outcome.announced,
        counted,
        judged_at,
        _wake_at(complaint, outcome.wake_at, reopen_within, now, fire=fire),
        state.policy,
        state.origin,
    )
    rulebook.standings.keep(complaint.complaint_id, standing)
    return settled, effects


def _as_told(clock: Clock, announced: Sequence[Announced]) -> Clock:
    """A breached clock as readers are told: one past due that still runs is breached once the
    deadline said so, not before: an answer may be on its way."""
    if not clock.is_open:
        return clock
    if any(
        c.breached and c.target is clock.target and c.instance == clock.instance for c in announced
    ):
        return clock
    return replace(clock, state=ClockState.RUNNING, breached_at=None)


def _wake_at(
    complaint: Complaint,
    due: datetime | None,
    reopen_within: timedelta,
    now: datetime,
    *,
    fire: bool,
) -> datetime | None:
    closes_at = (
        complaint.resolved_at + reopen_within
        if complaint.stage is Stage.RESOLVED and complaint.resolved_at is not None
        else None
    )
    wake_at = due if closes_at is None or (due is not None and due < closes_at) else closes_at
    if wake_at is not None and complaint.quiet and not fire:
        return max(wake_at, now + HISTORY_SETTLE)
    return wake_at


def _complaint_of(complaint: Complaint, progress: Progress, outcome: Outcome) -> Complaint:
    """A new record with the stages of `progress`, and the clocks of the old one."""
    complaint = replace(
        complaint,
        stage=progress.stage,
        opened_at=progress.opened_at,
        acknowledged_at=progress.acknowledged_at,
        first_response_at=progress.first_response_at,
        resolved_at=progress.resolved_at,
        closed_at=progress.closed_at,
        last_contact_at=progress.last_contact_at,
        contact_count=progress.contact_count,
        reopened_count=len(progress.reopenings),
        hand_over_count=len(progress.hand_overs),
        hand_back_count=len(progress.hand_backs),
        severity=outcome.severity,
        tier=outcome.tier,
    )
    changes = progress.changes
    if not changes:
        return complaint
    return replace(
        complaint,
        owner=changes.get(OWNER, complaint.owner),
        team=changes.get(TEAM, complaint.team),
        priority=changes.get(PRIORITY, complaint.priority),
        cause=changes.get(CAUSE, complaint.cause),
        category=changes.get("category", complaint.category),
        region=changes.get("region", complaint.region),
    )


def view_of(clock: Clock) -> ClockView:
    """A clock as readers see it."""
    return ClockView(
        target=clock.target,
        instance=clock.instance,
        team=clock.team,
        state=clock.state,
        started_at=clock.started_at,
        due_at=clock.due_at,
        limit_seconds=clock.limit_seconds,
        used_seconds=clock.used_seconds,
        breached_at=clock.breached_at,
        ended_at=clock.ended_at,
        policy=clock.policy,
        policy_version=clock.policy_digest,
    )


def _are_same(new: Sequence[ClockView], old: Sequence[ClockView]) -> bool:
    """Whether nothing is worth publishing: the seconds a running clock has used since are not."""
    if len(new) != len(old):
        return False
    for one, other in zip(new, old, strict=True):
        if one == other:
            continue
        if one.ended_at is not None or other.ended_at is not None:
            return False
        used, limit = other.used_seconds, other.limit_seconds
        if replace(one, used_seconds=used, limit_seconds=limit) != other:
            return False
    return True


def _counted(
    complaint: Complaint, progress: Progress, clocks: Sequence[Clock]
) -> list[CountedFact]:
    labels = Labels(
        complaint.channel, complaint.team, complaint.category, complaint.region, complaint.tier
    )
    opened_at = progress.opened_at
    facts = [CountedFact(Measure.COMPLAINTS_OPENED, opened_at, labels)]
    for measure, instants in (
        (Measure.COMPLAINTS_RESOLVED, progress.resolutions),
        (Measure.COMPLAINTS_REOPENED, progress.reopenings),
    ):
        if instants:
            facts += [CountedFact(measure, at, labels) for at in instants]
    for measure, given in (
        (Measure.HAND_OVERS, progress.hand_overs),
        (Measure.HAND_BACKS, progress.hand_backs),
    ):
        if given:
            facts += [CountedFact(measure, at, replace(labels, team=team)) for at, team in given]
    if progress.resolved_at is not None:
        seconds = (progress.resolved_at - opened_at).total_seconds()
        facts.append(CountedFact(Measure.RESOLUTION, progress.resolved_at, labels, seconds))
    for clock in clocks:
        whose = replace(labels, team=clock.team) if clock.team else labels
        if clock.state is ClockState.MET and clock.ended_at is not None:
            facts.append(CountedFact(Measure.MET, clock.ended_at, whose, _NAMES[clock.target]))
        elif clock.state is ClockState.BREACHED and clock.breached_at is not None:
            facts.append(
                CountedFact(Measure.BREACHED, clock.breached_at, whose, _NAMES[clock.target])
            )
    return facts


def _difference(old: Sequence[CountedFact], new: Sequence[CountedFact]) -> list[Effect]:
    if old == new:
        return []
    effects: list[Effect] = []
    gone = list(old)
    for fact in new:
        if fact in gone:
            gone.remove(fact)
        else:
            effects.append(_tally(fact, +1))
    return [_tally(fact, -1) for fact in gone] + effects


def uncount(counted: Sequence[CountedFact]) -> list[Effect]:
    """Take back what the tables of this partition hold of a complaint."""
    return _difference(counted, [])


def _tally(fact: CountedFact, count: int) -> Tally:
    return Tally(_MEASURES[fact.measure], fact.at, fact.labels, fact.value, count)


def _alert_of(complaint: Complaint, said: Announcement) -> SlaAlert:
    return SlaAlert(
        alert_id=uuid5_text(ALERT_NAMESPACE, f"{complaint.complaint_id}/{said.key}"),
        kind=said.kind,
        target=said.target,
        step=said.step or None,
        to=said.to,
        clock_started_at=said.clock_started_at,
        complaint_id=complaint.complaint_id,
        customer_id=complaint.customer_id,
        at=said.at,
        announced_at=said.announced_at,
        due_at=said.due_at,
        breached_at=said.breached_at,
        ended_at=said.ended_at,
        limit_seconds=said.limit_seconds,
        used_seconds=said.used_seconds,
        policy=said.policy,
        policy_version=said.policy_digest,
        channel=complaint.channel,
        category=complaint.category,
        severity=complaint.severity,
        tier=complaint.tier,
        region=complaint.region,
        team=said.team or complaint.team,
        owner=complaint.owner,
        language=complaint.language,
        matter=complaint.summary,
        quiet=complaint.quiet,
    )
