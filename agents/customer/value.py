"""What a customer is worth: purchases minus refunds per currency, in exact minor units."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from schemas.customer import AMOUNTS, CURRENCIES, CountedAmount, CustomerState
from schemas.interaction import Interaction
from schemas.web import WebKind

MINOR_UNITS = 10_000
"""Amounts have at most four decimal places on the wire, so a ten-thousandth keeps every sum
exact."""


def keep_amount(state: CustomerState, interaction: Interaction) -> CustomerState:
    """Count a purchase or refund once; a correction takes its earlier amount back first."""
    if interaction.amount is None or interaction.currency is None:
        return state
    if interaction.kind not in (WebKind.PURCHASE, WebKind.REFUND):
        return state
    minor = int(Decimal(interaction.amount) * MINOR_UNITS)
    if interaction.kind == WebKind.REFUND:
        minor = -abs(minor)
    new = CountedAmount(
        interaction.interaction_id, interaction.currency, minor, interaction.occurred_at
    )
    old = next((a for a in state.amounts if a.interaction_id == new.interaction_id), None)
    totals = dict(state.totals)
    if old is not None:
        totals[old.currency] = totals.get(old.currency, 0) - old.minor
    if new.currency in totals or len(totals) < CURRENCIES:
        totals[new.currency] = totals.get(new.currency, 0) + new.minor
    is_refund = interaction.kind == WebKind.REFUND
    return replace(
        state,
        totals=totals,
        amounts=_with(state.amounts, old, new),
        purchase_count=state.purchase_count + (old is None and not is_refund),
        refund_count=state.refund_count + (old is None and is_refund),
    )


def _with(
    amounts: Sequence[CountedAmount], old: CountedAmount | None, new: CountedAmount
) -> list[CountedAmount]:
    return [*(a for a in amounts if a is not old), new][-AMOUNTS:]


def amount_text(minor: int) -> str:
    """Minor units as decimal text in major units: 1999900 -> `199.99`."""
    text = f"{Decimal(minor) / MINOR_UNITS:.4f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
