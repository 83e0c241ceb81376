"""Stages follow the history: received, acknowledged, in progress, resolved, closed, and back."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from agents.complaints.lifecycle import OWNER, merge_history, progress_of
from schemas.clock import ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.complaint import Stage
from tests.builders import at

WEEK = timedelta(days=7)


def history(*events: Any) -> list[ComplaintEvent]:
    """`("09:00", Kind.OPENED)` pairs as a sorted history."""
    made = [
        ComplaintEvent(at(when), f"e{number}", what, changes=changes[0] if changes else {})
        for number, (when, what, *changes) in enumerate(events)
    ]
    return merge_history([], made, 256)


def stage(*events: Any, now: str = "+1d 00:00") -> Stage:
    """The stage after these events."""
    return progress_of(history(*events), WEEK, at(now)).stage


OPENED = ("09:00", Kind.OPENED)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], Stage.RECEIVED),
        ([("09:10", Kind.BOT_REPLY)], Stage.RECEIVED),
        ([("09:10", Kind.ACKNOWLEDGED)], Stage.ACKNOWLEDGED),
        ([("09:10", Kind.HUMAN_REPLY)], Stage.ACKNOWLEDGED),
        ([("09:10", Kind.HUMAN_REPLY), ("09:20", Kind.HUMAN_REPLY)], Stage.IN_PROGRESS),
        ([("09:10", Kind.CHANGED, {OWNER: "lin"})], Stage.IN_PROGRESS),
        ([("09:10", Kind.RESOLVED)], Stage.RESOLVED),
        ([("09:10", Kind.RESOLVED), ("10:00", Kind.CUSTOMER_MESSAGE)], Stage.IN_PROGRESS),
        ([("09:10", Kind.RESOLVED), ("10:00", Kind.REOPENED)], Stage.IN_PROGRESS),
        ([("09:10", Kind.REOPENED)], Stage.RECEIVED),
    ],
)
def test_stage_follows_events(events: list[Any], expected: Stage) -> None:
    """Each event moves the stage only forward along ISO 10002, a reopening back to work."""
    assert stage(OPENED, *events) is expected


def test_a_resolved_complaint_closes_when_nobody_reopens_it() -> None:
    """Closed after `reopen_within`, at that very instant."""
    resolved = history(OPENED, ("10:00", Kind.RESOLVED))
    before = progress_of(resolved, WEEK, at("+7d 09:59"))
    after = progress_of(resolved, WEEK, at("+7d 10:00"))

    assert before.stage is Stage.RESOLVED
    assert (after.stage, after.closed_at) == (Stage.CLOSED, at("+7d 10:00"))


def test_a_word_after_closing_does_not_reopen() -> None:
    """Past the window it is another matter."""
    assert (
        stage(
            OPENED, ("10:00", Kind.RESOLVED), ("+7d 10:00", Kind.CUSTOMER_MESSAGE), now="+8d 00:00"
        )
        is Stage.CLOSED
    )


def test_the_order_of_arrival_does_not_matter() -> None:
    """Shuffled events give the same stages and times."""
    events = [
        *history(OPENED, ("09:30", Kind.HUMAN_REPLY), ("10:00", Kind.RESOLVED)),
        ComplaintEvent(at("11:00"), "x", Kind.CUSTOMER_MESSAGE),
        ComplaintEvent(at("12:00"), "y", Kind.RESOLVED),
    ]
    expected = progress_of(events, WEEK, at("+1d 00:00"))
    for seed in range(20):
        shuffled = list(events)
        Random(seed).shuffle(shuffled)
        merged: list[ComplaintEvent] = []
        for event in shuffled:
            merged = merge_history(merged, [event], 256)
        assert progress_of(merged, WEEK, at("+1d 00:00")) == expected


def test_a_long_history_keeps_its_beginning_and_its_end() -> None:
    """The clocks start at the beginning; what is open stands at the end."""
    events = [
        ComplaintEvent(at("09:00") + timedelta(minutes=n), f"{n:04}", Kind.CUSTOMER_MESSAGE)
        for n in range(50)
    ]
    kept = merge_history([], events, 10)

    assert [event.id for event in kept] == [f"{n:04}" for n in (0, 1, 2, 3, 4, 45, 46, 47, 48, 49)]
