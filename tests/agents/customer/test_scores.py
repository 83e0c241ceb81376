"""A score counts once, under the conversation it judges, whatever comes first."""

from collections import Counter
from itertools import permutations
from typing import Any

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy
from agents.customer.step import step
from agents.effects import Measure, PublishScore, Tally
from schemas.common import Actor, ActorType, Channel, Instrument, Rating
from schemas.customer import CustomerState
from schemas.interaction import Interaction, SurveyRef
from tests.builders import an_answer, an_interaction, at

RULEBOOK = Rulebook(Plan(default_policy()), ComplaintRules())


def csat_by(label: str, *interactions: Interaction) -> dict[tuple[str, Any], int]:
    """CSAT counts by one label."""
    state: CustomerState | None = None
    totals: Counter[tuple[str, Any]] = Counter()
    for interaction in interactions:
        result = step(state, interaction, RULEBOOK)
        state = result.state
        for effect in result.effects:
            if isinstance(effect, Tally) and effect.measure is Measure.CSAT:
                totals[getattr(effect.labels, label), effect.value] += effect.count
    return {what: count for what, count in totals.items() if count}


def an_answered_survey(score: float, **fields: Any) -> Interaction:
    """A survey on the web about the call `c1` of another system."""
    defaults: dict[str, Any] = {
        "channel": Channel.WEB,
        "kind": "survey_answer",
        "source": "surveys",
        "contact_at": None,
        "rating": Rating(Instrument.CSAT, score, 1, 5),
        "survey": SurveyRef(survey_id="csat", about_conversation="c1"),
    }
    return an_interaction("survey", at("12:00"), **(defaults | fields))


CALL = an_interaction(
    "call", at("09:00"), channel=Channel.PHONE, conversation_key="pbx|c1", category="delivery"
)
ANSWERED = an_answer(
    "answered",
    at("09:01"),
    channel=Channel.PHONE,
    conversation_key="pbx|c1",
    actor=Actor(ActorType.HUMAN, team="gold"),
    team="gold",
)


def test_a_survey_counts_for_the_conversation_it_judges() -> None:
    """The caller judged the phone and the team that answered, not the web form."""
    for order in permutations((CALL, ANSWERED, an_answered_survey(4))):
        assert csat_by("channel", *order) == {("phone", 4.0): 1}
        assert csat_by("team", *order) == {("gold", 4.0): 1}
        assert csat_by("category", *order) == {("delivery", 4.0): 1}


def test_a_survey_about_nothing_known_counts_where_it_came_in() -> None:
    """Nothing is guessed."""
    assert csat_by("channel", an_answered_survey(4)) == {("web", 4.0): 1}


def test_a_changed_answer_counts_once() -> None:
    """A higher revision takes the old score back before the new one counts."""
    changed = an_answered_survey(2, revision=2)
    assert csat_by("channel", an_answered_survey(5), CALL, changed) == {("phone", 2.0): 1}


def test_a_withdrawn_answer_counts_no_more() -> None:
    """Deleted is taken back."""
    gone = an_answered_survey(5, revision=2, deleted=True)
    assert csat_by("channel", an_answered_survey(5), gone) == {}


def test_every_answer_is_published_once_a_revision() -> None:
    """A warehouse can follow: the score, its correction, its withdrawal."""
    answers = [
        an_answered_survey(5),
        an_answered_survey(5),
        an_answered_survey(2, revision=2),
        an_answered_survey(2, revision=3, deleted=True),
    ]
    state: CustomerState | None = None
    published = []
    for interaction in answers:
        result = step(state, interaction, RULEBOOK)
        state = result.state
        published += [e.answer for e in result.effects if isinstance(e, PublishScore)]

    assert [(a.revision, a.score.score if a.score else None) for a in published] == [
        (None, 5),
        (2, 2),
        (3, None),
    ]
    assert {a.about_conversation for a in published} == {"c1"}
