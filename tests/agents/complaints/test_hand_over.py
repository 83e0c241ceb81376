"""Complaints that go from team to team: what the step makes of transfers and assignments."""

from typing import Any

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from agents.customer.step import step
from agents.effects import Measure, PublishComplaint, Tally
from agents.satisfaction.derive import figures
from schemas.command import Action, CommandGiven
from schemas.common import Actor, ActorType
from schemas.complaint import Complaint
from schemas.interaction import Interaction
from schemas.satisfaction import SatisfactionRow
from tests.builders import a_command, an_interaction, at

RULEBOOK = Rulebook(
    Plan(
        parse_policy(
            "{version: 1, policies: [{name: all, targets: {hand_over: {within: 30m, warn: []}}}]}"
        )
    ),
    ComplaintRules(),
)
KEY = {"conversation_key": "chatwoot:1|9"}


def folded(*events: Interaction | CommandGiven) -> tuple[Complaint, list[Tally]]:
    """The only complaint after all of them, and everything that was counted."""
    state, tallies, published = None, list[Tally](), list[Complaint]()
    for event in events:
        result = step(state, event, RULEBOOK)
        state = result.state
        tallies += [effect for effect in result.effects if isinstance(effect, Tally)]
        published += [e.complaint for e in result.effects if isinstance(e, PublishComplaint)]
    assert state is not None
    (complaint,) = [held.complaint for held in state.complaints]
    assert published[-1] == complaint
    return complaint, tallies


def handed(name: str, when: str, to: str, **fields: Any) -> Interaction:
    """A conversation that another team takes."""
    usual: dict[str, Any] = {
        "kind": "conversation_assigned",
        "contact_at": None,
        "handed_to": to,
        "actor": Actor(ActorType.SYSTEM),
    }
    return an_interaction(name, at(when), **{**usual, **KEY, **fields})


def opened(**fields: Any) -> Interaction:
    """A complaint that Front has."""
    return an_interaction("one", at("09:00"), complaint=True, **{"team": "Front", **KEY, **fields})


def counts(tallies: list[Tally]) -> dict[tuple[str, str, object], int]:
    """(measure, team, value) of what teams owe each other -> how often, in the end."""
    measures = (Measure.MET, Measure.BREACHED, Measure.HAND_OVERS, Measure.HAND_BACKS)
    found: dict[tuple[str, str, object], int] = {}
    for tally in tallies:
        if tally.measure in measures:
            key = (tally.measure.value, tally.labels.team, tally.value)
            found[key] = found.get(key, 0) + tally.count
    return {key: count for key, count in found.items() if count}


def test_ping_pong_between_teams_is_counted_under_who_gave_it_away() -> None:
    """Two hand-overs, one of them back to a team that had it; each wait is judged for its team."""
    complaint, tallies = folded(
        opened(),
        handed("two", "09:10", "Billing"),
        handed("three", "10:00", "FRONT"),
    )
    assert (complaint.hand_over_count, complaint.hand_back_count) == (2, 1)
    assert complaint.team == "FRONT"
    assert [(c.team, c.state) for c in complaint.clocks] == [
        ("Front", "met"),
        ("Billing", "breached"),
        ("FRONT", "running"),
    ]
    assert counts(tallies) == {
        ("met", "Front", "hand_over"): 1,
        ("breached", "Billing", "hand_over"): 1,
        ("hand_overs", "Front", None): 1,
        ("hand_overs", "Billing", None): 1,
        ("hand_backs", "Billing", None): 1,
    }


def test_two_waits_of_one_instant_are_told_apart() -> None:
    """The instance is the event that began the wait, so readers need no guess."""
    complaint, _ = folded(
        opened(), handed("two", "09:10", "Billing"), handed("three", "09:10", "Depot")
    )
    instances = [clock.instance for clock in complaint.clocks]
    assert len(set(instances)) == len(instances) == 3


def test_a_hand_over_moves_only_the_complaint_it_names() -> None:
    """Another conversation of the same customer goes its own way."""
    complaint, _ = folded(opened(), handed("two", "09:10", "Billing", conversation_key="x:1|8"))
    assert (complaint.team, complaint.hand_over_count) == ("Front", 0)


def test_an_assignment_by_command_hands_over() -> None:
    """`assign` with another team is a hand-over; with another owner of the same team it is none."""
    complaint, _ = folded(
        opened(),
        a_command(Action.ASSIGN, at("09:05"), owner="rep-1"),
        a_command(Action.ASSIGN, at("09:10"), team="Depot"),
    )
    assert (complaint.team, complaint.hand_over_count) == ("Depot", 1)


def test_who_transfers_a_call_speaks_for_the_team_that_had_it() -> None:
    """The answer of the team that transfers ends its own wait, not the next team's."""
    transfer = handed(
        "two",
        "09:10",
        "Billing",
        kind="call_transferred",
        team="Billing",
        response_at=at("09:05"),
        actor=Actor(ActorType.HUMAN, id="rep-1", team="Front"),
    )
    complaint, _ = folded(opened(), transfer)
    assert [(c.team, c.state, c.ended_at) for c in complaint.clocks] == [
        ("Front", "met", at("09:05")),
        ("Billing", "running", None),
    ]


def test_what_teams_owe_each_other_is_no_promise_to_the_customer() -> None:
    """The share of promises kept leaves it out; by target it stands on its own."""
    row = SatisfactionRow(
        met={"first_response": 3, "hand_over": 1}, breached={"first_response": 1, "hand_over": 9}
    )
    assert figures(row).kept.ratio == 0.75
    assert figures(row).kept_by_target["hand_over"].ratio == 0.1
