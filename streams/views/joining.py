"""The card of a customer with the cards of all who were merged into it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from schemas.view import (
    CARD_HANDLES,
    CARD_SCORES,
    CARD_TIMELINE_ENTRIES,
    ChannelCard,
    CustomerCard,
)


def joined(card: CustomerCard, others: Sequence[CustomerCard]) -> CustomerCard:
    """One card of several: what is listed by time, newest kept; what is counted, summed.

    Complaints stand on `card` already: they moved. Name, tier and region are those of `card`, and
    where it does not say, of the first who does.
    """
    cards = (card, *others)
    timeline = sorted((line for one in cards for line in one.timeline), key=lambda e: e.occurred_at)
    scores = sorted((score for one in cards for score in one.scores), key=lambda s: s.rated_at)
    return replace(
        card,
        name=_first(one.name for one in cards),
        region=_first(one.region for one in cards),
        timezone=_first(one.timezone for one in cards),
        language=_first(one.language for one in cards),
        handles=list(dict.fromkeys(h for one in cards for h in one.handles))[:CARD_HANDLES],
        channels=_channels(cards),
        interaction_count=sum(one.interaction_count for one in cards),
        first_at=min((one.first_at for one in cards if one.first_at), default=None),
        last_at=max((one.last_at for one in cards if one.last_at), default=None),
        timeline=timeline[-CARD_TIMELINE_ENTRIES:],
        complaint_count=sum(one.complaint_count for one in cards),
        scores=scores[-CARD_SCORES:],
        purchases=_purchases(cards),
        purchase_count=sum(one.purchase_count for one in cards),
        refund_count=sum(one.refund_count for one in cards),
    )


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def _channels(cards: Sequence[CustomerCard]) -> dict[str, ChannelCard]:
    channels: dict[str, ChannelCard] = {}
    for card in cards:
        for name, use in card.channels.items():
            known = channels.get(name, use)
            channels[name] = ChannelCard(
                min(known.first_at, use.first_at),
                max(known.last_at, use.last_at),
                use.count + (known.count if name in channels else 0),
            )
    return channels


def _purchases(cards: Sequence[CustomerCard]) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for card in cards:
        for currency, text in card.purchases.items():
            sums[currency] = sums.get(currency, Decimal(0)) + Decimal(text)
    return {currency: f"{amount:f}" for currency, amount in sums.items()}
