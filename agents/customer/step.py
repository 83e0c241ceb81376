"""The customer step: one event of `customer-events.v1` folded into the customer's row.

`(state, event) -> (state, effects)`: pure, so the same log gives the same rows, alerts and tables,
whenever and however often it is replayed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from agents.complaints.retroactive import change_over
from agents.complaints.settle import Rulebook
from agents.complaints.step import next_wake, reach_deadline
from agents.customer.admission import Admission, admit, remember
from agents.customer.commands import fold_command
from agents.customer.matters import concern_complaints
from agents.customer.merging import (
    MERGING,
    take_command_of_merged,
    take_interaction_of_merged,
    take_relay,
)
from agents.customer.profile import labels_for, take_profile
from agents.customer.scores import follow_conversation, keep_score
from agents.customer.threads import keep_conversation
from agents.customer.timeline import entry_of, place
from agents.customer.value import keep_amount, value_change
from agents.effects import Effect, Measure, RejectCommand, Tally, UnknownWord
from schemas.command import CommandGiven
from schemas.customer import (
    COMMANDS_SEEN,
    HANDLES,
    PENDING_SECONDS,
    ChannelUse,
    CustomerState,
    PolicyEntry,
)
from schemas.events import DeadlineReached, OfCustomer, PolicyReached
from schemas.interaction import Interaction
from schemas.merging import Relay
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
    return Step(*take_relay(row, event, rulebook))


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
    return event.sent_at if isinstance(event, Relay) else event.received_at


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
    changes = take_profile(state, interaction, words)
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
    if state.merges is not None:
        state, more = take_interaction_of_merged(state, interaction, changes, added, rulebook)
        return Step(state, [*effects, *more], admission)
    state, more = concern_complaints(state, interaction, thread, labels, changes, added, rulebook)
    return Step(state, [*effects, *more], admission)


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
    if state.merges is not None or given.command.action in MERGING:
        return Step(*take_command_of_merged(state, given, rulebook), Admission.ACCEPTED)
    return Step(*fold_command(state, given, rulebook), Admission.ACCEPTED)


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
