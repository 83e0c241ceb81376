"""Complaints open for a reason, join what they are about, and follow staff and commands."""

from collections import Counter
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import parse_policy
from agents.customer.step import step, wake_at
from agents.effects import (
    Effect,
    Measure,
    PublishAlert,
    PublishComplaint,
    RejectCommand,
    Tally,
)
from schemas.command import Action
from schemas.common import (
    Actor,
    ActorType,
    Channel,
    CustomerProfile,
    Instrument,
    Rating,
    Ref,
    RefKind,
    Tier,
)
from schemas.complaint import Complaint, OpenReason, Severity, Stage
from schemas.customer import ENDED_COMPLAINTS, PENDING_SECONDS, CustomerState
from schemas.email import AutoKind
from schemas.events import DeadlineReached, OfCustomer
from schemas.interaction import Interaction
from schemas.rejection import RejectReason
from tests.builders import CUSTOMER_ID, a_command, an_answer, an_interaction, at

POLICY = """
version: 1
policies:
  - name: everyone
    targets: {first_response: {within: 2h}, total_resolution: {within: 8h}}
"""
RULEBOOK = Rulebook(Plan(parse_policy(POLICY)), ComplaintRules())


class Story:
    """One customer to whom things happen."""

    def __init__(self, *events: OfCustomer) -> None:
        self.state: CustomerState | None = None
        self.effects: list[Effect] = []
        for event in events:
            self.happens(event)

    def happens(self, event: OfCustomer) -> None:
        """Fold one event."""
        result = step(self.state, event, RULEBOOK)
        self.state = result.state
        self.effects += result.effects

    def wakes(self, until: str) -> None:
        """Fire every deadline due by then."""
        while self.state is not None:
            due = wake_at(self.state)
            if due is None or due > at(until):
                return
            deadline = DeadlineReached(
                deadline_id=due.isoformat(),
                customer_id=CUSTOMER_ID,
                wake_at=due,
                read_through_at=due,
            )
            self.happens(deadline)

    @property
    def complaints(self) -> list[Complaint]:
        """The customer's complaints."""
        return [c.complaint for c in self.state.complaints] if self.state else []

    @property
    def complaint(self) -> Complaint:
        """The only complaint."""
        (complaint,) = self.complaints
        return complaint

    def counted(self) -> dict[tuple[Any, ...], int]:
        """What the tables hold in the end."""
        totals: Counter[tuple[Any, ...]] = Counter()
        for effect in self.effects:
            if isinstance(effect, Tally):
                totals[(effect.measure, effect.at, effect.labels, effect.value)] += effect.count
        return {what: count for what, count in totals.items() if count}

    def count(self, measure: Measure) -> int:
        """The sum of one measure."""
        return sum(n for (counted, *_), n in self.counted().items() if counted is measure)

    def alerts(self) -> list[tuple[str, str]]:
        """(kind, target) of every alert."""
        return [
            (e.alert.kind.value, e.alert.target)
            for e in self.effects
            if isinstance(e, PublishAlert)
        ]


def a_complaint(name: str = "one", when: str = "09:00", **fields: Any) -> Interaction:
    """An explicit complaint."""
    return an_interaction(name, at(when), complaint=True, **fields)


def csat(score: float, **fields: Any) -> dict[str, Any]:
    """A CSAT answer on 1 to 5."""
    return {"rating": Rating(Instrument.CSAT, score, 1, 5), "contact_at": None, **fields}


# --- opening ---


@pytest.mark.parametrize(
    ("interaction", "reason"),
    [
        (a_complaint(), OpenReason.EXPLICIT),
        (an_interaction(category="投诉"), OpenReason.CATEGORY),
        (an_interaction(kind="conversation_rated", **csat(1)), OpenReason.LOW_RATING),
        (an_interaction(text="我要投诉！等了三天没人理我"), OpenReason.WORDS),
        (an_interaction(text="I want to make a formal complaint about this"), OpenReason.WORDS),
        (an_interaction(abandoned=True, wait_seconds=121.0), OpenReason.ABANDONED_CALL),
        (
            an_interaction(
                text="我要投诉，等了三天",
                actor=Actor(ActorType.HUMAN),
                text_by=ActorType.CUSTOMER,
            ),
            OpenReason.WORDS,
        ),
        (an_interaction(kind="email_complained", contact_at=None), OpenReason.SPAM_COMPLAINT),
    ],
)
def test_a_complaint_opens_with_its_reason(interaction: Interaction, reason: OpenReason) -> None:
    """Whatever opens a complaint is kept with its evidence."""
    story = Story(interaction)

    assert [r.code for r in story.complaint.reasons] == [reason]
    assert story.complaint.reasons[0].interaction_id == interaction.interaction_id
    assert story.count(Measure.COMPLAINTS_OPENED) == 1


@pytest.mark.parametrize(
    "interaction",
    [
        an_interaction(text="When do you open tomorrow?"),
        an_interaction(text="我要投诉", complaint=False),
        an_interaction(text="我要投诉", auto_kind=AutoKind.AUTO_REPLY),
        an_interaction(text="I want to make a formal complaint", auto_kind=AutoKind.BULK),
        an_interaction(kind="conversation_rated", **csat(5)),
        an_interaction(kind="conversation_rated", **csat(3)),
        an_interaction(abandoned=True, wait_seconds=20.0),
        an_answer(text="您要投诉吗？我要投诉也没用"),
    ],
)
def test_what_is_no_complaint_opens_none(interaction: Interaction) -> None:
    """Questions, machines, happy customers and representatives open nothing."""
    assert Story(interaction).complaints == []


def test_the_third_contact_about_one_matter_is_a_complaint() -> None:
    """Nobody calls three times in a week for fun."""
    contacts = [
        an_interaction(
            f"c{day}", at(f"+{day}d 09:00"), conversation_key=f"k{day}", category="delivery"
        )
        for day in range(3)
    ]
    assert Story(*contacts[:2]).complaints == []
    story = Story(*contacts)
    assert [r.code for r in story.complaint.reasons] == [OpenReason.REPEATED_CONTACT]


def test_three_unanswered_messages_are_a_complaint() -> None:
    """Asking for hours without an answer is one, too; an answer in between stops it."""
    asked = [
        an_interaction(f"m{hour}", at(f"{hour:02}:00"), conversation_key="k")
        for hour in (9, 11, 14)
    ]
    answered = an_answer("r", at("10:00"), conversation_key="k")

    assert len(Story(*asked).complaints) == 1
    assert Story(asked[0], answered, *asked[1:]).complaints == []


def test_a_publishers_priority_sets_the_severity() -> None:
    """Words of real systems are read: `3 - Moderate`, `urgent`, `高`."""
    for priority, severity in (
        ("3 - Moderate", Severity.MEDIUM),
        ("urgent", Severity.CRITICAL),
        ("高", Severity.HIGH),
        ("whatever", Severity.MEDIUM),
    ):
        assert Story(a_complaint(priority=priority)).complaint.severity is severity


# --- the same matter ---


def test_the_same_order_joins_across_channels() -> None:
    """Mail first, then the phone: one matter, one complaint, both channels."""
    story = Story(
        a_complaint(channel=Channel.EMAIL, matter_refs=["order:7"], conversation_key="mail"),
        a_complaint(
            "two", "10:00", channel=Channel.PHONE, matter_refs=["order:7"], conversation_key="call"
        ),
    )
    assert story.complaint.channels == ["email", "phone"]
    assert story.complaint.contact_count == 2
    assert story.count(Measure.COMPLAINTS_OPENED) == 1


def test_whoever_follows_the_topic_knows_all_that_a_complaint_became() -> None:
    """Every change of a complaint is published, also when another channel merely joins it."""
    story = Story(
        a_complaint(channel=Channel.EMAIL, matter_refs=["order:7"], conversation_key="mail"),
        a_complaint(
            "note", "09:30", channel=Channel.PHONE, matter_refs=["order:7"], contact_at=None
        ),
    )
    published = [e.complaint for e in story.effects if isinstance(e, PublishComplaint)]
    assert story.complaint.channels == ["email", "phone"]
    assert published[-1] == story.complaint


def test_a_complaint_knows_the_order_its_conversation_named_before() -> None:
    """A chat names its order in the first message; staff who name it reach the later complaint."""
    first = an_interaction("hello", at("09:00"), conversation_key="c", matter_refs=["order:7"])
    story = Story(first, a_complaint("one", "09:05", conversation_key="c"))
    assert story.complaint.matter_refs == ["order:7"]

    story.happens(a_command(Action.ACKNOWLEDGE, at("09:10"), refs=[Ref(RefKind.ORDER, "7")]))
    assert story.complaint.stage is Stage.ACKNOWLEDGED


def test_another_order_is_another_complaint() -> None:
    """Two orders are two matters, even on one day."""
    story = Story(
        a_complaint(matter_refs=["order:7"], conversation_key="a"),
        a_complaint("two", "10:00", matter_refs=["order:8"], conversation_key="b"),
    )
    assert len(story.complaints) == 2


def test_the_same_category_joins_within_a_week_only() -> None:
    """Without a reference the category decides, for seven days."""
    first = a_complaint(category="delivery", conversation_key="a")
    soon = a_complaint("two", "+6d 09:00", category="delivery", conversation_key="b")
    late = a_complaint("three", "+14d 09:00", category="delivery", conversation_key="c")

    assert len(Story(first, soon).complaints) == 1
    assert len(Story(first, late).complaints) == 2


def test_a_retry_changes_nothing() -> None:
    """The same record twice is one complaint with the same counts."""
    once, twice = Story(a_complaint()), Story(a_complaint(), a_complaint())
    assert once.counted() == twice.counted()
    assert once.complaints == twice.complaints


# --- answers and commands ---


def test_staff_may_answer_in_any_channel() -> None:
    """A call back answers a mail: the channel makes no difference."""
    story = Story(
        a_complaint(channel=Channel.EMAIL, conversation_key="mail"),
        an_answer("call", at("09:30"), channel=Channel.PHONE, conversation_key="call"),
    )
    assert story.complaint.stage is Stage.ACKNOWLEDGED
    assert story.complaint.first_response_at == at("09:30")


def test_a_reply_in_another_conversation_of_its_own_does_not_answer() -> None:
    """A reply about order 8 does not answer the complaint about order 7."""
    story = Story(
        a_complaint(matter_refs=["order:7"], conversation_key="a"),
        an_answer("reply", at("09:30"), matter_refs=["order:8"], conversation_key="b"),
    )
    assert story.complaint.first_response_at is None


def test_an_automatic_reply_answers_nothing() -> None:
    """Out of office stops no clock."""
    auto = an_answer("auto", at("09:01"), auto_kind=AutoKind.AUTO_REPLY)
    assert Story(a_complaint(), auto).complaint.first_response_at is None


def test_a_bot_does_not_answer() -> None:
    """A bot's greeting is no first response."""
    bot = an_answer("bot", at("09:01"), actor=Actor(ActorType.BOT))
    assert Story(a_complaint(), bot).complaint.stage is Stage.RECEIVED


def test_commands_move_the_stages() -> None:
    """Acknowledge, assign, resolve, reopen."""
    story = Story(a_complaint())
    seen = []
    for hour, action in enumerate(
        (Action.ACKNOWLEDGE, Action.ASSIGN, Action.RESOLVE, Action.REOPEN), start=10
    ):
        fields = {"owner": "lin", "team": "gold"} if action is Action.ASSIGN else {}
        story.happens(a_command(action, at(f"{hour}:00"), **fields))
        seen.append(story.complaint.stage)

    assert seen == [Stage.ACKNOWLEDGED, Stage.IN_PROGRESS, Stage.RESOLVED, Stage.IN_PROGRESS]
    assert (story.complaint.owner, story.complaint.team) == ("lin", "gold")


def test_a_command_before_its_complaint_waits_for_it() -> None:
    """Topics are read side by side: a resolve may overtake the complaint it resolves."""
    resolve = a_command(Action.RESOLVE, at("11:00"))
    story = Story(resolve, a_complaint())

    assert story.complaint.stage is Stage.RESOLVED
    assert story.counted() == Story(a_complaint(), resolve).counted()


def test_a_command_that_means_nothing_becomes_a_dead_letter() -> None:
    """After an hour without such a complaint it is reported, never dropped."""
    story = Story(a_command(Action.RESOLVE, at("09:00")))
    assert story.effects == []
    story.wakes("10:00")

    assert [type(e) for e in story.effects] == [RejectCommand]
    rejected = story.effects[0]
    assert isinstance(rejected, RejectCommand)
    assert rejected.reason is RejectReason.NO_SUCH_COMPLAINT
    assert PENDING_SECONDS == 3_600


# --- clocks, corrections, order ---


def test_silence_warns_breaches_and_is_counted_once() -> None:
    """Warned at 50 and 80 %, breached at the due time, each once."""
    story = Story(a_complaint())
    story.wakes("11:00")
    story.wakes("11:00")

    assert story.alerts() == [
        ("warned", "first_response"),
        ("warned", "first_response"),
        ("breached", "first_response"),
    ]
    assert story.count(Measure.BREACHED) == 1


def test_a_late_answer_in_time_takes_the_breach_back() -> None:
    """Evidence that arrives late retracts the alert and the count."""
    story = Story(a_complaint())
    story.wakes("11:00")
    story.happens(an_answer("late", at("10:30"), received_at=at("11:40")))

    assert story.alerts()[-1] == ("retracted", "first_response")
    assert story.count(Measure.BREACHED) == 0
    assert story.count(Measure.MET) == 1


def test_a_customer_who_becomes_vip_moves_the_tables_and_the_promise() -> None:
    """A change of tier reaches the open complaint."""
    vip = an_interaction(
        "two", at("10:00"), conversation_key="c", customer_profile=CustomerProfile(tier=Tier.VIP)
    )
    story = Story(a_complaint(conversation_key="c"), vip)
    assert story.complaint.tier == "vip"


def test_order_of_arrival_never_decides() -> None:
    """Complaint, answer and resolution in any order give the same complaint and counts."""
    events: list[OfCustomer] = [
        a_complaint(conversation_key="c", matter_refs=["order:7"]),
        an_interaction("again", at("09:20"), conversation_key="c"),
        an_answer("reply", at("09:40"), conversation_key="c"),
        a_command(Action.RESOLVE, at("12:00")),
    ]
    stories = [Story(*order) for order in permutations(events)]
    for story in stories:
        story.wakes("+8d 09:00")
        assert story.complaint.stage is Stage.CLOSED
        assert story.complaint.first_response_at == at("09:40")
        assert story.counted() == stories[0].counted()


def test_history_pages_nobody_until_something_live_happens() -> None:
    """Quiet complaints carry quiet alerts; a live word makes them loud."""
    story = Story(a_complaint(quiet=True, conversation_key="c"))
    assert story.complaint.quiet
    story.happens(an_interaction("live", at("09:30"), conversation_key="c"))
    assert not story.complaint.quiet


def test_a_commands_retry_is_done_once() -> None:
    """The same command id changes nothing the second time."""
    resolve = a_command(Action.RESOLVE, at("10:00"))
    once, twice = Story(a_complaint(), resolve), Story(a_complaint(), resolve, resolve)
    assert once.counted() == twice.counted()


def test_a_closed_complaint_stays_closed() -> None:
    """After the reopening window a word opens nothing by itself."""
    story = Story(a_complaint(conversation_key="c"), a_command(Action.RESOLVE, at("10:00")))
    story.wakes("+8d 00:00")
    story.happens(an_interaction("thanks", at("+8d 01:00"), conversation_key="c"))

    assert story.complaint.stage is Stage.CLOSED
    assert timedelta(days=7) == RULEBOOK.reopen_within("")


def test_a_customer_may_have_hundreds_of_open_complaints() -> None:
    """A reseller's: each is kept until it is resolved, and ended ones leave first."""
    count = 60
    opened = [
        a_complaint(f"c{n}", "09:00", matter_refs=[f"order:{n}"], conversation_key=f"k{n}")
        for n in range(count)
    ]
    story = Story(*opened)
    assert len(story.complaints) == count

    for n in range(count):
        story.happens(
            a_command(
                Action.RESOLVE,
                at("10:00"),
                name=f"resolve-{n}",
                refs=[Ref(RefKind.ORDER, str(n))],
            )
        )
    story.happens(a_complaint("last", "11:00", matter_refs=["order:x"], conversation_key="x"))
    assert len(story.complaints) == ENDED_COMPLAINTS + 1
    assert story.count(Measure.COMPLAINTS_OPENED) == count + 1
    assert story.count(Measure.COMPLAINTS_RESOLVED) == count
    left = [e.complaint for e in story.effects if isinstance(e, PublishComplaint)][-45:]
    assert {c.stage for c in left if c.closed_at is not None} == {Stage.CLOSED}
    assert sum(c.closed_at is not None for c in left) == count - ENDED_COMPLAINTS
