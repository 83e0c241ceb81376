"""What publishers say of a customer: name, tier, region, language, and table keys made of it."""

from agents.complaints.sla.vocabulary import Words
from schemas.common import CustomerProfile, Tier
from schemas.customer import CustomerState, Labels
from schemas.interaction import Interaction


def labels_for(state: CustomerState, interaction: Interaction, words: Words) -> Labels:
    """The table keys of an interaction: its channel, team and category, the customer's region and
    tier (in the words of the policy)."""
    return Labels(
        channel=interaction.channel,
        team=interaction.handed_to or interaction.team or interaction.actor.team or "",
        category=interaction.category or "",
        region=state.profile.region or "",
        tier=words.tier_of(state.profile.tier, state.totals),
    )


def over(old: CustomerProfile, said: CustomerProfile, tier: str | None) -> CustomerProfile:
    """What is said now, with that tier; what it leaves open still holds."""
    return CustomerProfile(
        tier=tier or old.tier,
        region=said.region or old.region,
        timezone=said.timezone or old.timezone,
        language=said.language or old.language,
    )


def take_profile(state: CustomerState, interaction: Interaction, words: Words) -> dict[str, str]:
    """Take over what the publisher says of the customer; the newest by event time holds.

    Fills `state`, which must be the caller's own; returns what changed for the promises (tier,
    region).
    """
    at = interaction.occurred_at
    changes: dict[str, str] = {}
    if interaction.customer_name and (state.name_at is None or at >= state.name_at):
        state.name, state.name_at = interaction.customer_name, at
    said = interaction.customer_profile
    if said is not None and (state.profile_at is None or at >= state.profile_at):
        old = state.profile
        tier = said.tier
        if tier and old.tier and words.tier(tier) is None:
            tier = None  # nobody knows that word: what was said before still holds
        new = over(old, said, tier)
        if (new.tier or Tier.COMMON) != (old.tier or Tier.COMMON):
            changes["tier"] = str(new.tier)
        if new.region != old.region:
            changes["region"] = str(new.region)
        state.profile, state.profile_at = new, at
    return changes
