"""What an interaction means for the complaints of its customer, once the row has taken it in."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from agents.complaints.changes import profile_changed, value_changed
from agents.complaints.settle import Rulebook
from agents.complaints.step import take_interaction
from agents.customer.commands import retry_pending
from agents.effects import Effect
from schemas.customer import ComplaintState, CustomerState, Labels, Thread
from schemas.interaction import Interaction


def concern_complaints(
    state: CustomerState,
    interaction: Interaction,
    thread: Thread | None,
    labels: Labels,
    changes: dict[str, str],
    added: Mapping[str, int],
    rulebook: Rulebook,
    whole: CustomerState | None = None,
) -> tuple[CustomerState, list[Effect]]:
    """Fold an interaction into the complaints of the caller's own `state`.

    `changes` and `added` are what it changed of the customer: tier and region, purchases by
    currency. `whole` is the customer with everybody who was merged into it, where somebody was.
    """
    effects: list[Effect] = []
    if changes:
        state.complaints, more = profile_changed(state.complaints, interaction, changes, rulebook)
        effects += more
    if added and state.complaints:
        state.complaints, more = value_changed(state.complaints, interaction, added, rulebook)
        effects += more
    before = state.complaints
    customer = state if whole is None else replace(whole, complaints=before)
    state.complaints, more = take_interaction(customer, interaction, thread, labels, rulebook)
    effects += more
    opened = _opened_count(before, state.complaints)
    if opened:
        state.complaint_count += opened
        if state.pending:
            state, more = retry_pending(state, rulebook)
            effects += more
    return state, effects


def _opened_count(before: Sequence[ComplaintState], after: Sequence[ComplaintState]) -> int:
    """One at most: what is opened is put at the end."""
    if after is before or not after:
        return 0
    newest = after[-1].complaint.complaint_id
    for state in reversed(before):
        if state.complaint.complaint_id == newest:
            return 0
    return 1
