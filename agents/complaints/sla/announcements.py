"""What must be announced about a complaint's clocks, each once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from agents.complaints.sla.plan import Plan
from schemas.clock import Announced, Announcement, Clock, ComplaintEvent
from schemas.policy import ComplaintContext


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a history: clocks, news, the memory to keep, and when to look again.

    `wake_at` is the earliest instant at which something may become due; it lies at or before `now`
    where something is due already and waits to be announced (`fire=False`). None: nothing ahead.
    """

    clocks: list[Clock]
    announcements: list[Announcement]
    announced: list[Announced]
    wake_at: dt.datetime | None


def announce(
    announced: Sequence[Announced],
    history: Sequence[ComplaintEvent],
    plan: Plan,
    context: ComplaintContext,
    now: dt.datetime,
    *,
    fire: bool,
) -> Outcome:
    """Compare the clocks with what was announced about them.

    `fire=True` (a reached deadline: the partition has read past `now`) announces everything due at
    or before `now`. `fire=False` (any other event, at its arrival) announces only what resolves
    an alert, retracted and recovered; the rest waits for the deadline that `wake_at` asks for, so
    that a complaint and its answer that arrive together late page nobody.
    """
    raise NotImplementedError
