"""Effects: what a step wants done, as values.

A step returns effects and never acts, so tests compare values. `streams/` executes them behind the
commit barrier: publishing, counting in the live satisfaction tables.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from schemas.alert import SlaAlert
from schemas.command import CommandGiven
from schemas.complaint import Complaint
from schemas.customer import Labels
from schemas.merging import BetweenCustomers
from schemas.rejection import RejectReason
from schemas.satisfaction import SurveyAnswer


class PublishComplaint(Struct, frozen=True, gc=False):
    """A complaint changed: publish it on `complaints.v1` and show it in the live view."""

    complaint: Complaint


class PublishAlert(Struct, frozen=True, gc=False):
    """A clock has something to announce: publish it on `sla-alerts.v1`."""

    alert: SlaAlert


class PublishScore(Struct, frozen=True, gc=False):
    """An answer was counted or withdrawn: publish it on `satisfaction-scores.v1`."""

    answer: SurveyAnswer


class Measure(StrEnum):
    """What can be counted in a satisfaction row; the names are fields of `SatisfactionRow`."""

    CONTACTS = "contacts"
    REPEAT_CONTACTS = "repeat_contacts"
    INTERACTIONS = "interactions"
    COMPLAINTS_OPENED = "complaints_opened"
    COMPLAINTS_RESOLVED = "complaints_resolved"
    COMPLAINTS_REOPENED = "complaints_reopened"
    HAND_OVERS = "hand_overs"
    HAND_BACKS = "hand_backs"
    CSAT = "csat"
    NPS = "nps"
    CES = "ces"
    SERVQUAL = "servqual"
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"
    MET = "met"
    BREACHED = "breached"


class Tally(Struct, frozen=True, gc=False):
    """Add `count` (negative: take back) to `measure` in the windows of `at`, for every label.

    `labels` are the keys of the dimensions (channel, team, category, region, tier); an empty one is
    `unknown`. `value` is the histogram score (csat, nps, ces), the seconds (first_response,
    resolution), the gap (servqual) or the target's name (met, breached); None for plain counts.
    """

    measure: Measure
    at: datetime
    labels: Labels
    value: float | str | None = None
    count: int = 1


class RejectCommand(Struct, frozen=True, gc=False):
    """A command named no complaint of its customer, or came twice in conflict: a dead letter with
    its reason."""

    command: CommandGiven
    reason: RejectReason


class UnknownWord(Struct, frozen=True):
    """Somebody said `word` where a severity or tier was asked for (`field`: severity, tier), and
    neither the policy nor manyi knows it: it counts as not said, and is reported."""

    field: str
    word: str


class TellCustomer(Struct, frozen=True):
    """Put `event` into the log of another customer, its `customer_id`. Complaints in it are no
    longer this customer's: whoever shows them is to forget what it has not shown yet."""

    event: BetweenCustomers


Effect = (
    PublishComplaint
    | PublishAlert
    | PublishScore
    | Tally
    | RejectCommand
    | UnknownWord
    | TellCustomer
)
