"""The complaints step: what an interaction, a command or a reached deadline does to a customer's
complaints."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from agents.complaints.changes import event_of, handed_over, put, raised
from agents.complaints.matter import find_for_answer, find_for_customer, is_open
from agents.complaints.opening import Finding, find_complaint
from agents.complaints.settle import Rulebook, settle
from agents.customer.value import bought_after, bought_until
from agents.effects import Effect, PublishComplaint, UnknownWord
from agents.uuids import uuid5_text
from schemas.chat import ChatKind
from schemas.clock import ComplaintEvent, ComplaintEventKind
from schemas.common import ActorType
from schemas.compact import id_text, short_id
from schemas.complaint import Complaint, Stage
from schemas.customer import (
    ENDED_COMPLAINTS,
    OPEN_COMPLAINTS,
    ComplaintState,
    CustomerState,
    Labels,
    Thread,
)
from schemas.email import AutoKind
from schemas.interaction import Interaction
from schemas.policy import ComplaintContext

COMPLAINT_NAMESPACE = UUID("2f1f3b0e-8f39-5c8b-8f36-5b4f4f0a7c11")
SUMMARY = 140
# A member of an enum is looked up by a name of its class, which costs more than the comparison.
_NOT_AUTOMATIC = AutoKind.NONE
_CLOSED = ChatKind.CONVERSATION_CLOSED
_HUMAN = ActorType.HUMAN
KEYS = 32
"""Conversation keys and references kept per complaint."""


def take_interaction(
    customer: CustomerState,
    interaction: Interaction,
    thread: Thread | None,
    labels: Labels,
    rulebook: Rulebook,
) -> tuple[list[ComplaintState], list[Effect]]:
    """Fold one accepted or corrected interaction into the customer's complaints."""
    if interaction.auto_kind is not _NOT_AUTOMATIC:
        return customer.complaints, []
    finding = find_complaint(interaction, thread, customer.threads, rulebook.rules)
    if finding is None and not customer.complaints:
        return customer.complaints, []
    complaints, effects = list(customer.complaints), []
    if interaction.contact_at is not None or finding is not None:
        effects += _customer_spoke(
            complaints, customer, interaction, thread, finding, labels, rulebook
        )
    if interaction.response_at is not None:
        effects += _somebody_answered(complaints, interaction, labels, rulebook)
    if interaction.handed_to is not None:
        effects += handed_over(complaints, interaction, interaction.handed_to, rulebook)
    if interaction.kind == _CLOSED and interaction.actor.type is _HUMAN:
        effects += _conversation_closed(complaints, interaction, labels, rulebook)
    return complaints, effects


def _customer_spoke(
    complaints: list[ComplaintState],
    customer: CustomerState,
    interaction: Interaction,
    thread: Thread | None,
    finding: Finding | None,
    labels: Labels,
    rulebook: Rulebook,
) -> list[Effect]:
    at = interaction.contact_at or interaction.occurred_at
    mine = _opened_by(complaints, interaction) if complaints else None
    if mine is not None:  # a correction of the very record that opened it
        joined = _joined(mine, interaction, finding)
        worse = raised(mine, interaction, finding, at)
        return put(complaints, mine, joined, worse, rulebook, interaction)
    found = find_for_customer(complaints, interaction, labels.category, rulebook.rules)
    if found is not None:
        state, _ = found
        events = []
        if interaction.contact_at is not None:
            events.append(event_of(interaction, ComplaintEventKind.CUSTOMER_MESSAGE, at))
        events += raised(state, interaction, finding, at)
        if events or is_open(state):
            joined = _joined(state, interaction, finding)
            return put(complaints, state, joined, events, rulebook, interaction)
    if finding is None:
        return []
    state = _open(customer, interaction, thread, finding, labels, at)
    state.policy = rulebook.version_for(at)
    complaints.append(state)
    opened = event_of(interaction, ComplaintEventKind.OPENED, at)
    events = [
        opened,
        *_already_answered(customer.threads, interaction, at),
        *bought_after(customer.amounts, at),
    ]
    effects = put(complaints, state, state, events, rulebook, interaction)
    words = rulebook.words_at(at)
    if interaction.priority and words.severity(interaction.priority) is None:
        effects.append(UnknownWord("severity", interaction.priority))
    effects += _forget_oldest(complaints, rulebook)
    return effects


def complaint_id_of(interaction: Interaction) -> str:
    """The id of the complaint that `interaction` opens: the same whenever it is folded again."""
    return uuid5_text(COMPLAINT_NAMESPACE, interaction.interaction_id)


def _opened_by(
    complaints: Iterable[ComplaintState], interaction: Interaction
) -> ComplaintState | None:
    own_id = interaction.interaction_id
    for state in complaints:
        reasons = state.complaint.reasons
        if reasons and reasons[0].interaction_id == own_id:  # the first is why it was opened
            return state
    return None


def _open(
    customer: CustomerState,
    interaction: Interaction,
    thread: Thread | None,
    finding: Finding,
    labels: Labels,
    at: datetime,
) -> ComplaintState:
    # A chat names its order once, in its first message; the complaint may come in a later one.
    refs = (
        _union(thread.matter_refs, interaction.matter_refs) if thread else interaction.matter_refs
    )
    language = interaction.language or customer.profile.language or ""
    attributes = {"priority": interaction.priority} if interaction.priority else {}
    if labels.team:
        attributes["team"] = labels.team
    complaint = Complaint(
        complaint_id=complaint_id_of(interaction),
        customer_id=customer.customer_id,
        priority=interaction.priority or "",
        category=labels.category,
        cause=finding.cause,
        demand=finding.demand,
        reasons=list(finding.reasons),
        channel=interaction.channel,
        channels=[interaction.channel],
        matter_refs=list(refs[:KEYS]),
        conversation_keys=_keys_of(interaction),
        summary=(interaction.subject or interaction.text or labels.category)[:SUMMARY],
        team=labels.team,
        region=labels.region,
        tier=labels.tier,
        language=language,
        opened_at=at,
        quiet=interaction.quiet,
    )
    return ComplaintState(
        complaint,
        ComplaintContext(
            tier=customer.profile.tier or "",
            channel=interaction.channel,
            severity=finding.severity or "",
            category=labels.category,
            region=labels.region,
            language=language,
            kind=interaction.kind,
            timezone=customer.profile.timezone or "",
            attributes=attributes,
            tags=interaction.tags,
            value=bought_until(customer, at),
        ),
    )


def _keys_of(interaction: Interaction) -> list[str]:
    key, parents = interaction.conversation_key, interaction.parent_keys
    if not parents:
        return [key] if key else []
    return list(dict.fromkeys(k for k in (key, *parents) if k))[:KEYS]


def _joined(
    state: ComplaintState, interaction: Interaction, finding: Finding | None
) -> ComplaintState:
    """The complaint with what this interaction adds to it: channels, keys, references, reasons."""
    complaint = state.complaint
    reasons = complaint.reasons
    if finding is not None:
        known = {(reason.code, reason.interaction_id) for reason in reasons}
        new = [r for r in finding.reasons if (r.code, r.interaction_id) not in known]
        reasons = [*reasons, *new][:KEYS]
    channels = _union(complaint.channels, (interaction.channel,))
    refs = _union(complaint.matter_refs, interaction.matter_refs)
    keys = _union(complaint.conversation_keys, _keys_of(interaction))
    quiet = complaint.quiet and interaction.quiet
    if (
        reasons is complaint.reasons
        and channels is complaint.channels
        and refs is complaint.matter_refs
        and keys is complaint.conversation_keys
        and quiet is complaint.quiet
    ):
        return state  # nearly always
    complaint = replace(
        complaint,
        reasons=reasons,
        channels=channels,
        matter_refs=refs,
        conversation_keys=keys,
        quiet=quiet,
    )
    return replace(state, complaint=complaint)


def _union(known: list[str], more: Sequence[str]) -> list[str]:
    for each in more:
        if each not in known:
            return list(dict.fromkeys([*known, *more]))[:KEYS]
    return known


def _already_answered(
    threads: Sequence[Thread], interaction: Interaction, at: datetime
) -> list[ComplaintEvent]:
    """What representatives answered after `at` and was read before the complaint: topics are read
    side by side."""
    refs = set(interaction.matter_refs)
    keys = set(_keys_of(interaction))
    own_id = short_id(interaction.interaction_id)
    events = []
    for thread in threads:
        outbound_only = thread.counted is None
        if (
            thread.key not in keys
            and refs.isdisjoint(thread.matter_refs)
            and not (outbound_only and not thread.matter_refs)
        ):
            continue
        events += [
            ComplaintEvent(
                turn.response_at,
                f"{id_text(turn.interaction_id)}:r",
                ComplaintEventKind.HUMAN_REPLY,
            )
            for turn in thread.turns
            if turn.response_at is not None
            and turn.response_at >= at
            and turn.interaction_id != own_id
        ]
    return events


def _somebody_answered(
    complaints: list[ComplaintState], interaction: Interaction, labels: Labels, rulebook: Rulebook
) -> list[Effect]:
    state = find_for_answer(complaints, interaction, labels.category, rulebook.rules)
    at = interaction.response_at
    if state is None or at is None:
        return []
    by_bot = interaction.actor.type is ActorType.BOT
    what = ComplaintEventKind.BOT_REPLY if by_bot else ComplaintEventKind.HUMAN_REPLY
    # Who hands over speaks for the team that had it, not for the one it goes to.
    team = interaction.actor.team or (interaction.team if interaction.handed_to is None else None)
    event = replace(event_of(interaction, what, at, ":r"), team=team or "")
    return put(complaints, state, _joined(state, interaction, None), [event], rulebook, interaction)


def _conversation_closed(
    complaints: list[ComplaintState], interaction: Interaction, labels: Labels, rulebook: Rulebook
) -> list[Effect]:
    """A representative who closes the conversation says that the matter is settled."""
    for state in complaints:
        if is_open(state) and interaction.conversation_key in state.complaint.conversation_keys:
            event = event_of(interaction, ComplaintEventKind.RESOLVED, interaction.occurred_at)
            return put(complaints, state, state, [event], rulebook, interaction)
    return []


def _forget_oldest(complaints: list[ComplaintState], rulebook: Rulebook) -> list[Effect]:
    """Keep the row bounded: the oldest ended complaints leave, and of too many open ones.

    A resolved one that leaves can no longer be reopened, so it leaves as closed.
    """
    ended = [c for c in complaints if not is_open(c)]
    still_open = [c for c in complaints if is_open(c)]
    effects: list[Effect] = []
    for group, limit in ((ended, ENDED_COMPLAINTS), (still_open, OPEN_COMPLAINTS)):
        group.sort(key=lambda c: (c.complaint.stage is not Stage.CLOSED, c.complaint.opened_at))
        for gone in group[: max(0, len(group) - limit)]:
            complaints.remove(gone)
            complaint = gone.complaint
            if complaint.stage is Stage.RESOLVED and complaint.resolved_at is not None:
                closed = replace(
                    complaint,
                    stage=Stage.CLOSED,
                    closed_at=complaint.resolved_at + rulebook.reopen_within(gone.policy),
                    change_count=complaint.change_count + 1,
                )
                effects.append(PublishComplaint(closed))
    return effects


def reach_deadline(
    complaints: Sequence[ComplaintState], read_through_at: datetime, rulebook: Rulebook
) -> tuple[list[ComplaintState], list[Effect]]:
    """Announce what has become due up to `read_through_at` and close what nobody reopened."""
    kept: list[ComplaintState] = []
    effects: list[Effect] = []
    for state in complaints:
        if state.wake_at is None or state.wake_at > read_through_at:
            kept.append(state)
            continue
        settled, more = settle(state, [], rulebook, read_through_at, fire=True)
        kept.append(settled)
        effects += more
    return kept, effects


def next_wake(complaints: Iterable[ComplaintState]) -> datetime | None:
    """The earliest instant at which a complaint of this customer wants to be looked at."""
    earliest = None
    for state in complaints:
        at = state.wake_at
        if at is not None and (earliest is None or at < earliest):
            earliest = at
    return earliest
