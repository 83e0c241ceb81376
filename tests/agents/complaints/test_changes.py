"""What changes the promises of a complaint that is there: words, purchases, worse news."""

from itertools import permutations
from typing import Any

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from agents.customer.step import step
from agents.effects import Effect, UnknownWord
from schemas.command import Action, CommandGiven
from schemas.common import CustomerProfile
from schemas.complaint import Complaint
from schemas.customer import CustomerState
from schemas.interaction import Interaction
from tests.builders import a_command, an_interaction, at

RULEBOOK = Rulebook(
    Plan(
        parse_policy("""
version: 1
severity: {map: {P1: critical, P4: low}}
tiers: {map: {Platinum: vip}, by_value: {currency: CNY, vip: 1000, major: 500}}
policies:
- {name: vip, when: {tier: vip}, targets: {first_response: {within: 1h}}}
- {name: critical, when: {severity: critical}, targets: {first_response: {within: 2h}}}
- {name: all, targets: {first_response: {within: 24h}}}
""")
    ),
    ComplaintRules(),
)


def folded(
    *events: Interaction | CommandGiven,
) -> tuple[CustomerState, list[Effect]]:
    """The customer after all of them, and all effects."""
    state: CustomerState | None = None
    effects: list[Effect] = []
    for event in events:
        result = step(state, event, RULEBOOK)
        state = result.state
        effects += result.effects
    assert state is not None
    return state, effects


def complaint_of(*events: Interaction | CommandGiven) -> Complaint:
    """The only complaint."""
    (held,) = folded(*events)[0].complaints
    return held.complaint


def opened(**fields: Any) -> Interaction:
    """A complaint at nine."""
    return an_interaction("one", at("09:00"), complaint=True, text=None, **fields)


def bought(name: str, when: str, amount: str, kind: str = "purchase", **fields: Any) -> Interaction:
    """A purchase or a refund."""
    return an_interaction(
        name, at(when), kind=kind, amount=amount, currency="CNY", contact_at=None, text=None,
        **fields,
    )  # fmt: skip


def test_the_publishers_words_decide_severity_and_tier() -> None:
    """`P1` and `platinum` are translated by the policy, in the record and in the tables."""
    complaint = complaint_of(
        opened(priority="Ｐ1", customer_profile=CustomerProfile(tier="PLATINUM"))
    )
    assert (complaint.severity, complaint.tier, complaint.priority) == ("critical", "vip", "Ｐ1")
    assert complaint.clocks[0].policy == "vip"


def test_words_nobody_knows_are_reported_and_change_nothing() -> None:
    """They count as not said, in records and in commands, and each is an effect."""
    state, effects = folded(
        opened(priority="P7", customer_profile=CustomerProfile(tier="Diamond")),
        a_command(Action.CHANGE, at("09:05"), severity="awful", tier="Ruby"),
    )
    (held,) = state.complaints
    assert (held.complaint.severity, held.complaint.tier) == ("medium", "common")
    assert [effect for effect in effects if isinstance(effect, UnknownWord)] == [
        UnknownWord("tier", "Diamond"),
        UnknownWord("severity", "P7"),
        UnknownWord("severity", "awful"),
        UnknownWord("tier", "Ruby"),
    ]


def test_a_word_nobody_knows_does_not_take_a_tier_away() -> None:
    """What was said before still holds, for the customer and for the complaint."""
    known = opened(customer_profile=CustomerProfile(tier="Platinum"))
    later = an_interaction("two", at("09:30"), customer_profile=CustomerProfile(tier="Diamond"))
    state, effects = folded(known, later, a_command(Action.CHANGE, at("09:40"), tier="Ruby"))
    assert state.profile.tier == "Platinum"
    assert state.complaints[0].complaint.tier == "vip"
    assert [effect for effect in effects if isinstance(effect, UnknownWord)] == [
        UnknownWord("tier", "Diamond"),
        UnknownWord("tier", "Ruby"),
    ]


def test_a_purchase_makes_a_tier_from_its_own_time_on_in_any_order_of_arrival() -> None:
    """Before, after and around the complaint; a refund takes it back; nothing counts twice."""
    events = (
        bought("before", "08:00", "600"),
        opened(),
        bought("after", "10:00", "450"),
        bought("back", "11:00", "100", kind="refund"),
    )
    for order in permutations(events):
        complaint = complaint_of(*order)
        assert complaint.tier == "major", [event.source_id for event in order]
        assert complaint.clocks[0].policy == "all"
    for order in permutations(events[:3]):
        complaint = complaint_of(*order)
        assert complaint.tier == "vip"
        (clock,) = complaint.clocks
        assert (clock.policy, clock.due_at) == ("vip", at("10:00"))


def test_a_corrected_purchase_counts_with_its_newest_amount() -> None:
    """Whether it was known before the complaint or came after it."""
    for first in (True, False):
        wrong = bought("p", "08:00" if first else "10:00", "2000", revision=1)
        right = bought("p", "08:00" if first else "10:00", "600", revision=2)
        order = (wrong, opened(), right) if first else (opened(), wrong, right)
        assert complaint_of(*order).tier == "major"


def test_a_later_message_may_show_that_it_is_worse() -> None:
    """From that message on the stricter promise holds, whichever was read first."""
    calm = opened(conversation_key="chat:1|1")
    angry = an_interaction(
        "two", at("09:30"), complaint=True, text="I will sue you, my lawyer writes tomorrow",
        conversation_key="chat:1|1",
    )  # fmt: skip
    severity = complaint_of(calm, angry).severity
    assert severity in ("high", "critical")
    again = an_interaction("three", at("09:40"), text="still waiting", conversation_key="chat:1|1")
    assert complaint_of(calm, angry, again).severity == severity
