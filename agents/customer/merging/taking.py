"""What the logs of other customers tell this one, and what it tells them of its own."""

from collections.abc import Mapping

from msgspec.structs import replace

from agents.complaints.settle import Rulebook
from agents.customer.admission import Admission
from agents.customer.merging.hosting import (
    fold_here,
    forget_guests,
    give_back,
    is_hosted,
    take_over,
    update_guest,
    way_to,
)
from agents.customer.merging.leaving import concern
from agents.customer.merging.outbox import Draft, guest_of
from agents.effects import Effect, RejectCommand
from schemas.customer import GUESTS, SENDERS, CustomerState, Held
from schemas.interaction import Interaction
from schemas.merging import (
    BetweenCustomers,
    ComplaintsMoved,
    CustomersMerged,
    Forwarded,
    MergeUndone,
)
from schemas.rejection import RejectReason


def take_interaction_of_merged(
    row: CustomerState,
    interaction: Interaction,
    changes: dict[str, str],
    added: Mapping[str, int],
    rulebook: Rulebook,
) -> tuple[CustomerState, list[Effect]]:
    """An interaction of a customer that was merged, or into whom others were, was taken in."""
    draft = Draft(row)
    concern(draft, Held(draft.id, interaction, changes, dict(added)), rulebook)
    return draft.row, draft.effects


def take_relay(
    row: CustomerState, event: BetweenCustomers, rulebook: Rulebook
) -> tuple[CustomerState, list[Effect], Admission]:
    """Fold what another customer's log says; what came before is recognised by its number."""
    draft = Draft(row)
    merges = draft.merges
    if event.number <= merges.received.get(event.sender, 0):
        return row, [], Admission.REPLAYED
    received = {**merges.received}
    received.pop(event.sender, None)
    received[event.sender] = event.number
    while len(received) > SENDERS:
        del received[next(iter(received))]
    merges.received = received
    match event:
        case CustomersMerged():
            _take_guests(draft, event)
        case ComplaintsMoved():
            _take_complaints(draft, event, rulebook)
        case Forwarded():
            _take_forwarded(draft, event, rulebook)
        case MergeUndone():
            _take_undone(draft, event, rulebook)
    return draft.row, draft.effects, Admission.ACCEPTED


def _take_guests(draft: Draft, event: CustomersMerged) -> None:
    merges = draft.merges
    new = {each.customer_id for each in event.belongings}
    guests = [
        *(guest for guest in merges.guests if guest.known.customer_id not in new),
        *(guest_of(each, event.merge_id, event.sender) for each in event.belongings),
    ]
    # Whom it refuses is no guest, so what follows goes back to where it came from.
    if merges.into:
        draft.effects.append(RejectCommand(event.command, RejectReason.INTO_MERGED))
    elif len(guests) > GUESTS:
        draft.effects.append(RejectCommand(event.command, RejectReason.TOO_MANY_MERGES))
    else:
        merges.guests = guests


def _take_complaints(draft: Draft, event: ComplaintsMoved, rulebook: Rulebook) -> None:
    merges = draft.merges
    at_home = event.merged_id == draft.id
    if not is_hosted(draft, event.merged_id):
        draft.pass_on(replace(event, returned=True), event.sender)
        return
    if event.origins and not at_home:  # undone: back the way it came
        draft.pass_on(event, way_to(draft, event.merged_id))
        if event.is_last:
            forget_guests(draft, event.origins)
        return
    if draft.is_away and not event.returned:
        draft.pass_on(event, merges.into)
        return
    take_over(draft, _of_ours(draft, event), rulebook)
    if at_home and event.is_last and event.merge_id == merges.merge_id:
        _be_oneself(draft, rulebook)


def _of_ours(draft: Draft, event: ComplaintsMoved) -> ComplaintsMoved:
    """Send on complaints of somebody whose merge was undone while they were on their way."""
    strangers = {
        state.origin
        for state in (*event.complaints, *(each.state for each in event.joined))
        if not is_hosted(draft, state.origin)
    }
    for origin in sorted(strangers):
        draft.pass_on(_only(event, {origin}, merged_id=origin), origin)
    if not strangers:
        return event
    ours = {state.origin for state in event.complaints} | {e.state.origin for e in event.joined}
    return _only(event, ours - strangers, merged_id=event.merged_id)


def _only(event: ComplaintsMoved, origins: set[str], *, merged_id: str) -> ComplaintsMoved:
    return replace(
        event,
        merged_id=merged_id,
        complaints=[state for state in event.complaints if state.origin in origins],
        joined=[each for each in event.joined if each.state.origin in origins],
        returned=True,
    )


def _be_oneself(draft: Draft, rulebook: Rulebook) -> None:
    """The merge is over: what waited for the complaints is folded here."""
    merges = draft.merges
    waiting, merges.held = merges.held, []
    merges.into, merges.merge_id, merges.leaving = "", "", False
    for held in waiting:
        if is_hosted(draft, held.origin):
            fold_here(draft, held, rulebook)
        else:
            draft.forward(held, held.origin, held.event.received_at)


def _take_forwarded(draft: Draft, event: Forwarded, rulebook: Rulebook) -> None:
    held = Held(event.origin, event.event, event.changes, event.added)
    if not is_hosted(draft, event.origin):
        draft.pass_on(event, event.sender)  # of a merge that was refused
        return
    update_guest(draft, held, rulebook)
    concern(draft, held, rulebook)


def _take_undone(draft: Draft, event: MergeUndone, rulebook: Rulebook) -> None:
    merges = draft.merges
    if event.merged_id == draft.id:
        if merges.leaving and event.merge_id == merges.merge_id:
            # Who has the complaints was on its own way here just then, and refused: ask again.
            draft.pass_on(event, merges.into)
        return
    if not is_hosted(draft, event.merged_id):
        # The merge was refused. Who asked for it has got everything back; who passes this on for
        # another has, too, and gives that one its own.
        if event.sender != event.merged_id:
            draft.pass_on(event, event.sender)
    elif draft.is_away:
        draft.pass_on(event, merges.into)
    else:
        way = way_to(draft, event.merged_id)
        forget_guests(draft, event.origins)
        give_back(draft, event, way, rulebook)
