"""Two customers who are one person: what their logs tell each other.

Identity never moves: the handles of both stay where they are, and so does everything that is about
one of them alone (timeline, conversations, scores, what the tables count of them). What moves is
what a promise rests on, the complaints. A customer who was merged sends them to the other's log,
and from then on everything that may concern a complaint.

Every record names its sender and carries a number that only grows in what that sender sends: a
record that comes again after a crash is recognised, whoever else wrote between.
"""

from datetime import datetime

from msgspec import Struct, field

from schemas.command import CommandGiven
from schemas.common import CustomerProfile, Instant
from schemas.customer import ComplaintState, CountedAmount, JoinedComplaint, Thread
from schemas.interaction import Interaction


class Belongings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a customer that complaints depend on: who they are, what they wrote about,
    what they bought (`totals` in ten-thousandths, by currency)."""

    customer_id: str
    profile: CustomerProfile = CustomerProfile()
    profile_at: Instant | None = None
    threads: list[Thread] = field(default_factory=list)
    amounts: list[CountedAmount] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)


class Relay(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one customer's log tells another's, whose id is the key.

    `sent_at` is when the first sender learned what is told.
    """

    customer_id: str
    sender: str
    sent_at: Instant
    number: int = 0


class CustomersMerged(Relay, frozen=True, kw_only=True, omit_defaults=True, tag="customers_merged"):
    """Two customers are one person; `customer_id` goes on, `merged_id` sends its complaints there.

    `belongings` are those of the merged customer, and of all who were merged into it before.
    `command` is that of whoever knows it.
    """

    merge_id: str
    merged_id: str
    command: CommandGiven
    belongings: list[Belongings] = field(default_factory=list)


class ComplaintsMoved(Relay, frozen=True, kw_only=True, omit_defaults=True, tag="complaints_moved"):
    """Complaints as rows hold them, on their way into a merge, or back because it was refused
    (`returned`) or undone (`origins`: whose they are).

    `policy_at` says which retroactive version of the policy they have had their turn of. `is_last`:
    nothing more comes of this merge or undoing.
    """

    merge_id: str
    merged_id: str
    complaints: list[ComplaintState] = field(default_factory=list)
    joined: list[JoinedComplaint] = field(default_factory=list)
    policy_at: datetime | None = None
    returned: bool = False
    origins: list[str] = field(default_factory=list)
    is_last: bool = False


class Forwarded(Relay, frozen=True, kw_only=True, omit_defaults=True, tag="forwarded"):
    """Something happened to a merged customer, `origin`: for the complaints, wherever they are.

    It was admitted and counted in the log of its own customer. `changes` and `added` are what it
    changed there: tier and region, and purchases by currency.
    """

    origin: str
    event: Interaction | CommandGiven
    changes: dict[str, str] = {}
    added: dict[str, int] = {}


class MergeUndone(Relay, frozen=True, kw_only=True, omit_defaults=True, tag="merge_undone"):
    """The merge is taken back: `merged_id` wants its complaints, and those of all in `origins`."""

    merge_id: str
    merged_id: str
    origins: list[str]


BetweenCustomers = CustomersMerged | ComplaintsMoved | Forwarded | MergeUndone
"""What the logs of two customers tell each other."""
