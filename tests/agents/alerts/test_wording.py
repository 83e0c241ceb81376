"""What alerts say."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.alerts import compose
from agents.alerts.wording import MATTER_CHARS, TITLE_CHARS, span
from schemas.alert import AlertKind, SlaAlert

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def an_alert(kind: AlertKind = AlertKind.BREACHED, **fields: Any) -> SlaAlert:
    """A first response promised for eleven o'clock, announced at twelve past."""
    defaults: dict[str, Any] = {
        "alert_id": "a1",
        "kind": kind,
        "target": "first_response",
        "clock_started_at": NINE,
        "complaint_id": "c0ffee",
        "customer_id": "k1",
        "at": NINE + timedelta(hours=2),
        "announced_at": NINE + timedelta(hours=2, minutes=12),
        "due_at": NINE + timedelta(hours=2),
        "limit_seconds": 7200.0,
        "used_seconds": 7200.0,
        "channel": "phone",
        "category": "delivery",
        "tier": "vip",
        "team": "logistics",
        "customer_name": "Anna Klein",
        "matter": "order 4711",
        "language": "en",
    }
    return SlaAlert(**(defaults | fields))


def test_a_breach_says_what_who_how_late_and_what_to_do() -> None:
    """Title: what and who. Body: promise, due, late, where, about what, with whom. Then: do."""
    wording = compose(an_alert(), ZoneInfo("Europe/Berlin"))
    assert wording.title == "Promise broken: first reply for VIP customer Anna Klein"
    assert wording.body.split("\n") == [
        "promised within 2 h · due 2026-03-02 12:00 CET · 12 min late",
        "phone · delivery",
        "about: order 4711",
        "team logistics · nobody is assigned",
        "complaint c0ffee",
    ]
    assert wording.next_step == "Answer the customer now, and apologise for the delay."


def test_a_warning_says_how_much_is_left() -> None:
    """Before the due time nothing is late yet."""
    wording = compose(an_alert(AlertKind.WARNED, announced_at=NINE + timedelta(hours=1)))
    assert wording.title.startswith("At risk: first reply")
    assert "1 h left" in wording.body
    assert "late" not in wording.body


def test_a_recovery_says_how_late_it_was() -> None:
    """The end counts, not the time of the news."""
    ended = NINE + timedelta(hours=5)
    wording = compose(
        an_alert(AlertKind.RECOVERED, ended_at=ended, announced_at=ended + timedelta(hours=9))
    )
    assert "3 h late" in wording.body


def test_an_escalation_names_who_is_called() -> None:
    """`to` names the person; older records only have the step."""
    assert "Escalated to manager:" in compose(an_alert(AlertKind.ESCALATED, to="manager")).title
    assert "Escalated to lead:" in compose(an_alert(AlertKind.ESCALATED, step="lead#2")).title


@pytest.mark.parametrize("language", ["zh", "zh-CN", "ZH-Hans"])
@pytest.mark.parametrize("kind", list(AlertKind))
def test_chinese_complaints_alert_in_chinese(language: str, kind: AlertKind) -> None:
    """The team that speaks the customer's language is the one that is called."""
    wording = compose(an_alert(kind, language=language, customer_name="王伟", to="组长"))
    assert wording.language == "zh"
    assert "VIP客户王伟" in wording.title
    assert "首次回复" in wording.title


@pytest.mark.parametrize("language", ["", "en", "de", "xx"])
def test_every_other_language_alerts_in_english(language: str) -> None:
    """What nobody translated is said in English."""
    assert compose(an_alert(language=language)).language == "en"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", list(AlertKind))
def test_sparse_alerts_have_words_too(kind: AlertKind, language: str) -> None:
    """Without a name, a due time, a team or a known target there is still a title and a step."""
    sparse = an_alert(
        kind,
        target="brand_new",
        language=language,
        customer_name="",
        due_at=None,
        tier="",
        team="",
        channel="",
        category="",
        matter="",
    )
    wording = compose(sparse)
    assert "brand_new" in wording.title
    assert wording.next_step
    assert "{" not in wording.title + wording.body + wording.next_step


@given(name=st.text(max_size=400), matter=st.text(max_size=400))
def test_texts_stay_short_and_braces_are_harmless(name: str, matter: str) -> None:
    """Foreign words neither lengthen an alert beyond its limits nor are taken for placeholders."""
    wording = compose(an_alert(customer_name=name, matter=matter))
    assert len(wording.title) <= TITLE_CHARS
    assert len(wording.body) < MATTER_CHARS + 300


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0秒"),
        (-5, "0 s", "0秒"),
        (59.6, "1 min", "1分钟"),
        (3600, "1 h", "1小时"),
        (3661, "1 h 1 min", "1小时1分钟"),
        (3605, "1 h", "1小时"),
        (86_400 * 3 + 7200, "3 d 2 h", "3天2小时"),
        (86_400 + 60, "1 d", "1天"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(
    seconds: float, english: str, chinese: str
) -> None:
    """A unit that is empty ends the list: `1 h 5 s` is precision nobody reads."""
    assert span(seconds) == english
    assert span(seconds, "zh") == chinese
