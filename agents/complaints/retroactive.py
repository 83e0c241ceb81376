"""A version of the policy that reaches back: what is open is judged anew."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from agents.complaints.matter import is_open
from agents.complaints.settle import Rulebook, settle
from agents.effects import Effect
from schemas.customer import ComplaintState


def change_over(
    complaints: Sequence[ComplaintState], version: str, now: datetime, rulebook: Rulebook
) -> tuple[list[ComplaintState], list[Effect]]:
    """A retroactive version takes hold: what is open is judged by it from its very beginning.

    What is resolved keeps its verdicts, and its version, should it be opened again.
    """
    kept: list[ComplaintState] = []
    effects: list[Effect] = []
    for state in complaints:
        if not is_open(state) or state.policy == version:
            kept.append(state)
            continue
        moved = replace(state, policy=version)
        settled, more = settle(moved, [], rulebook, now, fire=False)
        kept.append(settled)
        effects += more
    return kept, effects
