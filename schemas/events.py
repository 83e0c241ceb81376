"""The one log per customer: the tagged union of everything that can change a customer."""

from msgspec import Struct

from schemas.command import CommandGiven
from schemas.common import Instant
from schemas.interaction import Interaction
from schemas.merging import BetweenCustomers
from schemas.policy import PolicySet

POLICY_KEY = b"policy"
"""Key of what is about a partition as a whole; no customer has such an id."""


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


class PolicyChanged(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="policy_changed"):
    """From here on this partition knows a new version of the policy; it is about no customer.

    Every partition gets its own copy, at its own place in its log, so which version judges is a
    function of that log alone. `policy` is complete in itself; its digest is the version's name.
    `published_at` orders the versions and is the opening time from which a complaint has this one.
    """

    policy: PolicySet
    published_at: Instant


class PolicyReached(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="policy_reached"):
    """It is this customer's turn to be judged by a retroactive version, `version`.

    Its open complaints change over at the first event after the `PolicyChanged`, whatever it is;
    this is that event where no other comes. `reached_at` is when it was sent.
    """

    customer_id: str
    version: str
    reached_at: Instant


class PolicySettled(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="policy_settled"):
    """Every customer of this partition who had an open complaint has had its turn."""

    version: str
    published_at: Instant


PolicyEvent = PolicyChanged | PolicySettled
"""What is about the partition, not about one of its customers. Its key is `POLICY_KEY`."""

OfCustomer = Interaction | CommandGiven | DeadlineReached | PolicyReached | BetweenCustomers
"""What is about one customer, and stands under its key."""

CustomerEvent = OfCustomer | PolicyEvent
"""What stands on `customer-events.v1`; the JSON field `type` names which."""


class PolicyPublished(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version of the policy. Topic `sla-policies.v1`, compacted, key the version's digest.

    The one with the latest `published_at` is in force; a version that comes back into force is
    published again. `published_by` says by whom: a file's name as a worker or a person gave it.
    """

    policy: PolicySet
    published_at: Instant
    published_by: str = ""
    version: int = 1


class IdentityLink(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A handle belongs to a customer. Topics `identity-links.v1`, compacted, and, for conversations
    and orders, `conversation-links.v1`, kept for 31 days. Key: the handle, `#`, the epoch.

    It is the truth the index in Redis is rebuilt from. `epoch` is the number of the index that made
    it: where a handle has several links, that with the highest epoch holds.
    """

    handle: str
    customer_id: str
    linked_at: Instant
    evidence: str = ""
    epoch: int = 0
    version: int = 1
