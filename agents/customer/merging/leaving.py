"""The customer that goes: commands to merge it, and to take that back."""

import msgspec

from agents.complaints.settle import Rulebook
from agents.customer.merging.hosting import fold_here
from agents.customer.merging.outbox import Draft, belongings_of
from agents.effects import Effect, RejectCommand
from schemas.command import Action, CommandGiven
from schemas.customer import HELD, CustomerState, Held
from schemas.merging import ComplaintsMoved, CustomersMerged, MergeUndone
from schemas.rejection import RejectReason

MERGING = frozenset({Action.MERGE, Action.UNMERGE})
"""Commands about the customer, not about a complaint."""

BELONGINGS_BYTES = 4_194_304
"""Largest record of what is known of a customer and its guests: half of what the topic takes."""


def take_command_of_merged(
    row: CustomerState, given: CommandGiven, rulebook: Rulebook
) -> tuple[CustomerState, list[Effect]]:
    """Fold a command about a customer that is, was or shall be merged with another."""
    draft = Draft(row)
    match given.command.action:
        case Action.MERGE:
            _merge(draft, given)
        case Action.UNMERGE:
            _unmerge(draft, given)
        case _:
            concern(draft, Held(draft.id, given), rulebook)
    return draft.row, draft.effects


def concern(draft: Draft, held: Held, rulebook: Rulebook) -> None:
    """Something may concern complaints: fold it here, send it to who has them, or let it wait."""
    merges = draft.merges
    if draft.is_away:
        draft.forward(held, merges.into, held.event.received_at)
    elif merges.leaving:
        merges.held = [*merges.held, held]
        if len(merges.held) > HELD:
            oldest, *merges.held = merges.held
            fold_here(draft, oldest, rulebook)
    else:
        fold_here(draft, held, rulebook)


def _merge(draft: Draft, given: CommandGiven) -> None:
    merges, into = draft.merges, given.command.into or ""
    if merges.into == into and draft.is_away:
        return  # done already
    reason = _refusal(draft, into)
    arrival = CustomersMerged(
        customer_id=into,
        sender=draft.id,
        sent_at=given.received_at,
        merge_id=given.command_id,
        merged_id=draft.id,
        command=given,
        belongings=[
            belongings_of(draft.row),
            *(belongings_of(guest.known) for guest in merges.guests),
        ],
    )
    if reason is None and len(msgspec.json.encode(arrival)) > BELONGINGS_BYTES:
        reason = RejectReason.TOO_LARGE
    if reason is not None:
        draft.effects.append(RejectCommand(given, reason))
        return
    row = draft.row
    merges.into, merges.merge_id = into, given.command_id
    draft.send(arrival)
    shape = ComplaintsMoved(
        customer_id=into,
        sender=draft.id,
        sent_at=given.received_at,
        merge_id=given.command_id,
        merged_id=draft.id,
    )
    draft.send_complaints(shape, row.complaints, merges.joined)
    for waiting in row.pending:
        draft.forward(Held(draft.id, waiting), into, given.received_at)
    row.complaints, row.pending, merges.joined = [], [], []


def _refusal(draft: Draft, into: str) -> RejectReason | None:
    if not into:
        return RejectReason.MISSING_FIELD
    if into == draft.id:
        return RejectReason.SAME_CUSTOMER
    if draft.merges.into:
        return RejectReason.ALREADY_MERGED
    if any(guest.known.customer_id == into for guest in draft.merges.guests):
        return RejectReason.MERGED_IN_A_CIRCLE
    return None


def _unmerge(draft: Draft, given: CommandGiven) -> None:
    merges = draft.merges
    if merges.leaving:
        return  # asked for already
    if not merges.into:
        draft.effects.append(RejectCommand(given, RejectReason.NOT_MERGED))
        return
    merges.leaving = True
    draft.send(
        MergeUndone(
            customer_id=merges.into,
            sender=draft.id,
            sent_at=given.received_at,
            merge_id=merges.merge_id,
            merged_id=draft.id,
            origins=[draft.id, *(guest.known.customer_id for guest in merges.guests)],
        )
    )
