"""Journeys driven through the customer step of production: interactions, commands and reached
deadlines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.clocks import evaluate
from agents.complaints.sla.journey_file import Journey, JourneyEvent
from agents.complaints.sla.journeys import MAX_WAKES
from agents.complaints.sla.plan import Plan
from agents.customer.step import step, wake_at
from agents.effects import PublishAlert
from schemas.clock import Announcement, Clock
from schemas.command import Action, Command, CommandGiven
from schemas.common import (
    Actor,
    ActorType,
    Channel,
    CustomerProfile,
    Direction,
    Visibility,
)
from schemas.customer import CustomerState
from schemas.events import DeadlineReached, OfCustomer
from schemas.interaction import Interaction, Origin
from schemas.policy import Target

CUSTOMER = "journey"
_ACTORS = {"customer": ActorType.CUSTOMER, "staff": ActorType.HUMAN, "bot": ActorType.BOT}
_KINDS = {
    Channel.PHONE: "call_answered",
    Channel.EMAIL: "email_received",
    Channel.CHAT: "message",
    Channel.WEB: "form_submitted",
}
_PRIORITY = {"critical": "urgent", "high": "high", "medium": "medium", "low": "low"}


class StepDriver:
    """One customer in a world whose clock the journey moves (a `JourneyDriver`)."""

    def __init__(self, journey: Journey) -> None:
        self._rulebook = Rulebook(Plan(journey.policy), ComplaintRules())
        self._journey = journey
        self._state: CustomerState | None = None
        self._announced: list[Announcement] = []
        self._now = dt.datetime.min.replace(tzinfo=dt.UTC)

    def arrive(self, event: JourneyEvent) -> None:
        """Fold the event as it would come from intake."""
        self._now = event.arrives
        self._fold(self._command(event) if event.command else self._interaction(event))

    def advance(self, to: dt.datetime, *, inclusive: bool) -> None:
        """Fire the deadlines the row asks for, each at its own instant."""
        for _ in range(MAX_WAKES):
            due = wake_at(self._state) if self._state is not None else None
            wake = None if due is None else max(due, self._now)
            if wake is None or wake > to or (wake == to and not inclusive):
                self._now = max(self._now, to)
                return
            self._now = wake
            self._fold(
                DeadlineReached(
                    deadline_id=str(uuid5(NAMESPACE_URL, wake.isoformat())),
                    customer_id=CUSTOMER,
                    wake_at=wake,
                    read_through_at=wake,
                )
            )
        raise RuntimeError(f"more than {MAX_WAKES} deadlines in one journey")

    def clocks(self) -> Sequence[Clock]:
        """Every clock of the complaint as it stands now."""
        if self._state is None or not self._state.complaints:
            return []
        complaint = self._state.complaints[-1]
        return evaluate(complaint.history, self._rulebook.plan, complaint.context, self._now)

    @property
    def announced(self) -> Sequence[Announcement]:
        """Everything announced so far."""
        return self._announced

    @property
    def state(self) -> CustomerState | None:
        """The row as it stands."""
        return self._state

    def _fold(self, event: OfCustomer) -> None:
        result = step(self._state, event, self._rulebook)
        self._state = result.state
        for effect in result.effects:
            if isinstance(effect, PublishAlert):
                alert = effect.alert
                self._announced.append(
                    Announcement(
                        at=alert.at,
                        announced_at=alert.announced_at,
                        kind=alert.kind,
                        target=Target(alert.target),
                        instance="",
                        step=alert.step or "",
                        to=alert.to,
                        team=alert.team if alert.target == Target.HAND_OVER else "",
                        clock_started_at=alert.clock_started_at,
                        due_at=alert.due_at,
                        breached_at=alert.breached_at,
                        ended_at=alert.ended_at,
                    )
                )

    def _interaction(self, event: JourneyEvent) -> Interaction:
        name = f"event-{event.number:04}"
        channel = Channel(event.channel)
        said = event.complaint
        speaks = event.actor == "customer"
        answers = event.actor in ("staff", "bot")
        customer = self._journey.customer
        return Interaction(
            interaction_id=str(uuid5(NAMESPACE_URL, name)),
            customer_id=CUSTOMER,
            channel=channel,
            kind=(said or {}).get("kind") or _KINDS[channel],
            occurred_at=event.at,
            received_at=event.arrives,
            source="journey",
            source_id=name,
            origin=Origin(f"interactions.{channel}.v1", 0, event.number),
            body_hash=name,
            direction=Direction.IN if speaks else Direction.OUT,
            actor=Actor(_ACTORS.get(event.actor, ActorType.HUMAN), team=event.changes.get("team")),
            team=(said or {}).get("team"),
            visibility=Visibility.PRIVATE if event.actor == "note" else Visibility.PUBLIC,
            sequence=event.number,
            contact_at=event.at if speaks else None,
            response_at=event.at if answers else None,
            complaint=True if said is not None else None,
            category=(said or {}).get("category"),
            tags=[said["tag"]] if said and "tag" in said else [],
            priority=(said or {}).get("priority")
            or _PRIORITY.get((said or {}).get("severity", "")),
            customer_profile=CustomerProfile(
                tier=customer.get("tier"),
                region=customer.get("region"),
                timezone=customer.get("timezone"),
                language=customer.get("language"),
            ),
        )

    def _command(self, event: JourneyEvent) -> CommandGiven:
        name = f"event-{event.number:04}"
        changes = event.changes
        return CommandGiven(
            command_id=name,
            customer_id=CUSTOMER,
            occurred_at=event.at,
            received_at=event.arrives,
            origin_topic="commands.v1",
            origin_partition=0,
            origin_offset=event.number,
            command=Command(
                source="journey",
                id=name,
                action=Action(event.command),
                reason=event.reason or None,
                severity=changes.get("severity"),
                category=changes.get("category"),
                team=changes.get("team"),
                owner=changes.get("owner"),
                priority=changes.get("priority"),
                tier=changes.get("tier"),
            ),
        )
