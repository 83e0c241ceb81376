"""The rules of identity, and a book of links that keeps them in memory.

1. The strongest handle that is linked already says who the customer is
   (crm > email > phone > chat > web). A conversation or an order says so only for a record that
   has nothing else: two people in one mail thread are two customers.
2. Unless a stronger handle of the same record would not fit that customer any more: a mailbox that
   three CRM records share proves nothing about a fourth. Then the next linked handle is asked.
3. Where none says anything, there is a new customer, with an id made of the strongest handle.
4. The handles that were unlinked are linked to the customer found, as far as each kind's limit
   goes. Links are never moved, so a replay finds the same customers again.

`IdentityBook` is what the index in Redis must equal, handle for handle; tests hold them together.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct, field

from agents.intake.handles import CONVERSATION, handle_kind
from agents.intake.ids import customer_id
from schemas.events import IdentityLink


class IdentityLimits(Struct, frozen=True, kw_only=True):
    """Most handles of one kind a customer may have; beyond it a handle is shared, not personal.

    A person has few CRM records, some addresses and numbers, and a browser cookie for every device
    and year. Conversations are not limited in number but in time (see streams.identity).
    """

    crm: int = 3
    email: int = 10
    phone: int = 10
    chat: int = 50
    web: int = 50

    def of(self, kind: str) -> int | None:
        """Return the limit of a kind; None: no limit."""
        limit: int | None = getattr(self, kind, None)
        return limit


class Resolution(Struct, frozen=True, gc=False):
    """Whose a record is. `links` are the handles of its customer that are to be published: those it
    gained by this record, and those it was found by that may not be published yet.

    `conflicts` are handles that belong to another customer and were left there; `over_limit` those
    that were not linked because the customer has enough of their kind.
    """

    customer_id: str
    links: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    over_limit: tuple[str, ...] = ()


class IdentityBook(Struct):
    """All links in memory, for tests, audits and simulations; production keeps them in Redis."""

    limits: IdentityLimits = IdentityLimits()
    owners: dict[str, str] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def resolve(self, handles: Sequence[str]) -> Resolution:
        """Say whose these handles are (at least one, strongest first) and link the new ones."""
        customer = self._known(handles) or customer_id(handles[0])
        linked: list[str] = []
        conflicts: list[str] = []
        over_limit: list[str] = []
        for handle in handles:
            owner = self.owners.get(handle)
            if owner is None:
                (linked if self._link(handle, customer) else over_limit).append(handle)
            elif owner != customer and handle_kind(handle) != CONVERSATION:
                conflicts.append(handle)
        return Resolution(customer, tuple(linked), tuple(conflicts), tuple(over_limit))

    def _known(self, handles: Sequence[str]) -> str | None:
        """The customer of the strongest linked handle whom the stronger unlinked ones still fit."""
        anonymous = handle_kind(handles[0]) == CONVERSATION
        unlinked: list[str] = []
        for handle in handles:
            if handle_kind(handle) == CONVERSATION and not anonymous:
                return None
            owner = self.owners.get(handle)
            if owner is None:
                unlinked.append(handle)
            elif self.fits(owner, unlinked):
                return owner
        return None

    def fits(self, customer: str, handles: Iterable[str]) -> bool:
        """Whether the customer may have all these handles, none of which is linked yet."""
        wanted: dict[str, int] = {}
        for handle in handles:
            kind = handle_kind(handle)
            wanted[kind] = wanted.get(kind, 0) + 1
        return all(
            limit is None or self.counts.get((customer, kind), 0) + count <= limit
            for kind, count in wanted.items()
            for limit in [self.limits.of(kind)]
        )

    def _link(self, handle: str, customer: str) -> bool:
        if not self.fits(customer, [handle]):
            return False
        kind = handle_kind(handle)
        self.owners[handle] = customer
        self.counts[customer, kind] = self.counts.get((customer, kind), 0) + 1
        return True


def identity_links(
    resolution: Resolution, handles: Sequence[str], linked_at: datetime, epoch: int = 0
) -> list[IdentityLink]:
    """Return the links to publish; the evidence is the record's strongest handle.

    `epoch` is the number of the index that made them.
    """
    return [
        IdentityLink(
            handle=handle,
            customer_id=resolution.customer_id,
            linked_at=linked_at,
            evidence=handles[0],
            epoch=epoch,
        )
        for handle in resolution.links
    ]
