"""A complaint with everything that can happen to clocks, as the views keep it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from agents.complaints.sla.policy_file import parse_policy
from schemas.clock import Announced, ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.complaint import Complaint, OpenReason, Reason, Severity, Stage
from schemas.explanation import ComplaintHistory
from schemas.policy import ComplaintContext, Target

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 17, 6, 32, 8, tzinfo=UTC)
"""Tuesday 14:32:08 in Shanghai."""

POLICY = parse_policy("""
version: 1
timezone: Asia/Shanghai
calendars:
  office: {hours: {mon-fri: ["09:00-18:00"]}, holidays: CN}
policies:
- name: vip
  when: {tier: [vip]}
  targets:
    first_response: {within: 2h, calendar: office}
    next_response: {within: 1h, calendar: office, escalate: [{after: 10m, to: lead}]}
    total_resolution: {within: 16h, calendar: office, pause_while: [waiting_for_customer]}
    hand_over: {within: 8h, calendar: office, teams: [{from: Service, to: Delivery, within: 30m}]}
- {name: all, targets: {first_response: {within: 24h}}}
""")


def local(text: str) -> datetime:
    """`17 13:20` November 2026 in Shanghai."""
    day, _, time = text.partition(" ")
    wall = datetime.fromisoformat(f"2026-11-{day}T{time}")
    return wall.replace(tzinfo=SHANGHAI).astimezone(UTC)


def event(when: str, what: Kind, name: str, **fields: object) -> ComplaintEvent:
    """One thing that happened."""
    return ComplaintEvent(local(when), name, what, **fields)  # type: ignore[arg-type]


HISTORY = [
    event("16 16:40", Kind.OPENED, "call-1", channel="phone"),
    event("17 09:21", Kind.HUMAN_REPLY, "mail-1", channel="email", team="Service"),
    event("17 10:30", Kind.PAUSED, "pause-1", reason="waiting_for_customer"),
    event("17 13:20", Kind.CUSTOMER_MESSAGE, "call-2", channel="phone"),
    event("17 13:40", Kind.CHANGED, "assign-1", changes={"attributes.team": "Delivery"}),
]

KEPT = ComplaintHistory(
    complaint_id="k-20481",
    customer_id="c-77",
    context=ComplaintContext(
        tier="vip", channel="phone", severity="high", attributes={"team": "Service"}
    ),
    history=HISTORY,
    announced=[
        Announced(
            Target.NEXT_RESPONSE, "call-2", local("17 13:20"), 0, ("50%", "80%"), True, {"lead": 1}
        )
    ],
    policy_version=POLICY.digest,
)

COMPLAINT = Complaint(
    complaint_id="k-20481",
    customer_id="c-77",
    stage=Stage.IN_PROGRESS,
    severity=Severity.HIGH,
    summary="到货短缺，这已经是第三次了 <b>&",
    reasons=[Reason(OpenReason.REPEATED_CONTACT)],
    channel="phone",
    tier="vip",
    team="Delivery",
    language="zh",
    opened_at=local("16 16:40"),
)
"""The words of a customer may look like markup."""
