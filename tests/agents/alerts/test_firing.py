"""Which alerts fire and which stop."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.alerts import Slot, change_of, ended_clocks
from agents.alerts.alertmanager import annotations_of, labels_of
from agents.alerts.firing import WARNING_GRACE, clock_name
from schemas.alert import AlertKind
from schemas.complaint import ClockView, Complaint
from tests.agents.alerts.test_wording import NINE, an_alert


def firing_after(*kinds_and_steps: tuple[AlertKind, str, str]) -> set[str]:
    """Names, without their clock, of what fires after a sequence of announcements."""
    firing: set[str] = set()
    for kind, step, to in kinds_and_steps:
        change = change_of(an_alert(kind, step=step or None, to=to))
        firing = {name for name in firing if not name.startswith(change.ends)}
        if change.begins:
            firing.add(change.begins)
    return {name.partition("/")[2] for name in firing}


WARNED_50 = (AlertKind.WARNED, "50%", "")
WARNED_80 = (AlertKind.WARNED, "80%", "")
BREACHED = (AlertKind.BREACHED, "", "")
TO_LEAD = (AlertKind.ESCALATED, "lead", "lead")
TO_MANAGER_1 = (AlertKind.ESCALATED, "manager#1", "manager")
TO_MANAGER_2 = (AlertKind.ESCALATED, "manager#2", "manager")
RECOVERED = (AlertKind.RECOVERED, "", "")
RETRACTED = (AlertKind.RETRACTED, "", "")


def test_a_newer_warning_replaces_the_older() -> None:
    """Nobody is shown both that half and that most of the time is gone."""
    assert firing_after(WARNED_50, WARNED_80) == {"warning/80%"}


def test_a_breach_replaces_the_warning() -> None:
    """What is broken is at risk no more."""
    assert firing_after(WARNED_50, WARNED_80, BREACHED) == {"breach"}


def test_escalations_join_the_breach() -> None:
    """A call to the lead does not end the alert that woke the team; each person has one."""
    assert firing_after(BREACHED, TO_LEAD, TO_MANAGER_1, TO_MANAGER_2) == {
        "breach",
        "escalation/lead#lead",
        "escalation/manager#manager#2",
    }


@pytest.mark.parametrize("end", [RECOVERED, RETRACTED])
def test_recovery_and_retraction_end_everything(end: tuple[AlertKind, str, str]) -> None:
    """Nothing of a clock fires after it was settled or taken back."""
    assert firing_after(WARNED_50, BREACHED, TO_LEAD, TO_MANAGER_1, end) == set()


def test_a_breach_after_a_retraction_fires_again() -> None:
    """A breach that was taken back and came true after all is news."""
    assert firing_after(BREACHED, RETRACTED, BREACHED) == {"breach"}


STEPS = [WARNED_50, WARNED_80, BREACHED, TO_LEAD, TO_MANAGER_1, RECOVERED, RETRACTED]


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_at_most_one_alert_per_slot_and_person(steps: list[tuple[AlertKind, str, str]]) -> None:
    """Whatever is announced in whatever order, no slot holds two alerts."""
    names = firing_after(*steps)
    slots = [name.partition("/")[0] for name in names if not name.startswith("escalation")]
    assert len(slots) == len(set(slots))


@given(st.lists(st.sampled_from(STEPS), max_size=8), st.sampled_from([RECOVERED, RETRACTED]))
def test_an_end_is_an_end(
    steps: list[tuple[AlertKind, str, str]], end: tuple[AlertKind, str, str]
) -> None:
    """After an end nothing fires, whatever came before."""
    assert firing_after(*steps, end) == set()


def test_clocks_do_not_touch_each_other() -> None:
    """Ends name their own clock: neither another target nor a later wait of the same target."""
    recovered = change_of(an_alert(AlertKind.RECOVERED))
    others = (
        an_alert(target="next_response"),
        an_alert(clock_started_at=NINE + timedelta(milliseconds=1)),
    )
    for other in others:
        begins = change_of(other).begins
        assert begins is not None
        assert not begins.startswith(recovered.ends)


def test_quiet_alerts_begin_nothing() -> None:
    """Alerts for the record page nobody, but a quiet end still ends."""
    for kind in (AlertKind.WARNED, AlertKind.BREACHED, AlertKind.ESCALATED):
        change = change_of(an_alert(kind, quiet=True))
        assert change.begins is None
        assert change.ends == ()
    assert change_of(an_alert(AlertKind.RECOVERED, quiet=True)).ends


def test_a_warning_ends_by_itself_soon_after_its_due_time() -> None:
    """Where nobody says that the promise was kept, the warning must not stay."""
    alert = an_alert(AlertKind.WARNED)
    assert alert.due_at is not None
    assert change_of(alert).until == alert.due_at + WARNING_GRACE
    endless = an_alert(AlertKind.WARNED, due_at=None)
    assert change_of(endless).until == endless.announced_at + timedelta(hours=24)


@pytest.mark.parametrize(
    ("state", "ended", "is_over"),
    [
        ("met", True, True),
        ("ended", True, True),
        ("breached", True, True),
        ("breached", False, False),
        ("running", False, False),
        ("paused", False, False),
    ],
)
def test_ended_clocks_of_a_complaint(state: str, ended: bool, is_over: bool) -> None:
    """A breached clock goes on until it has ended; a met one is over."""
    clock = ClockView(
        target="first_response",
        state=state,
        started_at=NINE,
        ended_at=NINE if ended else None,
        limit_seconds=1.0,
        used_seconds=1.0,
    )
    complaint = Complaint(complaint_id="c", customer_id="k", opened_at=NINE, clocks=[clock])
    expected = [clock_name("first_response", NINE)] if is_over else []
    assert list(ended_clocks(complaint)) == expected


def test_labels_hold_nothing_that_changes_while_an_alert_fires() -> None:
    """Time used, owner and words may differ between two posts of an alert; its labels may not."""
    before = an_alert(used_seconds=1.0, owner="", announced_at=NINE)
    after = an_alert(used_seconds=9.0, owner="rep-7", announced_at=NINE + timedelta(hours=3))
    assert labels_of(before, Slot.BREACH) == labels_of(after, Slot.BREACH)
    assert annotations_of(before) != annotations_of(after)


def test_severity_follows_the_slot() -> None:
    """A warning is a warning; what is broken, or calls for a superior, is critical."""
    severities = {slot: labels_of(an_alert(), slot)["severity"] for slot in Slot}
    assert severities == {
        Slot.WARNING: "warning",
        Slot.BREACH: "critical",
        Slot.ESCALATION: "critical",
    }


def test_empty_labels_are_left_out() -> None:
    """Alertmanager drops empty labels; what it keeps must be what was sent."""
    assert all(labels_of(an_alert(region="", team=""), Slot.BREACH).values())
