"""Purchases and refunds add up exactly, in any order, corrections included."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.customer.value import MINOR_UNITS, amount_text, keep_amount
from schemas.customer import CustomerState
from schemas.interaction import Interaction
from tests.builders import CUSTOMER_ID, an_interaction

AMOUNTS = st.decimals(min_value=-10_000, max_value=10_000, places=4)


def purchase(name: str, amount: Decimal | str, **fields: Any) -> Interaction:
    """A purchase of so much."""
    return an_interaction(
        name, channel="web", kind="purchase", amount=str(amount), currency="CNY", **fields
    )


@given(st.lists(AMOUNTS, max_size=10))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    """No float ever touches money."""
    state = CustomerState(CUSTOMER_ID)
    for number, amount in enumerate(amounts):
        state = keep_amount(state, purchase(f"p{number}", amount))

    assert state.totals.get("CNY", 0) == int(sum(amounts, Decimal()) * MINOR_UNITS)


def test_a_refund_is_taken_off_whatever_its_sign() -> None:
    """Some shops write refunds as positive numbers, some as negative ones."""
    state = keep_amount(CustomerState(CUSTOMER_ID), purchase("p", "199.99"))
    for name, amount in (("r1", "50"), ("r2", "-49.99")):
        refund = an_interaction(name, channel="web", kind="refund", amount=amount, currency="CNY")
        state = keep_amount(state, refund)

    assert amount_text(state.totals["CNY"]) == "100"
    assert (state.purchase_count, state.refund_count) == (1, 2)


def test_a_correction_replaces_the_amount() -> None:
    """An order that is sent again with another total counts once."""
    state = keep_amount(CustomerState(CUSTOMER_ID), purchase("p", "100"))
    state = keep_amount(state, purchase("p", "80", revision=2))

    assert amount_text(state.totals["CNY"]) == "80"
    assert state.purchase_count == 1
