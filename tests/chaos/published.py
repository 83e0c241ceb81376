"""What the workers publish for others: complaints and alerts."""

import msgspec

from agents.customer.oracle import differences
from schemas.alert import SlaAlert
from schemas.complaint import Complaint
from streams import topics
from tests.chaos import reading
from tests.chaos.judge import Judge

_decode_complaint = msgspec.json.Decoder(Complaint).decode
_decode_alert = msgspec.json.Decoder(SlaAlert).decode


async def judge_published(judge: Judge) -> None:
    """Compare the newest complaints, and all alerts, with what the log of events gives."""
    await _complaints(judge)
    await _alerts(judge)


async def _complaints(judge: Judge) -> None:
    check = judge.verdict.check("complaints")
    expected = {name: c for o in judge.oracles.values() for name, c in o.complaints.items()}
    newest: dict[str, Complaint] = {}
    async for record in reading.records(judge.broker, topics.COMPLAINTS):
        complaint = _decode_complaint(record.value)
        known = newest.get(complaint.complaint_id)
        if known is None or complaint.change_count >= known.change_count:
            newest[complaint.complaint_id] = complaint
    check.compared = len(expected)
    check.wrong += [f"complaint {name}" for name in differences(expected, newest)]


async def _alerts(judge: Judge) -> None:
    check = judge.verdict.check("alerts")
    expected = {name for oracle in judge.oracles.values() for name in oracle.alert_ids}
    bodies_of: dict[str, set[bytes]] = {}
    async for record in reading.records(judge.broker, topics.SLA_ALERTS):
        alert = _decode_alert(record.value)
        bodies_of.setdefault(alert.alert_id, set()).add(record.value)
    check.sets("alert", expected, bodies_of)
    check.wrong += [
        f"alert {name} says {len(bodies)} different things"
        for name, bodies in bodies_of.items()
        if len(bodies) > 1
    ]
