"""The web: what asks, what only judges, and what it is about."""

from typing import Any

import pytest

from agents.identity import IdentityBook
from schemas.common import ActorType, Channel
from schemas.interaction import Interaction, SurveyRef
from tests.agents.intake.making import accepted, interaction


def web(kind: str, **fields: Any) -> Interaction:
    """Return the interaction of a web record."""
    return interaction(Channel.WEB, kind=kind, **fields)


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ({"kind": "form_submitted"}, True),
        ({"kind": "review", "text": "broken"}, True),
        ({"kind": "review", "deleted": True}, False),
        ({"kind": "form_submitted", "actor": {"type": "human"}}, False),
        ({"kind": "form_submitted", "direction": "internal"}, False),
        ({"kind": "purchase"}, False),
        ({"kind": "refund"}, False),
        ({"kind": "page_problem", "problem": "500"}, False),
        ({"kind": "survey_answer", "text": "slow"}, False),
    ],
)
def test_only_forms_and_reviews_speak_to_the_company(fields: dict[str, Any], asks: bool) -> None:
    """Buying, a page's error and an answered survey are no contact."""
    made = web(**fields)
    assert (made.contact_at is not None, made.response_at) == (asks, None)


def test_a_page_problem_is_told_by_the_page() -> None:
    """Its words are not the customer's."""
    made = web("page_problem", problem="checkout failed")
    assert (made.actor.type, made.text) == (ActorType.SYSTEM, "checkout failed")


def test_a_form_s_fields_are_its_words() -> None:
    """Without a text the filled-in fields are what was said."""
    made = web("form_submitted", fields={"topic": "refund", "empty": "", "message": "Now!"})
    assert made.text == "refund\nNow!"


def test_a_review_s_title_belongs_to_it() -> None:
    """Title and text are one statement."""
    assert web("review", title="Never again", text="It broke.").text == "Never again\nIt broke."


def test_orders_are_what_a_record_is_about() -> None:
    """The order itself, and the one a survey asks about, each once."""
    made = web(
        "survey_answer",
        text="ok",
        order_id="4711",
        refs=[{"kind": "order", "value": "4711"}, {"kind": "ticket", "value": "9"}],
        about={"order_id": "4712", "conversation_id": "c1"},
        survey_id="s1",
    )
    assert made.matter_refs == ["order:4711", "ticket:9", "order:4712"]
    assert made.survey == SurveyRef(survey_id="s1", about_conversation="c1", about_order="4712")


def test_a_record_that_names_only_an_order_is_found_by_it() -> None:
    """Refunds and survey answers often know the order and nobody's name."""
    bought = accepted(
        Channel.WEB, kind="purchase", order_id="4711", customer=[{"kind": "crm", "value": "7"}]
    )
    refund = accepted(Channel.WEB, kind="refund", source="psp", order_id="4711", amount="5")
    assert bought.handles == ("crm:7", "conversation:#order|4711")
    assert refund.handles == ("conversation:#order|4711",)
    book = IdentityBook()
    customers = {book.resolve(made.handles).customer_id for made in (bought, refund)}
    assert len(customers) == 1


def test_money_keeps_its_digits() -> None:
    """Amounts stay decimal text with their currency."""
    made = web("refund", amount="-12.50", currency="EUR")
    assert (made.amount, made.currency) == ("-12.50", "EUR")
