"""How tests of intake make interactions: a record in, the outcome out."""

import json
from datetime import UTC, datetime
from typing import Any

from agents.intake import Accepted, IntakeSettings, take_in
from schemas.common import Channel
from schemas.interaction import Interaction, Origin

RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = Origin("interactions.test.v1", 0, 1)
SETTINGS = IntakeSettings(default_region="CN", own_domains=frozenset({"shop.example"}))
BASE = {"source": "s:1", "id": "1", "occurred_at": "2026-03-01T10:00:00Z"}


def at(text: str) -> datetime:
    """Return a time of the day all tests happen on, such as `10:30` or `10:30:05`."""
    hour, _, rest = text.partition(":")
    return datetime.fromisoformat(f"2026-03-01T{hour:0>2}:{rest}+00:00")


def accepted(channel: Channel, **fields: Any) -> Accepted:
    """Take in a record that must be accepted."""
    fields = {name.rstrip("_"): value for name, value in fields.items()}
    raw = json.dumps(BASE | fields, default=datetime.isoformat).encode()
    outcome = take_in(raw, (), channel, RECEIVED_AT, ORIGIN, SETTINGS)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def interaction(channel: Channel, **fields: Any) -> Interaction:
    """Return the interaction of a record that names its customer by a CRM id."""
    return accepted(channel, **{"customer": [{"kind": "crm", "value": "c7"}]} | fields).interaction
