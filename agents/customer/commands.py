"""Commands of staff, folded into the customer's row: done at once, or kept until their complaint is
there."""

from msgspec.structs import replace

from agents.complaints.commands import take_command
from agents.complaints.settle import Rulebook
from agents.effects import Effect, RejectCommand, UnknownWord
from schemas.command import Action, CommandGiven
from schemas.customer import PENDING_COMMANDS, CustomerState
from schemas.rejection import RejectReason


def fold_command(
    state: CustomerState, given: CommandGiven, rulebook: Rulebook
) -> tuple[CustomerState, list[Effect]]:
    """Do what a command says; one that no complaint answers to yet waits."""
    done = take_command(state.complaints, given, rulebook)
    if done is None:
        return _kept_waiting(state, given)
    complaints, effects = done
    state = _with_tier(replace(state, complaints=complaints), given, rulebook)
    return state, [*effects, *_unknown_words(given, rulebook)]


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


def _kept_waiting(state: CustomerState, given: CommandGiven) -> tuple[CustomerState, list[Effect]]:
    pending = [*state.pending, given]
    dropped = pending[:-PENDING_COMMANDS]
    state = replace(state, pending=pending[-PENDING_COMMANDS:])
    return state, [RejectCommand(old, RejectReason.NO_SUCH_COMPLAINT) for old in dropped]


def retry_pending(state: CustomerState, rulebook: Rulebook) -> tuple[CustomerState, list[Effect]]:
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
