"""An alert in Alertmanager's form: labels that say which alert it is, annotations that say the
rest.

Alertmanager tells alerts apart by their label set alone, so whatever can change during an alert's
life (team, owner, time left) stands in annotations, or is frozen with the alert that began it.
"""

from datetime import UTC, tzinfo

from agents.alerts.firing import Slot
from agents.alerts.wording import compose
from schemas.alert import SlaAlert

SERVICE = "manyi"

_NAMES = {Slot.WARNING: "SlaAtRisk", Slot.BREACH: "SlaBroken", Slot.ESCALATION: "SlaEscalated"}
_SEVERITIES = {Slot.WARNING: "warning", Slot.BREACH: "critical", Slot.ESCALATION: "critical"}


def labels_of(alert: SlaAlert, slot: Slot) -> dict[str, str]:
    """The identity of a firing and what routes it. Keep them: the resolving post needs the same."""
    labels = {
        "alertname": _NAMES[slot],
        "service": SERVICE,
        "severity": _SEVERITIES[slot],
        "complaint_id": alert.complaint_id,
        "target": alert.target,
        "clock_started_at": alert.clock_started_at.isoformat(),
        "step": alert.step or "",
        "escalated_to": alert.to if slot is Slot.ESCALATION else "",
        "complaint_severity": alert.severity,
        "channel": alert.channel,
        "category": alert.category,
        "region": alert.region,
        "tier": alert.tier,
        "team": alert.team,
    }
    return {name: value for name, value in labels.items() if value}


def annotations_of(alert: SlaAlert, zone: tzinfo = UTC) -> dict[str, str]:
    """The words of an alert and the facts that may change while it fires."""
    wording = compose(alert, zone)
    annotations = {
        "summary": wording.title,
        "description": wording.body,
        "next_step": wording.next_step,
        "alert_id": alert.alert_id,
        "customer_id": alert.customer_id,
        "owner": alert.owner,
        "due_at": alert.due_at.isoformat() if alert.due_at else "",
        "policy": alert.policy,
        "policy_version": alert.policy_version,
    }
    return {name: value for name, value in annotations.items() if value}
