"""What a customer is worth: purchases minus refunds per currency, in exact minor units."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from agents.complaints.sla.vocabulary import VALUE
from schemas.clock import ComplaintEvent, ComplaintEventKind
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


def bought_until(state: CustomerState, at: datetime) -> dict[str, int]:
    """Purchases minus refunds by currency up to `at`, in ten-thousandths.

    Of purchases older than the kept ones only the sum is known; they count as made before.
    """
    value = dict(state.totals)
    for amount in state.amounts:
        if amount.at > at:
            value[amount.currency] = value.get(amount.currency, 0) - amount.minor
    return {currency: minor for currency, minor in value.items() if minor}


def bought_after(amounts: Sequence[CountedAmount], at: datetime) -> list[ComplaintEvent]:
    """Purchases and refunds after `at`, as changes of the value a promise may depend on."""
    return [
        value_event(amount.interaction_id, amount.at, {amount.currency: amount.minor})
        for amount in amounts
        if amount.at > at
    ]


def value_event(
    interaction_id: str,
    at: datetime,
    value: Mapping[str, int],
    known: Sequence[ComplaintEvent] = (),
) -> ComplaintEvent:
    """What a purchase or refund adds to a customer's value, on top of what `known` has of it."""
    name = f"{interaction_id}:v"
    before = next((event.changes for event in known if event.id == name), {})
    changes = {f"{VALUE}{currency}": minor for currency, minor in value.items()}
    for key, minor in before.items():
        changes[key] = changes.get(key, 0) + int(minor)
    return ComplaintEvent(
        at,
        name,
        ComplaintEventKind.CHANGED,
        changes={key: str(minor) for key, minor in changes.items()},
    )


def value_change(old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    """What was added to the totals, by currency."""
    if old is new:
        return {}
    added = {currency: minor - old.get(currency, 0) for currency, minor in new.items()}
    return {currency: minor for currency, minor in added.items() if minor}


def _with(
    amounts: Sequence[CountedAmount], old: CountedAmount | None, new: CountedAmount
) -> list[CountedAmount]:
    return [*(a for a in amounts if a is not old), new][-AMOUNTS:]


def amount_text(minor: int) -> str:
    """Minor units as decimal text in major units: 1999900 -> `199.99`."""
    text = f"{Decimal(minor) / MINOR_UNITS:.4f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
