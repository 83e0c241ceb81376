"""Which complaint is an interaction about? The channel must make no difference.

Same matter = same conversation, mail thread or order reference. Failing that, the same category
within N days. Something that names no matter of its own is about what is open.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from agents.complaints.rules import ComplaintRules
from schemas.command import Command
from schemas.complaint import Complaint, Stage
from schemas.customer import ComplaintState
from schemas.interaction import Interaction


class Match(StrEnum):
    """Why an interaction belongs to a complaint."""

    CONVERSATION = "conversation"
    REFERENCE = "reference"
    CATEGORY = "category"
    NOTHING_ELSE = "nothing_else"
    """The interaction names no matter of its own."""


_ENDED = (Stage.RESOLVED, Stage.CLOSED)


def is_open(complaint: ComplaintState) -> bool:
    """Open until resolved."""
    return complaint.complaint.stage not in _ENDED


def match(
    state: ComplaintState, interaction: Interaction, category: str, rules: ComplaintRules
) -> Match | None:
    """Decide whether `interaction` is about this complaint, and why."""
    complaint = state.complaint
    key, parents, refs = (
        interaction.conversation_key,
        interaction.parent_keys,
        interaction.matter_refs,
    )
    if key in complaint.conversation_keys:
        return Match.CONVERSATION
    if parents and not set(parents).isdisjoint(complaint.conversation_keys):
        return Match.CONVERSATION
    if refs and complaint.matter_refs:
        # Both name their matter: it is the same, or it is not.
        same = not set(refs).isdisjoint(complaint.matter_refs)
        return Match.REFERENCE if same else None
    if category and complaint.category:
        same = category == complaint.category and _is_near(complaint, interaction, rules)
        return Match.CATEGORY if same else None
    if refs or category:
        return None
    names_nothing = key is None and not parents
    if names_nothing or _is_near(complaint, interaction, rules):
        return Match.NOTHING_ELSE
    return None


def _is_near(complaint: Complaint, interaction: Interaction, rules: ComplaintRules) -> bool:
    last_at = complaint.last_contact_at or complaint.opened_at
    return abs(last_at - interaction.occurred_at) <= timedelta(days=rules.same_category_days)


_STRENGTH = {
    Match.CONVERSATION: 3,
    Match.REFERENCE: 2,
    Match.CATEGORY: 1,
    Match.NOTHING_ELSE: 0,
}


def find_for_customer(
    states: Sequence[ComplaintState], interaction: Interaction, category: str, rules: ComplaintRules
) -> tuple[ComplaintState, Match] | None:
    """The complaint a customer's word is about: the strongest match, open before resolved, newest
    first.

    A resolved complaint is only reached by a positive match or by a message outside any
    conversation: a new conversation that names nothing is a new matter once the old one is settled.
    """
    candidates = []
    for state in states:
        found = match(state, interaction, category, rules)
        if found is None or state.complaint.stage is Stage.CLOSED:
            continue
        if not is_open(state) and found is Match.NOTHING_ELSE and interaction.conversation_key:
            continue
        candidates.append(
            (_STRENGTH[found], is_open(state), state.complaint.opened_at, state, found)
        )
    if not candidates:
        return None
    best = max(candidates, key=lambda c: c[:3])
    return best[3], best[4]


def find_for_answer(
    states: Sequence[ComplaintState], interaction: Interaction, category: str, rules: ComplaintRules
) -> ComplaintState | None:
    """The complaint a representative's answer is about.

    A positive match wins. An answer that names nothing is about the complaint that has waited
    longest for one.
    """
    matches = [
        (_STRENGTH[found], state)
        for state in states
        if (found := match(state, interaction, category, rules)) is not None
    ]
    positive = [(strength, state) for strength, state in matches if strength > 0]
    if positive:
        return max(
            positive, key=lambda pair: (pair[0], is_open(pair[1]), pair[1].complaint.opened_at)
        )[1]
    waiting = [state for _, state in matches if is_open(state)]
    return _waiting_longest(waiting)


def find_for_hand_over(
    states: Sequence[ComplaintState], interaction: Interaction, rules: ComplaintRules
) -> ComplaintState | None:
    """The complaint that goes to another team: only what names its conversation or matter moves
    it."""
    named = [
        (_STRENGTH[found], is_open(state), state.complaint.opened_at, state)
        for state in states
        if (found := match(state, interaction, "", rules)) in (Match.CONVERSATION, Match.REFERENCE)
    ]
    return max(named, key=lambda found: found[:3])[3] if named else None


def _waiting_longest(states: Iterable[ComplaintState]) -> ComplaintState | None:
    def rank(state: ComplaintState) -> tuple[bool, datetime]:
        complaint = state.complaint
        return (complaint.first_response_at is not None, complaint.opened_at)

    return min(states, key=rank, default=None)


def find_for_command(states: Sequence[ComplaintState], command: Command) -> ComplaintState | None:
    """The complaint a command names, else the customer's newest open one, else the newest of
    all."""
    if command.complaint_id is not None:
        return _first(states, lambda c: c.complaint.complaint_id == command.complaint_id)
    refs = {f"{ref.kind}:{ref.value}" for ref in command.refs}
    if refs:
        return _first(states, lambda c: not refs.isdisjoint(c.complaint.matter_refs))
    if command.conversation_id is not None:
        key = f"{command.source}|{command.conversation_id}"
        return _first(states, lambda c: key in c.complaint.conversation_keys)
    newest = sorted(states, key=lambda c: (is_open(c), c.complaint.opened_at))
    return newest[-1] if newest else None


def _first(
    states: Sequence[ComplaintState], test: Callable[[ComplaintState], bool]
) -> ComplaintState | None:
    return next((state for state in reversed(states) if test(state)), None)
