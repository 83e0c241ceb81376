"""Scores in the customer's row: each answer is counted once, and taken back before a newer revision
counts."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from agents.effects import Effect, PublishScore, Tally
from agents.satisfaction.scores import read_score, slot
from schemas.customer import SCORE_DAYS, SCORES, CountedScore, CustomerState, Labels, Thread
from schemas.interaction import Interaction, SurveyRef
from schemas.satisfaction import SatisfactionScore, SurveyAnswer


def keep_score(
    state: CustomerState, interaction: Interaction, labels: Labels, thread: Thread | None
) -> tuple[CustomerState, list[Effect]]:
    """Count the score of `interaction`; a correction or a withdrawn answer takes the old one back.

    A survey answer judges the conversation it is about, so it is counted under that one's channel,
    team and category; an answer inside a conversation borrows only what it does not say itself.
    """
    if interaction.rating is None and not state.scores:
        return state, []
    held = next(
        (c for c in state.scores if c.score.interaction_id == interaction.interaction_id), None
    )
    if interaction.rating is None and held is None:
        return state, []
    effects: list[Effect] = [*_tallies(held, -1)]
    kept = [counted for counted in state.scores if counted is not held]
    rating = None if interaction.deleted else interaction.rating
    read = read_score(rating, interaction.interaction_id, interaction.occurred_at)
    if read.score is not None:
        survey = interaction.survey
        about = (survey.about_conversation if survey is not None else None) or ""
        judged = _find_judged(state.threads, about) if about else thread
        counted = CountedScore(read.score, _labels(labels, about, judged), labels, about)
        effects += _tallies(counted, +1)
        kept.append(counted)
        labels = counted.labels
    if read.score is not None or held is not None:
        effects.append(PublishScore(_answer(interaction, read.score, labels)))
    return replace(state, scores=_bounded(kept)), effects


def _answer(
    interaction: Interaction, score: SatisfactionScore | None, labels: Labels
) -> SurveyAnswer:
    survey = interaction.survey or SurveyRef()
    rating = interaction.rating
    return SurveyAnswer(
        interaction_id=interaction.interaction_id,
        customer_id=interaction.customer_id,
        answered_at=interaction.occurred_at,
        revision=interaction.revision,
        survey_id=survey.survey_id,
        response_id=survey.response_id,
        item=survey.question_id,
        about_conversation=survey.about_conversation,
        about_interaction=survey.about_interaction,
        about_order=survey.about_order,
        score=score,
        comment=rating.comment if rating is not None and score is not None else None,
        channel=labels.channel,
        team=labels.team,
        category=labels.category,
        region=labels.region,
        tier=labels.tier,
        quiet=interaction.quiet,
    )


def follow_conversation(
    state: CustomerState, thread: Thread | None
) -> tuple[CustomerState, list[Tally]]:
    """A conversation was learned or changed: move the scores that judge it to its cells."""
    if thread is None or not state.scores:
        return state, []
    tallies: list[Tally] = []
    scores = list(state.scores)
    for place, counted in enumerate(scores):
        if counted.about and is_about(thread, counted.about):
            labels = _labels(counted.said, counted.about, thread)
            if labels != counted.labels:
                scores[place] = replace(counted, labels=labels)
                tallies += [*_tallies(counted, -1), *_tallies(scores[place], +1)]
    return (replace(state, scores=scores), tallies) if tallies else (state, [])


def is_about(thread: Thread, conversation_id: str) -> bool:
    """Whether a survey's conversation id means this conversation; the survey has its own source."""
    return thread.key == conversation_id or thread.key.partition("|")[2] == conversation_id


def _find_judged(threads: Sequence[Thread], conversation_id: str) -> Thread | None:
    return next((t for t in reversed(threads) if is_about(t, conversation_id)), None)


def _labels(said: Labels, about: str, thread: Thread | None) -> Labels:
    if thread is None:
        return said
    if not about:
        return replace(
            said, team=said.team or thread.team, category=said.category or thread.category
        )
    return replace(
        said,
        channel=thread.channel or said.channel,
        team=thread.team or said.team,
        category=thread.category or said.category,
    )


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
    return [Tally(measure, score.rated_at, counted.labels, value, count)]
