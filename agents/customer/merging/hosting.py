"""The customer who goes on: it has the complaints of everybody who was merged into it."""

from collections.abc import Collection, Iterable
from copy import copy
from datetime import datetime

from msgspec.structs import replace

from agents.complaints.joining import by_itself, find_pair, join, mirror, redirected, without
from agents.complaints.retroactive import change_over
from agents.complaints.settle import Rulebook, settle
from agents.customer.commands import fold_command, retry_pending
from agents.customer.matters import concern_complaints
from agents.customer.merging.outbox import Draft
from agents.customer.profile import labels_for, over, take_profile
from agents.customer.threads import find_thread, keep_conversation
from agents.customer.value import keep_amount
from schemas.command import CommandGiven
from schemas.customer import (
    ComplaintState,
    CustomerState,
    Guest,
    Held,
    JoinedComplaint,
    Thread,
)
from schemas.interaction import Interaction
from schemas.merging import ComplaintsMoved, MergeUndone


def whole_of(row: CustomerState, guests: Iterable[Guest]) -> CustomerState:
    """The customer with everybody who was merged into it, as far as complaints depend on it."""
    everybody = [*(guest.known for guest in guests), row]
    if len(everybody) == 1:
        return row
    whole = copy(row)
    whole.threads = [thread for one in everybody for thread in one.threads]
    whole.amounts = sorted((a for one in everybody for a in one.amounts), key=lambda a: a.at)
    totals: dict[str, int] = {}
    for one in everybody:
        for currency, minor in one.totals.items():
            totals[currency] = totals.get(currency, 0) + minor
    whole.totals = totals
    said = sorted(
        (one for one in everybody if one.profile_at is not None),
        key=lambda one: (one.profile_at, one.customer_id),
    )
    for one in said:  # the newest word holds; what it leaves open was said before
        whole.profile, whole.profile_at = (
            over(whole.profile, one.profile, one.profile.tier),
            one.profile_at,
        )
    return whole


def update_guest(draft: Draft, held: Held, rulebook: Rulebook) -> None:
    """Take into what is known of a guest what happened to it."""
    event, merges = held.event, draft.merges
    if not isinstance(event, Interaction):
        return
    merges.guests = [
        replace(guest, known=_known_after(guest.known, event, rulebook))
        if guest.known.customer_id == held.origin
        else guest
        for guest in merges.guests
    ]


def _known_after(
    known: CustomerState, interaction: Interaction, rulebook: Rulebook
) -> CustomerState:
    known = copy(known)
    words = rulebook.words_at(interaction.occurred_at)
    take_profile(known, interaction, words)
    labels = labels_for(known, interaction, words)
    known.threads, _, _ = keep_conversation(known.threads, interaction, labels)
    # Counted by its own customer: here only what was said and bought matters.
    return replace(keep_amount(known, interaction), name="", name_at=None)


def fold_here(draft: Draft, held: Held, rulebook: Rulebook) -> None:
    """Fold something that happened to this customer or a guest into the complaints of all."""
    row, merges, event = draft.row, draft.merges, held.event
    before = row.complaints
    if isinstance(event, CommandGiven):
        row, effects = fold_command(row, _meant(merges.joined, event), rulebook)
    else:
        whole = whole_of(row, merges.guests)
        row, effects = concern_complaints(
            row,
            event,
            _thread_of(draft, held.origin, event),
            labels_for(whole, event, rulebook.words_at(event.occurred_at)),
            held.changes,
            held.added,
            rulebook,
            whole,
        )
    draft.row = row
    draft.effects += effects
    origin = "" if held.origin == draft.id else held.origin
    if origin:
        known = {state.complaint.complaint_id for state in before}
        row.complaints = [
            state if state.complaint.complaint_id in known else replace(state, origin=origin)
            for state in row.complaints
        ]
    if merges.joined:
        merges.joined = mirror(merges.joined, before, row.complaints, origin)


def _meant(joined: Iterable[JoinedComplaint], given: CommandGiven) -> CommandGiven:
    """A command that names a complaint which joined another means the other."""
    named = given.command.complaint_id
    if named is None:
        return given
    into = redirected(list(joined), named)
    return replace(given, command=replace(given.command, complaint_id=into))


def _thread_of(draft: Draft, origin: str, interaction: Interaction) -> Thread | None:
    """The conversation it belongs to, among those of the customer it happened to."""
    threads = draft.row.threads
    for guest in draft.merges.guests:
        if guest.known.customer_id == origin:
            threads = guest.known.threads
    key = interaction.conversation_key or interaction.interaction_id
    own = next((thread for thread in reversed(threads) if thread.key == key), None)
    return own or find_thread(threads, interaction)


def is_hosted(draft: Draft, origin: str) -> bool:
    """Whether complaints of this customer are looked after here."""
    return origin == draft.id or any(g.known.customer_id == origin for g in draft.merges.guests)


def way_to(draft: Draft, origin: str) -> str:
    """To whom what is for a guest is sent: the guest, or who told of it."""
    return next(g.via for g in draft.merges.guests if g.known.customer_id == origin)


def take_over(draft: Draft, moved: ComplaintsMoved, rulebook: Rulebook) -> None:
    """Have complaints from now on: under this customer's name, counted here, and joined with those
    about the same matter."""
    row, merges = draft.row, draft.merges
    for state in moved.complaints:
        _add(draft, _owned(draft, state), moved, rulebook)
    for each in moved.joined:
        merges.joined = [*merges.joined, replace(each, state=_owned(draft, each.state))]
    row.complaint_count += len(moved.complaints) + len(moved.joined)
    _join_all(draft, moved.merge_id, moved.sent_at, rulebook)
    if row.complaints and row.pending:
        draft.row, more = retry_pending(row, rulebook)
        draft.effects += more


def _owned(draft: Draft, state: ComplaintState) -> ComplaintState:
    return replace(state, origin="" if state.origin == draft.id else state.origin)


def _add(draft: Draft, state: ComplaintState, moved: ComplaintsMoved, rulebook: Rulebook) -> None:
    row, book = draft.row, rulebook.book
    renamed = replace(state, complaint=replace(state.complaint, customer_id=draft.id))
    settled, effects = settle(
        renamed, [], rulebook, moved.sent_at, fire=False, published=state.complaint
    )
    draft.effects += effects
    retroactive = None if book is None else book.retroactive
    if retroactive is not None and (
        moved.policy_at is None or moved.policy_at < retroactive.published_at
    ):  # this partition was told of a version that the other was not
        [settled], effects = change_over([settled], retroactive.version, moved.sent_at, rulebook)
        draft.effects += effects
    row.complaints = [*row.complaints, settled]


def _join_all(draft: Draft, merge_id: str, at: datetime, rulebook: Rulebook) -> None:
    while (pair := find_pair(draft.row.complaints, rulebook)) is not None:
        earlier, later = pair
        _part(draft, later, draft.merges.joined, at, rulebook)
        later = _of_id(draft, later.complaint.complaint_id)
        kept, aside, effects = join(earlier, later, merge_id, at, rulebook)
        draft.effects += effects
        draft.row.complaints = [
            kept if state is earlier else state
            for state in draft.row.complaints
            if state is not later
        ]
        draft.merges.joined = [*draft.merges.joined, aside]


def _part(
    draft: Draft,
    state: ComplaintState,
    parting: Iterable[JoinedComplaint],
    at: datetime,
    rulebook: Rulebook,
) -> None:
    """Let those of `parting` that joined `state` stand by themselves again, in this row."""
    mine = [each for each in parting if each.into == state.complaint.complaint_id]
    if not mine:
        return
    bare = state
    for each in mine:
        bare = without(bare, each)
    settled, effects = settle(bare, [], rulebook, at, fire=False, published=state.complaint)
    draft.effects += effects
    complaints = [settled if one is state else one for one in draft.row.complaints]
    for each in mine:
        alone, effects = settle(
            by_itself(each), [], rulebook, at, fire=False, published=each.state.complaint
        )
        draft.effects += effects
        complaints.append(alone)
    draft.row.complaints = complaints
    draft.merges.joined = [each for each in draft.merges.joined if each not in mine]


def _of_id(draft: Draft, complaint_id: str) -> ComplaintState:
    return next(c for c in draft.row.complaints if c.complaint.complaint_id == complaint_id)


def give_back(draft: Draft, undone: MergeUndone, way: str, rulebook: Rulebook) -> None:
    """Send the complaints of `origins` back by `way`; what had joined across comes apart."""
    merges, gone = draft.merges, set(undone.origins)
    for state in list(draft.row.complaints):
        crossing = [
            each for each in merges.joined if (each.state.origin in gone) != (state.origin in gone)
        ]
        _part(draft, state, crossing, undone.sent_at, rulebook)
    row = draft.row
    leaving = [state for state in row.complaints if state.origin in gone]
    aside = [each for each in merges.joined if each.state.origin in gone]
    row.complaints = [state for state in row.complaints if state.origin not in gone]
    merges.joined = [each for each in merges.joined if each.state.origin not in gone]
    _join_all(draft, undone.merge_id, undone.sent_at, rulebook)  # what is left may be one matter
    draft.send_complaints(
        ComplaintsMoved(
            customer_id=way,
            sender=draft.id,
            sent_at=undone.sent_at,
            merge_id=undone.merge_id,
            merged_id=undone.merged_id,
            returned=True,
            origins=undone.origins,
        ),
        leaving,
        aside,
    )


def forget_guests(draft: Draft, origins: Collection[str]) -> None:
    """They are no guests any more."""
    merges = draft.merges
    merges.guests = [g for g in merges.guests if g.known.customer_id not in origins]
