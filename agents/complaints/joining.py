"""Complaints of two customers who turn out to be one: which are about the same matter, what becomes
of both, and how they come apart again.

The later joins the earlier: its events move there, so the earliest start holds; its own clocks end
without a verdict, what it had announced resolves, and what the tables count of it is taken back. It
is kept beside as it would stand by itself, and learns what its own customer goes on to say.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from agents.complaints.lifecycle import merge_history
from agents.complaints.settle import Rulebook, settle, uncount
from agents.effects import Effect, Tally
from schemas.clock import ComplaintEvent, ComplaintEventKind
from schemas.complaint import Complaint, Stage
from schemas.customer import COMPLAINT_EVENTS, ComplaintState, JoinedComplaint, Said

Settled = tuple[ComplaintState, list[Effect]]
NOTHING_SAID = Said()


def find_pair(
    complaints: Sequence[ComplaintState], rulebook: Rulebook
) -> tuple[ComplaintState, ComplaintState] | None:
    """The first two complaints of different customers about the same matter: earlier and later."""
    ordered = sorted(complaints, key=lambda c: (c.complaint.opened_at, c.complaint.complaint_id))
    named: dict[str, list[ComplaintState]] = {}
    for later in ordered:
        names = (*later.complaint.conversation_keys, *later.complaint.matter_refs)
        for name in names:
            for earlier in named.get(name, ()):
                if earlier.origin != later.origin and _may_join(earlier, later, rulebook):
                    return earlier, later
        for name in names:
            named.setdefault(name, []).append(later)
    return None


def _may_join(earlier: ComplaintState, later: ComplaintState, rulebook: Rulebook) -> bool:
    """Whether the earlier was not settled for good before the later began."""
    one, other = earlier.complaint, later.complaint
    if Stage.CLOSED in (one.stage, other.stage):
        return False
    resolved_at = one.resolved_at
    return resolved_at is None or (
        other.opened_at <= resolved_at + rulebook.reopen_within(earlier.policy)
    )


def join(
    earlier: ComplaintState,
    later: ComplaintState,
    merge_id: str,
    at: datetime,
    rulebook: Rulebook,
) -> tuple[ComplaintState, JoinedComplaint, list[Effect]]:
    """Let `later` join `earlier` at `at`: the earlier with its events, the later laid aside."""
    into = earlier.complaint
    said = _added(into, later.complaint)
    grown = replace(earlier, complaint=_with_said(into, said))
    kept, effects = settle(grown, later.history, rulebook, at, fire=False, published=into)
    ended, more = _end(later, into.complaint_id, merge_id, at, rulebook)
    return kept, JoinedComplaint(ended, into.complaint_id, said), [*effects, *more]


def _end(
    later: ComplaintState, into: str, merge_id: str, at: datetime, rulebook: Rulebook
) -> Settled:
    last = later.history[-1]
    event = ComplaintEvent(
        max(at, last.at),
        f"{merge_id}:m",
        ComplaintEventKind.MERGED,
        sequence=last.sequence + 1,
    )
    told = replace(later, complaint=replace(later.complaint, merged_into=into), counted=[])
    ended, effects = settle(told, [event], rulebook, at, fire=False, published=later.complaint)
    # It stands in no table any more: whatever is true of it is told by the one it joined.
    silent = [effect for effect in effects if not isinstance(effect, Tally)]
    return replace(ended, counted=[], wake_at=None), [*uncount(later.counted), *silent]


def mirror(
    joined: Sequence[JoinedComplaint],
    before: Sequence[ComplaintState],
    after: Sequence[ComplaintState],
    origin: str,
) -> list[JoinedComplaint]:
    """Let laid-aside complaints of `origin` know what `origin` said to the ones they joined."""
    old = {state.complaint.complaint_id: state for state in before}
    new = {state.complaint.complaint_id: state for state in after}
    heard: set[str] = set()
    kept = []
    for each in reversed(joined):
        was, now = old.get(each.into), new.get(each.into)
        if (
            was is None
            or now is None
            or was is now
            or each.state.origin != origin
            or each.into in heard
        ):
            kept.append(each)
            continue
        heard.add(each.into)
        kept.append(_grown(each, was, now))
    return kept[::-1]


def _grown(each: JoinedComplaint, was: ComplaintState, now: ComplaintState) -> JoinedComplaint:
    events = [event for event in now.history if event not in was.history]
    said = _added(was.complaint, now.complaint)
    state = replace(
        each.state,
        history=merge_history(each.state.history, events, COMPLAINT_EVENTS),
        complaint=_with_said(each.state.complaint, said),
    )
    return JoinedComplaint(state, each.into, _both(each.said, said))


def without(state: ComplaintState, each: JoinedComplaint) -> ComplaintState:
    """The complaint without what another that joined it brought and said since; settle it."""
    theirs = {event.id for event in each.state.history}
    said = each.said
    complaint = state.complaint
    return replace(
        state,
        history=[event for event in state.history if event.id not in theirs],
        complaint=replace(
            complaint,
            channels=[c for c in complaint.channels if c not in said.channels],
            matter_refs=[r for r in complaint.matter_refs if r not in said.matter_refs],
            conversation_keys=[
                k for k in complaint.conversation_keys if k not in said.conversation_keys
            ],
            reasons=[r for r in complaint.reasons if r not in said.reasons],
        ),
    )


def by_itself(each: JoinedComplaint) -> ComplaintState:
    """The complaint that had joined another, as if it never had; settle it."""
    state = each.state
    return replace(
        state,
        history=[e for e in state.history if e.what is not ComplaintEventKind.MERGED],
        complaint=replace(state.complaint, merged_into=""),
    )


def redirected(joined: Sequence[JoinedComplaint], complaint_id: str) -> str:
    """Which complaint is meant by this id: one that joined another means the other."""
    into: Mapping[str, str] = {e.state.complaint.complaint_id: e.into for e in joined}
    for _ in joined:
        complaint_id = into.get(complaint_id, complaint_id)
    return complaint_id


def _added(known: Complaint, more: Complaint) -> Said:
    """What `more` has that is not `known`."""
    return Said(
        [c for c in more.channels if c not in known.channels],
        [r for r in more.matter_refs if r not in known.matter_refs],
        [k for k in more.conversation_keys if k not in known.conversation_keys],
        [r for r in more.reasons if r not in known.reasons],
    )


def _with_said(complaint: Complaint, said: Said) -> Complaint:
    if said == NOTHING_SAID:
        return complaint
    return replace(
        complaint,
        channels=[*complaint.channels, *said.channels],
        matter_refs=[*complaint.matter_refs, *said.matter_refs],
        conversation_keys=[*complaint.conversation_keys, *said.conversation_keys],
        reasons=[*complaint.reasons, *said.reasons],
    )


def _both(one: Said, other: Said) -> Said:
    return Said(
        [*one.channels, *other.channels],
        [*one.matter_refs, *other.matter_refs],
        [*one.conversation_keys, *other.conversation_keys],
        [*one.reasons, *other.reasons],
    )
