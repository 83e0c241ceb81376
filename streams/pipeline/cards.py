"""The customer's card, as people read it, from the customer's row."""

from agents.complaints.matter import is_open
from agents.complaints.sla.vocabulary import Words
from agents.customer.value import amount_text
from schemas.compact import id_text, word_text
from schemas.customer import CountedScore, CustomerState, Merges, TimelineEntry
from schemas.view import (
    CARD_COMPLAINTS,
    CARD_HANDLES,
    CARD_SCORES,
    CARD_TIMELINE_ENTRIES,
    ChannelCard,
    CustomerCard,
    ScoreCard,
    TimelineCard,
)


def card_of(state: CustomerState, words: Words) -> CustomerCard:
    """The card of one customer; lists are cut to what the card shows, newest kept. The tier is in
    the words of the policy."""
    profile = state.profile
    open_complaints = [c.complaint.complaint_id for c in state.complaints if is_open(c)]
    merges = state.merges or Merges()
    return CustomerCard(
        customer_id=state.customer_id,
        name=state.name,
        tier=words.tier_of(profile.tier, state.totals),
        region=profile.region or "",
        timezone=profile.timezone or "",
        language=profile.language or "",
        handles=state.handles[:CARD_HANDLES],
        channels={
            name: ChannelCard(use.first_at, use.last_at, use.count)
            for name, use in state.channels.items()
        },
        interaction_count=state.interaction_count,
        first_at=state.first_at,
        last_at=state.last_at,
        timeline=[_line(entry) for entry in state.timeline[-CARD_TIMELINE_ENTRIES:]],
        open_complaints=open_complaints[-CARD_COMPLAINTS:],
        complaint_count=state.complaint_count,
        scores=[_score(counted) for counted in state.scores[-CARD_SCORES:]],
        purchases={currency: amount_text(minor) for currency, minor in state.totals.items()},
        purchase_count=state.purchase_count,
        refund_count=state.refund_count,
        merged_into=merges.into,
        merged=[guest.known.customer_id for guest in merges.guests],
    )


def _line(entry: TimelineEntry) -> TimelineCard:
    return TimelineCard(
        interaction_id=id_text(entry.interaction_id),
        occurred_at=entry.occurred_at,
        channel=word_text(entry.channel),
        kind=word_text(entry.kind),
        direction=word_text(entry.direction),
        actor_type=word_text(entry.actor_type),
        actor_name=entry.actor_name,
        text=entry.text,
        score=entry.score,
    )


def _score(counted: CountedScore) -> ScoreCard:
    score = counted.score
    return ScoreCard(
        instrument=score.instrument,
        score=score.score,
        scale_min=score.scale_min,
        scale_max=score.scale_max,
        unit_score=score.unit_score,
        rated_at=score.rated_at,
        channel=counted.labels.channel,
        dimension=score.dimension,
        expected=score.expected,
        perceived=score.perceived,
    )
