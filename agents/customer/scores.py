"""Scores in the customer's row: each answer is counted once, and taken back before a newer revision
counts."""

from datetime import timedelta

from msgspec.structs import replace

from agents.customer.threads import labels_of
from agents.effects import Tally
from agents.satisfaction.scores import read_score, slot
from schemas.customer import SCORE_DAYS, SCORES, CountedScore, CustomerState, Labels, Thread
from schemas.interaction import Interaction
from schemas.satisfaction import SatisfactionScore


def keep_score(
    state: CustomerState, interaction: Interaction, labels: Labels, thread: Thread | None
) -> tuple[CustomerState, list[Tally]]:
    """Count the score of `interaction`; a correction or a withdrawn answer takes the old one back.

    An answer that names no team or category is about the conversation it belongs to.
    """
    held = next(
        (c for c in state.scores if c.score.interaction_id == interaction.interaction_id), None
    )
    if interaction.rating is None and held is None:
        return state, []
    tallies = _tallies(held, -1)
    kept = [counted for counted in state.scores if counted is not held]
    rating = None if interaction.deleted else interaction.rating
    read = read_score(rating, interaction.interaction_id, interaction.occurred_at)
    if read.score is not None:
        if thread is not None:
            labels = replace(
                labels,
                team=labels.team or thread.team,
                category=labels.category or thread.category,
            )
        counted = CountedScore(read.score, labels)
        tallies += _tallies(counted, +1)
        kept.append(counted)
    return replace(state, scores=_bounded(kept)), tallies


def _bounded(scores: list[CountedScore]) -> list[CountedScore]:
    """The newest scores of the last `SCORE_DAYS`; older ones stay counted, but can no longer
    change."""
    if not scores:
        return scores
    newest = max(counted.score.rated_at for counted in scores)
    oldest = newest - timedelta(days=SCORE_DAYS)
    return [counted for counted in scores if counted.score.rated_at >= oldest][-SCORES:]


def _tallies(counted: CountedScore | None, count: int) -> list[Tally]:
    if counted is None:
        return []
    score: SatisfactionScore = counted.score
    measure, value, _ = slot(score)
    if measure is None:
        return []
    return [Tally(measure, score.rated_at, labels_of(counted.labels), value, count)]
