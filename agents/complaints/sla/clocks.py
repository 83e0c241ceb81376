"""A complaint's clocks as a pure function of its history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from agents.complaints.sla.plan import Plan
from schemas.clock import Clock, ComplaintEvent
from schemas.policy import ComplaintContext


def evaluate(
    history: Sequence[ComplaintEvent],
    plan: Plan,
    context: ComplaintContext,
    until: dt.datetime,
) -> list[Clock]:
    """Every clock of a complaint as it stands at `until`, in order of start.

    `history` may come in any order and hold duplicates (same id). `context` is the context at
    opening; `changed` events change it. Events later than `until` are taken into account.
    """
    raise NotImplementedError
