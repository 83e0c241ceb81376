"""The one log per customer: the tagged union of everything that can change a customer."""

from msgspec import Struct

from schemas.command import CommandGiven
from schemas.common import Instant
from schemas.interaction import Interaction


class DeadlineReached(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="deadline_reached"
):
    """The partition has read past an instant the customer's row asked to be woken at.

    `deadline_id` is UUIDv5 of (customer, `wake_at`), so a repeated firing is recognised. Everything
    true up to `read_through_at` may be announced.
    """

    deadline_id: str
    customer_id: str
    wake_at: Instant
    read_through_at: Instant


class CustomersMerged(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="customers_merged"
):
    """Two customers are one person; `customer_id` goes on. `evidence` is the proving handle."""

    merge_id: str
    customer_id: str
    merged_id: str
    occurred_at: Instant
    evidence: str = ""


CustomerEvent = Interaction | CommandGiven | DeadlineReached | CustomersMerged
"""What stands on `customer-events.v1`; the JSON field `type` names which."""


class IdentityLink(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A handle belongs to a customer. Topic `identity-links.v1`, compacted, key the handle.

    It is the truth the index in Redis can be rebuilt from.
    """

    handle: str
    customer_id: str
    linked_at: Instant
    evidence: str = ""
    version: int = 1
