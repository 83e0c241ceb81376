"""Which alerts fire because of an announcement, and which stop.

A clock has slots: one for its warning, one for its breach, one per person an escalation calls. A
newer warning replaces the older one and a breach replaces the warning, so that nobody sees both;
`retracted` and `recovered` end everything the clock had raised.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from schemas.alert import AlertKind, SlaAlert
from schemas.complaint import Complaint

WARNING_GRACE = timedelta(minutes=10)
"""A warning ends this long after its clock was due, whatever else is or is not heard."""

WARNING_WITHOUT_DUE = timedelta(hours=24)
"""A warning of a clock without a due time (its calendar never opens again) ends after a day."""

FIRING_LIMIT = timedelta(days=30)
"""No alert fires longer: after a month it is not an alert but a state of the house."""

ENDED_STATES = frozenset(("met", "breached", "ended"))


class Slot(StrEnum):
    """What kind of alert of a clock a firing is."""

    WARNING = "warning"
    BREACH = "breach"
    ESCALATION = "escalation"


class Change(Struct, frozen=True, kw_only=True):
    """What an announcement changes about a clock's firing alerts.

    `begins` names the firing that begins (None: none); every firing of the clock whose name starts
    with one of `ends` stops. `until` is when the new firing stops by itself.
    """

    clock: str
    begins: str | None = None
    slot: Slot | None = None
    ends: tuple[str, ...] = ()
    until: datetime | None = None


def clock_name(target: str, clock_started_at: datetime) -> str:
    """The name of a clock within its complaint: target and start, stable over its whole life."""
    return f"{target}@{int(clock_started_at.timestamp() * 1000)}"


def change_of(alert: SlaAlert) -> Change:
    """What `alert` begins and ends. A quiet alert begins nothing, but may end."""
    clock = clock_name(alert.target, alert.clock_started_at)
    if alert.kind in (AlertKind.RETRACTED, AlertKind.RECOVERED):
        return Change(clock=clock, ends=tuple(f"{clock}/{slot}" for slot in Slot))
    if alert.quiet:
        return Change(clock=clock)
    warnings = f"{clock}/{Slot.WARNING}"
    if alert.kind is AlertKind.WARNED:
        due_at = alert.due_at
        return Change(
            clock=clock,
            begins=f"{warnings}/{alert.step or ''}",
            slot=Slot.WARNING,
            ends=(warnings,),
            until=due_at + WARNING_GRACE if due_at else alert.announced_at + WARNING_WITHOUT_DUE,
        )
    until = alert.announced_at + FIRING_LIMIT
    if alert.kind is AlertKind.BREACHED:
        begins, slot = f"{clock}/{Slot.BREACH}", Slot.BREACH
        return Change(clock=clock, begins=begins, slot=slot, ends=(warnings,), until=until)
    # `manager#2` replaces `manager#1`: the same person, called again.
    person = f"{clock}/{Slot.ESCALATION}/{alert.to or (alert.step or '').partition('#')[0]}"
    return Change(
        clock=clock,
        begins=f"{person}#{alert.step or ''}",
        slot=Slot.ESCALATION,
        ends=(f"{person}#",),
        until=until,
    )


def ended_clocks(complaint: Complaint) -> Iterable[str]:
    """Names of the clocks of a complaint that have ended: no warning of theirs may go on.

    A clock that was warned about and then met is announced by nobody, but `complaints.v1` shows it.
    A breached clock is not named before it has ended: it goes on firing until then.
    """
    for clock in complaint.clocks:
        if clock.ended_at is not None and clock.state in ENDED_STATES:
            yield clock_name(clock.target, clock.started_at)
