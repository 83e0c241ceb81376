"""The customer step: one event of `customer-events.v1` folded into the customer's row.

`(state, event) -> (state, effects)`: pure, so the same log gives the same rows, alerts and tables,
whenever and however often it is replayed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from agents.complaints.changes import profile_changed, value_changed
from agents.complaints.commands import take_command
from agents.complaints.retroactive import change_over
from agents.complaints.settle import Rulebook
from agents.complaints.sla.vocabulary import Words
from agents.complaints.step import next_wake, reach_deadline, take_interaction
from agents.customer.admission import Admission, admit, remember
from agents.customer.scores import follow_conversation, keep_score
from agents.customer.threads import keep_conversation
from agents.customer.timeline import entry_of, place
from agents.customer.value import keep_amount, value_change
from agents.effects import Effect, Measure, RejectCommand, Tally, UnknownWord
from schemas.command import Action, CommandGiven
from schemas.common import CustomerProfile, Tier
from schemas.customer import (
    COMMANDS_SEEN,
    HANDLES,
    PENDING_COMMANDS,
    PENDING_SECONDS,
    ChannelUse,
    ComplaintState,
    CustomerState,
    Labels,
    PolicyEntry,
)
from schemas.events import CustomersMerged, DeadlineReached, OfCustomer, PolicyReached
from schemas.interaction import Interaction
from schemas.rejection import RejectReason

_WAITS = timedelta(seconds=PENDING_SECONDS)


class Step(Struct, frozen=True, gc=False):
    """What folding one event gave: the row, what must be done, and what the event was to the
    row."""

    state: CustomerState
    effects: Sequence[Effect]
    admission: Admission


def step(
    state: CustomerState | None, event: OfCustomer, rulebook: Rulebook, *, reread: bool = False
) -> Step:
    """Fold `event` into the customer's row; `reread` says its origin was already read here once."""
    row = state or CustomerState(event.customer_id)
    if rulebook.book is None or rulebook.book.retroactive is None:
        return _fold(row, event, rulebook, reread)
    row, changed = _change_over(row, event, rulebook.book.retroactive, rulebook)
    result = _fold(row, event, rulebook, reread)
    return replace(result, effects=[*changed, *result.effects]) if changed else result


def _fold(row: CustomerState, event: OfCustomer, rulebook: Rulebook, reread: bool) -> Step:
    if isinstance(event, Interaction):
        return _interaction(row, event, rulebook, reread)
    if isinstance(event, CommandGiven):
        return _command(row, event, rulebook, reread)
    if isinstance(event, DeadlineReached):
        return _deadline(row, event, rulebook)
    if isinstance(event, PolicyReached):
        return Step(row, (), Admission.ACCEPTED)  # what it is for was done before it was folded
    return _merged(row, event)


def _change_over(
    row: CustomerState, event: OfCustomer, version: PolicyEntry, rulebook: Rulebook
) -> tuple[CustomerState, list[Effect]]:
    """Let a retroactive version take hold before the first event after it.

    A complaint that this event opens gets that version, or a newer one, by itself.
    """
    if row.policy_at is not None and row.policy_at >= version.published_at:
        return row, []
    complaints, effects = change_over(row.complaints, version.version, known_at(event), rulebook)
    return replace(row, complaints=complaints, policy_at=version.published_at), effects


def known_at(event: OfCustomer) -> datetime:
    """When the event became known here."""
    if isinstance(event, DeadlineReached):
        return event.read_through_at
    if isinstance(event, PolicyReached):
        return event.reached_at
    return event.occurred_at if isinstance(event, CustomersMerged) else event.received_at


def wake_at(state: CustomerState) -> datetime | None:
    """When the deadline service shall wake this customer: the next clock, or a command still
    waiting."""
    wake = next_wake(state.complaints)
    for given in state.pending:
        until = given.received_at + _WAITS
        if wake is None or until < wake:
            wake = until
    return wake


def _interaction(
    state: CustomerState, interaction: Interaction, rulebook: Rulebook, reread: bool
) -> Step:
    admission = admit(state.seen, interaction, reread=reread)
    if not admission.is_news:
        return Step(state, (), admission)
    corrected = admission is Admission.CORRECTED
    # One copy per event, filled in place: nobody else has seen it, and its lists are never changed.
    state = replace(state)
    words = rulebook.words_at(interaction.occurred_at)
    changes = _take_profile(state, interaction, words)
    labels = labels_for(state, interaction, words)
    _keep(state, interaction, corrected)
    effects: list[Effect] = []
    said = interaction.customer_profile
    if said is not None and said.tier and words.tier(said.tier) is None:
        effects.append(UnknownWord("tier", said.tier))
    if not corrected:
        effects.append(Tally(Measure.INTERACTIONS, interaction.occurred_at, labels))
    state.threads, counted, thread = keep_conversation(state.threads, interaction, labels)
    effects += counted
    totals = state.totals
    state = keep_amount(state, interaction)
    added = value_change(totals, state.totals)
    state, counted = follow_conversation(state, thread)
    effects += counted
    state, answered = keep_score(state, interaction, labels, thread)
    effects += answered
    if changes:
        state.complaints, more = profile_changed(state.complaints, interaction, changes, rulebook)
        effects += more
    if added and state.complaints:
        state.complaints, more = value_changed(state.complaints, interaction, added, rulebook)
        effects += more
    before = state.complaints
    state.complaints, more = take_interaction(state, interaction, thread, labels, rulebook)
    effects += more
    opened = _opened_count(before, state.complaints)
    if opened:
        state.complaint_count += opened
        if state.pending:
            state, more = _retry_pending(state, rulebook)
            effects += more
    return Step(state, effects, admission)


def _opened_count(before: Sequence[ComplaintState], after: Sequence[ComplaintState]) -> int:
    """One at most: what is opened is put at the end."""
    if after is before or not after:
        return 0
    newest = after[-1].complaint.complaint_id
    for state in reversed(before):
        if state.complaint.complaint_id == newest:
            return 0
    return 1


def labels_for(state: CustomerState, interaction: Interaction, words: Words) -> Labels:
    """The table keys of an interaction: its channel, team and category, the customer's region and
    tier (in the words of the policy)."""
    return Labels(
        channel=interaction.channel,
        team=interaction.handed_to or interaction.team or interaction.actor.team or "",
        category=interaction.category or "",
        region=state.profile.region or "",
        tier=words.tier_of(state.profile.tier, state.totals),
    )


def _take_profile(state: CustomerState, interaction: Interaction, words: Words) -> dict[str, str]:
    """Take over what the publisher says of the customer; the newest by event time holds.

    Fills `state`, which must be the caller's own; returns what changed for the promises (tier,
    region).
    """
    at = interaction.occurred_at
    changes: dict[str, str] = {}
    if interaction.customer_name and (state.name_at is None or at >= state.name_at):
        state.name, state.name_at = interaction.customer_name, at
    said = interaction.customer_profile
    if said is not None and (state.profile_at is None or at >= state.profile_at):
        old = state.profile
        tier = said.tier
        if tier and old.tier and words.tier(tier) is None:
            tier = None  # nobody knows that word: what was said before still holds
        new = CustomerProfile(
            tier=tier or old.tier,
            region=said.region or old.region,
            timezone=said.timezone or old.timezone,
            language=said.language or old.language,
        )
        if (new.tier or Tier.COMMON) != (old.tier or Tier.COMMON):
            changes["tier"] = str(new.tier)
        if new.region != old.region:
            changes["region"] = str(new.region)
        state.profile, state.profile_at = new, at
    return changes


def _keep(state: CustomerState, interaction: Interaction, corrected: bool) -> None:
    """Note the interaction in memory, handles, channel use and timeline of the caller's own
    `state`."""
    at = interaction.occurred_at
    use = state.channels.get(interaction.channel)
    if use is None:
        use = ChannelUse(at, at, 1)
    else:
        use = ChannelUse(
            at if at < use.first_at else use.first_at,
            at if at > use.last_at else use.last_at,
            use.count + (not corrected),
        )
    state.channels = {**state.channels, interaction.channel: use}
    known = state.handles
    for handle in interaction.handles:
        if handle not in known:
            new = [handle for handle in interaction.handles if handle not in known]
            state.handles = [*known, *new][:HANDLES]
            break
    state.seen = remember(state.seen, interaction)
    state.interaction_count += not corrected
    if state.first_at is None or at < state.first_at:
        state.first_at = at
    if state.last_at is None or at > state.last_at:
        state.last_at = at
    state.last_received_at = interaction.received_at
    state.timeline = place(state.timeline, entry_of(interaction), corrected=corrected)


def _command(state: CustomerState, given: CommandGiven, rulebook: Rulebook, reread: bool) -> Step:
    if given.command_id in state.commands_seen:
        return Step(state, (), Admission.REPLAYED if reread else Admission.DUPLICATE)
    state = replace(state, commands_seen=[*state.commands_seen, given.command_id][-COMMANDS_SEEN:])
    done = take_command(state.complaints, given, rulebook)
    if done is None:
        return _kept_waiting(state, given)
    complaints, effects = done
    effects = [*effects, *_unknown_words(given, rulebook)]
    return Step(
        _with_tier(replace(state, complaints=complaints), given, rulebook),
        effects,
        Admission.ACCEPTED,
    )


def _unknown_words(given: CommandGiven, rulebook: Rulebook) -> list[Effect]:
    """Words of an order that mean nothing to the policy: they change nothing, and are reported."""
    command, words = given.command, rulebook.words_at(given.occurred_at)
    unknown: list[Effect] = []
    if command.severity and words.severity(command.severity) is None:
        unknown.append(UnknownWord("severity", command.severity))
    if command.tier and words.tier(command.tier) is None:
        unknown.append(UnknownWord("tier", command.tier))
    return unknown


def _with_tier(state: CustomerState, given: CommandGiven, rulebook: Rulebook) -> CustomerState:
    tier = given.command.tier
    if given.command.action is not Action.CHANGE or tier is None:
        return state
    if rulebook.words_at(given.occurred_at).tier(tier) is None:
        return state
    return replace(state, profile=replace(state.profile, tier=tier), profile_at=given.occurred_at)


def _kept_waiting(state: CustomerState, given: CommandGiven) -> Step:
    pending = [*state.pending, given]
    dropped = pending[:-PENDING_COMMANDS]
    state = replace(state, pending=pending[-PENDING_COMMANDS:])
    effects = [RejectCommand(old, RejectReason.NO_SUCH_COMPLAINT) for old in dropped]
    return Step(state, effects, Admission.ACCEPTED)


def _retry_pending(state: CustomerState, rulebook: Rulebook) -> tuple[CustomerState, list[Effect]]:
    """A complaint was opened: do what commands that came before it asked for."""
    effects: list[Effect] = []
    still: list[CommandGiven] = []
    for given in state.pending:
        done = take_command(state.complaints, given, rulebook)
        if done is None:
            still.append(given)
            continue
        complaints, more = done
        state = _with_tier(replace(state, complaints=complaints), given, rulebook)
        effects += more
    return replace(state, pending=still), effects


def _deadline(state: CustomerState, deadline: DeadlineReached, rulebook: Rulebook) -> Step:
    now = deadline.read_through_at
    complaints, effects = reach_deadline(state.complaints, now, rulebook)
    late = [given for given in state.pending if given.received_at + _WAITS <= now]
    if late:
        state = replace(state, pending=[given for given in state.pending if given not in late])
        effects = [
            *effects,
            *(RejectCommand(given, RejectReason.NO_SUCH_COMPLAINT) for given in late),
        ]
    return Step(replace(state, complaints=complaints), effects, Admission.ACCEPTED)


def _merged(state: CustomerState, event: CustomersMerged) -> Step:
    """Nothing joins customers yet: identity keeps them apart and reports the conflict instead."""
    return Step(state, (), Admission.ACCEPTED)
