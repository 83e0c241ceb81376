"""Commands: what staff told manyi to do, as events of a complaint's history."""

from collections.abc import Sequence

from msgspec.structs import replace

from agents.complaints.lifecycle import CAUSE, OWNER, PRIORITY, TEAM
from agents.complaints.matter import find_for_command
from agents.complaints.settle import Rulebook, settle
from agents.effects import Effect
from schemas.clock import ComplaintEvent, ComplaintEventKind
from schemas.command import Action, CommandGiven
from schemas.customer import ComplaintState

_COMMAND_EVENTS = {
    Action.ACKNOWLEDGE: ComplaintEventKind.ACKNOWLEDGED,
    Action.ASSIGN: ComplaintEventKind.CHANGED,
    Action.PAUSE: ComplaintEventKind.PAUSED,
    Action.RESUME: ComplaintEventKind.RESUMED,
    Action.RESOLVE: ComplaintEventKind.RESOLVED,
    Action.REOPEN: ComplaintEventKind.REOPENED,
    Action.SET_PRIORITY: ComplaintEventKind.CHANGED,
    Action.SET_CAUSE: ComplaintEventKind.CHANGED,
    Action.CHANGE: ComplaintEventKind.CHANGED,
}


def take_command(
    complaints: Sequence[ComplaintState], given: CommandGiven, rulebook: Rulebook
) -> tuple[list[ComplaintState], list[Effect]] | None:
    """Do what a command says; None where no complaint of the customer is meant by it."""
    command = given.command
    state = find_for_command(complaints, command)
    if state is None:
        return None
    if command.action is Action.COMMENT:
        return list(complaints), []
    event = ComplaintEvent(
        given.occurred_at,
        given.command_id,
        _COMMAND_EVENTS[command.action],
        reason=command.reason or "",
        changes=_changes_of(given),
    )
    if not command.quiet and state.complaint.quiet:
        state_now = replace(state, complaint=replace(state.complaint, quiet=False))
    else:
        state_now = state
    kept = list(complaints)
    settled, effects = settle(
        state_now, [event], rulebook, given.received_at, fire=False, published=state.complaint
    )
    kept[kept.index(state)] = settled
    return kept, effects


def _changes_of(given: CommandGiven) -> dict[str, str]:
    command = given.command
    changes = {
        OWNER: command.owner,
        TEAM: command.team,
        PRIORITY: command.priority,
        CAUSE: command.cause,
        "severity": command.severity,
        "category": command.category,
        "tier": command.tier,
    }
    return {name: str(value) for name, value in changes.items() if value is not None}
