"""A company's own words: which severity and which tier they mean, and when."""

import random
from collections.abc import Sequence

import pytest

from agents.complaints.sla.clocks import evaluate
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import check_policy, parse_policy
from agents.complaints.sla.policy_words import own_words
from agents.complaints.sla.vocabulary import Words, normal
from schemas.clock import ComplaintEventKind as Kind
from schemas.common import Tier
from schemas.complaint import Severity
from schemas.policy import ComplaintContext, Vocabulary
from tests.agents.complaints.sla.support import at, opened

FILE = """
version: 1
severity:
  from: [tag, priority, category]
  map: {P1: critical, "特急": critical, P4: low, outage: high}
tiers:
  map: {Platinum: vip, "金卡": major, standard: common}
  by_value: {currency: CNY, vip: 50000, major: 10000, common: 100}
policies:
- {name: vip, when: {tier: [vip]}, targets: {first_response: {within: 1h}}}
- {name: critical, when: {severity: [critical]}, targets: {first_response: {within: 2h}}}
- {name: all, targets: {first_response: {within: 24h}}}
"""
PLAN = Plan(parse_policy(FILE))
OWN = Words(Vocabulary())


@pytest.mark.parametrize("word", ["VIP", "ＶＩＰ", " vip ", "Ｖip"])
def test_width_case_and_space_do_not_matter(word: str) -> None:
    """Chinese keyboards write the same letters twice as wide."""
    assert normal(word) == "vip"
    assert OWN.tier(word) is Tier.VIP


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("P1", Severity.CRITICAL),
        ("ｐ１", Severity.CRITICAL),
        ("特急", Severity.CRITICAL),
        ("P4", Severity.LOW),
        ("3 - Moderate", Severity.MEDIUM),
        ("紧急", Severity.CRITICAL),
        ("P9", None),
        ("", None),
    ],
)
def test_words_of_the_file_come_before_those_help_desks_share(
    word: str, severity: Severity | None
) -> None:
    """What nobody knows is nothing, and no default."""
    assert PLAN.words.severity(word) is severity


def test_the_file_may_say_otherwise_than_help_desks_do() -> None:
    """A company whose `urgent` is an everyday word says so."""
    words = Words(Vocabulary(severities=(("Urgent", "medium"),)))
    assert words.severity("URGENT") is Severity.MEDIUM
    assert words.severity("critical") is Severity.CRITICAL


@pytest.mark.parametrize(
    ("priority", "category", "tags", "severity"),
    [
        ("P4", "", ["P1"], Severity.CRITICAL),
        ("P4", "outage", ["blue"], Severity.LOW),
        ("", "outage", [], Severity.HIGH),
        ("", "high", ["high"], None),
        ("P9", "outage", [], Severity.HIGH),
    ],
)
def test_the_first_place_that_knows_its_word_counts(
    priority: str, category: str, tags: Sequence[str], severity: Severity | None
) -> None:
    """A tag or a category is a severity only where the file lists it."""
    assert PLAN.words.said(priority, category, tags) is severity


@pytest.mark.parametrize(
    ("said", "bought", "tier"),
    [
        ("Ｐlatinum", 0, Tier.VIP),
        ("金卡", 99_999, Tier.MAJOR),
        ("standard", 99_999, Tier.COMMON),
        ("", 50_000, Tier.VIP),
        ("", 49_999, Tier.MAJOR),
        ("", 100, Tier.COMMON),
        ("", 99, Tier.MINOR),
        ("", -5, Tier.MINOR),
        ("no such word", 10_000, Tier.MAJOR),
    ],
)
def test_a_tier_is_what_was_said_else_what_was_bought(said: str, bought: int, tier: Tier) -> None:
    """A word nobody knows counts as not said."""
    assert PLAN.words.tier_of(said, {"CNY": bought * 10_000, "EUR": 10**12}) is tier


def test_without_a_vocabulary_a_customer_is_common() -> None:
    """Whatever was bought."""
    assert OWN.tier_of("Platinum", {"CNY": 10**12}) is Tier.COMMON
    assert OWN.tier_of(None, {}) is Tier.COMMON


def policies(context: ComplaintContext, *changes: tuple[str, dict[str, str]]) -> list[str]:
    """The policy at 09:00 and after each change, as clocks ended a minute later show them."""
    found = []
    history = opened()
    for when, change in changes:
        history.add(when, Kind.CHANGED, **change)
    for count in range(1, len(history) + 1):
        (clock,) = evaluate(history[:count], PLAN, context, history[count - 1].at)
        found.append(clock.policy)
    shuffled = list(history)
    random.Random(7).shuffle(shuffled)
    (clock,) = evaluate(shuffled, PLAN, context, history[-1].at)
    assert clock.policy == found[-1], "the order of arrival decides nothing"
    return found


def test_words_are_read_at_the_time_they_were_said() -> None:
    """Priority, tier and purchases change the promise from their own instant on."""
    context = ComplaintContext(attributes={"priority": "P4"}, value={"CNY": 49_000 * 10_000})
    assert policies(
        context,
        ("2026-03-02 09:10", {"attributes.priority": "特急"}),
        ("2026-03-02 09:20", {"attributes.priority": "whatever"}),
        ("2026-03-02 09:30", {"value.CNY": str(1_000 * 10_000)}),
        ("2026-03-02 09:40", {"value.CNY": str(-1 * 10_000)}),
        ("2026-03-02 09:50", {"tier": "ＰＬＡＴＩＮＵＭ"}),
        ("2026-03-02 10:00", {"tier": "no such word"}),
        ("2026-03-02 10:05", {"tier": "standard"}),
        ("2026-03-02 10:10", {"severity": "P4"}),
        ("2026-03-02 10:20", {"severity.at_least": "critical"}),
        ("2026-03-02 10:30", {"severity.at_least": "low"}),
    ) == ["all", "critical", "critical", "vip", "critical", "vip", "vip", "critical", "all",
          "critical", "critical"]  # fmt: skip


def test_the_worse_of_what_words_and_publisher_say_holds_at_opening() -> None:
    """A lawyer's letter in a P4 ticket is critical; a P1 ticket in calm words is, too."""
    for severity, priority, expected in (
        ("critical", "P4", "critical"),
        ("low", "P1", "critical"),
        ("", "P4", "low"),
        ("", "", "medium"),
    ):
        context = ComplaintContext(severity=severity, attributes={"priority": priority})
        assert PLAN.words.severity_of(context) == expected


def test_another_file_reads_the_same_history_in_its_own_words() -> None:
    """What-if: the history keeps what was said, so `Platinum` can mean less tomorrow."""
    context = ComplaintContext(tier="Platinum")
    history = opened()
    (clock,) = evaluate(history, PLAN, context, at("2026-03-02 09:00"))
    other = Plan(parse_policy(FILE.replace("Platinum: vip", "Platinum: minor")))
    (less,) = evaluate(history, other, context, at("2026-03-02 09:00"))
    assert (clock.policy, less.policy) == ("vip", "all")


@pytest.mark.parametrize(
    ("section", "place", "message"),
    [
        ("severity: {map: {P1: crit}}", "2:22", "did you mean 'critical'?"),
        ("severity: {from: labels, map: {P1: low}}", "2:18", "known: priority, tag, category"),
        ("severity: {map: {P1: low, Ｐ1: high}}", "2:27", "width and case do not matter"),
        ("severity: {from: priority}", "2:11", "add `map:`"),
        ("severity: {from: [], map: {P1: low}}", "2:18", "write priority, tag or category"),
        ("tiers: {}", "2:8", "add `map:` or `by_value:`"),
        ("tiers: {map: {gold: golden}}", "2:21", "known: vip, major, common, minor"),
        ("tiers: {by_value: {vip: 1}}", "2:19", "add `currency:`"),
        ("tiers: {by_value: {currency: yuan, vip: 1}}", "2:30", "write one like CNY or EUR"),
        ("tiers: {by_value: {currency: CNY}}", "2:19", "what it takes to be one"),
        ("tiers: {by_value: {currency: CNY, vip: 5, major: 5}}", "2:50", "it must need less"),
        ("tiers: {by_value: {currency: CNY, vip: -1}}", "2:40", "write it like 50000 or 199.99"),
    ],
)
def test_a_mistake_in_the_words_has_its_place_and_its_remedy(
    section: str, place: str, message: str
) -> None:
    """File, line, column, and what to write instead."""
    text = f"version: 1\n{section}\npolicies: [{{name: a, targets: {{update: {{every: 1h}}}}}}]"
    (problem,) = check_policy([("p.yaml", text)])
    assert str(problem).startswith(f"p.yaml:{place}: ")
    assert message in problem.fix


def test_the_words_are_shown_in_words() -> None:
    """`manyi policy show` says what each of them means."""
    assert own_words(PLAN.policy_set.vocabulary) == [
        "severity by tag or priority or category: P1, 特急 = critical",
        "severity by tag or priority or category: P4 = low",
        "severity by tag or priority or category: outage = high",
        "tier: Platinum = vip",
        "tier: 金卡 = major",
        "tier: standard = common",
        "tier by purchases in CNY: vip from 50,000.00, major from 10,000.00, common from 100.00,"
        " minor below",
    ]
