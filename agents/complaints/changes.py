"""What happens to complaints that are there: facts join their history, and promises follow.

A hand-over to another team, a customer of another tier or region, a purchase that makes a tier, a
message that shows it is worse than it first seemed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from agents.complaints.lifecycle import TEAM
from agents.complaints.matter import find_for_hand_over, is_open
from agents.complaints.opening import Finding
from agents.complaints.settle import Rulebook, settle
from agents.complaints.sla.vocabulary import SEVERITY_AT_LEAST
from agents.customer.value import value_event
from agents.effects import Effect
from schemas.clock import ComplaintEvent, ComplaintEventKind
from schemas.customer import ComplaintState
from schemas.interaction import Interaction


def event_of(
    interaction: Interaction, what: ComplaintEventKind, at: datetime, suffix: str = ""
) -> ComplaintEvent:
    """A fact of the complaint's history that an interaction tells; `suffix` tells several apart."""
    return ComplaintEvent(
        at,
        interaction.interaction_id + suffix,
        what,
        sequence=interaction.sequence or 0,
        channel=interaction.channel,
    )


def put(
    complaints: list[ComplaintState],
    old: ComplaintState,
    new: ComplaintState,
    events: Sequence[ComplaintEvent],
    rulebook: Rulebook,
    interaction: Interaction,
) -> list[Effect]:
    """Put the complaint in the place of the old one, with what follows from the new events."""
    settled, effects = settle(
        new, events, rulebook, interaction.received_at, fire=False, published=old.complaint
    )
    complaints[_index(complaints, old)] = settled
    return effects


def _index(complaints: Sequence[ComplaintState], state: ComplaintState) -> int:
    for place, other in enumerate(complaints):
        if other is state:
            return place
    raise LookupError(f"{state.complaint.complaint_id} is none of these complaints")


def raised(
    state: ComplaintState, interaction: Interaction, finding: Finding | None, at: datetime
) -> list[ComplaintEvent]:
    """A later message may show that it is worse than the first one said; from then on it is."""
    if finding is None or finding.severity is None or finding.severity == state.context.severity:
        return []
    event = event_of(interaction, ComplaintEventKind.CHANGED, at, ":s")
    return [replace(event, changes={SEVERITY_AT_LEAST: finding.severity.value})]


def handed_over(
    complaints: list[ComplaintState], interaction: Interaction, team: str, rulebook: Rulebook
) -> list[Effect]:
    """The interaction says that another team has the matter from here on."""
    state = find_for_hand_over(complaints, interaction, rulebook.rules)
    if state is None:
        return []
    event = replace(
        event_of(interaction, ComplaintEventKind.CHANGED, interaction.occurred_at, ":h"),
        changes={TEAM: team},
    )
    return put(complaints, state, state, [event], rulebook, interaction)


def profile_changed(
    complaints: Sequence[ComplaintState],
    interaction: Interaction,
    changes: dict[str, str],
    rulebook: Rulebook,
) -> tuple[list[ComplaintState], list[Effect]]:
    """The customer's tier or region changed: open complaints follow the promise that holds from
    then on."""
    kept, effects = list(complaints), []
    for state in complaints:
        if is_open(state):
            event = ComplaintEvent(
                interaction.occurred_at,
                f"{interaction.interaction_id}:p",
                ComplaintEventKind.CHANGED,
                sequence=interaction.sequence or 0,
                changes=changes,
            )
            effects += put(kept, state, state, [event], rulebook, interaction)
    return kept, effects


def value_changed(
    complaints: Sequence[ComplaintState],
    interaction: Interaction,
    added: Mapping[str, int],
    rulebook: Rulebook,
) -> tuple[list[ComplaintState], list[Effect]]:
    """The customer bought something or gave it back: tiers by value follow, from then on."""
    kept, effects = list(complaints), []
    for state in complaints:
        if is_open(state):
            name, at = interaction.interaction_id, interaction.occurred_at
            event = value_event(name, at, added, state.history)
            effects += put(kept, state, state, [event], rulebook, interaction)
    return kept, effects
