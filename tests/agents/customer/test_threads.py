"""Conversations: one contact each, the first answer of a person, repeats within seven days."""

from collections import Counter
from datetime import datetime
from itertools import permutations

from agents.customer.threads import keep_conversation
from agents.effects import Measure
from schemas.common import Actor, ActorType
from schemas.customer import Labels, Thread
from schemas.interaction import Interaction
from tests.builders import an_answer, an_interaction, at

Fact = tuple[Measure, datetime, float | str | None]


def fold(*interactions: Interaction) -> tuple[list[Thread], dict[Fact, int]]:
    """Fold interactions; return the conversations and the sum of what the tables got."""
    threads: list[Thread] = []
    totals: Counter[Fact] = Counter()
    for interaction in interactions:
        labels = Labels("chat", "care", interaction.category or "", "CN", "common")
        threads, tallies, _ = keep_conversation(threads, interaction, labels)
        for tally in tallies:
            totals[(tally.measure, tally.at, tally.value)] += tally.count
    return threads, {what: count for what, count in totals.items() if count}


ASKED = an_interaction("ask", at("09:00"), conversation_key="c1", category="delivery")
ASKED_AGAIN = an_interaction("again", at("09:05"), conversation_key="c1", category="delivery")
ANSWERED = an_answer("reply", at("09:20"), conversation_key="c1")
ANSWERED_LATER = an_answer("later", at("09:40"), conversation_key="c1")


def test_first_response_is_measured_from_the_first_word() -> None:
    """The wait of the customer counts, not that of their newest message."""
    _, totals = fold(ASKED, ASKED_AGAIN, ANSWERED, ANSWERED_LATER)
    assert totals == {
        (Measure.CONTACTS, at("09:00"), None): 1,
        (Measure.FIRST_RESPONSE, at("09:20"), 1200.0): 1,
    }


def test_order_of_arrival_does_not_matter() -> None:
    """Whatever comes first, the tables end the same."""
    expected = fold(ASKED, ASKED_AGAIN, ANSWERED, ANSWERED_LATER)[1]
    for order in permutations((ASKED, ASKED_AGAIN, ANSWERED, ANSWERED_LATER)):
        assert fold(*order)[1] == expected


def test_a_bot_is_not_a_first_response() -> None:
    """A greeting within a second must not hide that nobody answered."""
    bot = an_answer("bot", at("09:00:01"), conversation_key="c1", actor=Actor(ActorType.BOT))
    assert fold(ASKED, bot)[1] == {(Measure.CONTACTS, at("09:00"), None): 1}


def test_an_answer_before_the_question_is_none() -> None:
    """Some exports hold replies dated before the question; they measure nothing."""
    early = an_answer("early", at("08:00"), conversation_key="c1")
    assert fold(ASKED, early)[1] == {(Measure.CONTACTS, at("09:00"), None): 1}


def test_the_same_category_within_a_week_repeats() -> None:
    """Coming back about the same thing is a repeat contact, from the second on."""
    second = an_interaction("two", at("+6d 09:00"), conversation_key="c2", category="delivery")
    other = an_interaction("three", at("+6d 10:00"), conversation_key="c3", category="billing")
    for order in permutations((ASKED, second, other)):
        totals = fold(*order)[1]
        assert totals[(Measure.REPEAT_CONTACTS, at("+6d 09:00"), None)] == 1
        assert sum(n for (m, _, _), n in totals.items() if m is Measure.REPEAT_CONTACTS) == 1


def test_after_a_week_it_is_a_new_matter() -> None:
    """Seven days and a minute later is no repeat."""
    later = an_interaction("two", at("+7d 09:01"), conversation_key="c2", category="delivery")
    assert Measure.REPEAT_CONTACTS not in {m for m, _, _ in fold(ASKED, later)[1]}


def test_different_orders_are_different_matters() -> None:
    """Two orders of the same category are two matters."""
    one = an_interaction("one", at("09:00"), conversation_key="c1", matter_refs=["order:1"])
    two = an_interaction("two", at("10:00"), conversation_key="c2", matter_refs=["order:2"])
    assert Measure.REPEAT_CONTACTS not in {m for m, _, _ in fold(one, two)[1]}


def test_an_answer_without_a_conversation_goes_to_the_unanswered_one() -> None:
    """A call back from the street has no chat id; it still answers."""
    call_back = an_answer("call", at("09:30"), conversation_key=None)
    assert (Measure.FIRST_RESPONSE, at("09:30"), 1800.0) in fold(ASKED, call_back)[1]
