"""The views that can be put, and the Redis commands that write each of them."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from agents.satisfaction.rollup import RowKey
from schemas.complaint import Complaint
from schemas.explanation import ComplaintHistory
from schemas.policy import PolicySet
from schemas.satisfaction import SatisfactionRow
from schemas.view import CustomerCard
from streams.views.commands import Commands
from streams.views.facts import card_of, epoch_ms, facts_of, is_open
from streams.views.keys import KEPT_OF_CUSTOMER, ViewKeys

_encode = msgspec.json.Encoder().encode

ItemKey = tuple[str | int, ...]
"""What an item replaces: two items of one key are two states of one view, and the newer holds."""


class CustomerItem(msgspec.Struct, frozen=True, gc=False):
    """A customer's card."""

    card: CustomerCard

    @property
    def key(self) -> ItemKey:
        """One view per customer."""
        return ("customer", self.card.customer_id)

    def write(self, pipe: Commands, keys: ViewKeys) -> None:
        """Add the commands to those of a round trip."""
        card = self.card
        pipe.set(keys.customer(card.customer_id), _encode(card))
        if card.last_at is not None:
            pipe.zadd(keys.customers, {card.customer_id: epoch_ms(card.last_at)})


class ComplaintItem(msgspec.Struct, frozen=True, gc=False):
    """A complaint, open or ended, with its customer's name."""

    complaint: Complaint
    customer_name: str = ""

    @property
    def key(self) -> ItemKey:
        """One view per complaint."""
        return ("complaint", self.complaint.complaint_id)

    def write(self, pipe: Commands, keys: ViewKeys) -> None:
        """Add the commands: the record, and the one list it stands in."""
        complaint = self.complaint
        name = complaint.complaint_id
        card = card_of(complaint, self.customer_name)
        listed = keys.complaints_of(complaint.customer_id)
        pipe.set(keys.complaint(name), _encode(card))
        pipe.zadd(listed, {name: epoch_ms(complaint.opened_at)})
        pipe.keep_newest(listed, KEPT_OF_CUSTOMER)
        if is_open(complaint):
            due = card.next_due_at
            pipe.zadd(keys.open, {name: "+inf" if due is None else epoch_ms(due)})
            pipe.hset(keys.open_facts, name, _encode(facts_of(complaint)))
        else:
            pipe.zrem(keys.open, name)
            pipe.hdel(keys.open_facts, name)
        ended_at = complaint.closed_at or complaint.resolved_at or complaint.opened_at
        for stage_list in (keys.resolved, keys.closed):
            if stage_list == keys.ended(complaint.stage):
                pipe.zadd(stage_list, {name: epoch_ms(ended_at)})
            else:
                pipe.zrem(stage_list, name)


class HistoryItem(msgspec.Struct, frozen=True, gc=False):
    """What a complaint's clocks follow from, for those who ask why."""

    history: ComplaintHistory

    @property
    def key(self) -> ItemKey:
        """One view per complaint."""
        return ("history", self.history.complaint_id)

    def write(self, pipe: Commands, keys: ViewKeys) -> None:
        """Add the command to those of a round trip."""
        pipe.set(keys.history(self.history.complaint_id), _encode(self.history))


class PolicyItem(msgspec.Struct, frozen=True, gc=False):
    """A version of the policy file: it explains the complaints it judged, even after a newer."""

    policy: PolicySet

    @property
    def key(self) -> ItemKey:
        """One view per version."""
        return ("policy", self.policy.digest)

    def write(self, pipe: Commands, keys: ViewKeys) -> None:
        """Add the command to those of a round trip."""
        pipe.set(keys.policy(self.policy.digest), _encode(self.policy))


class SatisfactionItem(msgspec.Struct, frozen=True, gc=False):
    """One partition's counts of one satisfaction row."""

    partition: int
    row_key: RowKey
    row: SatisfactionRow

    @property
    def key(self) -> ItemKey:
        """One view per partition and row."""
        return ("satisfaction", self.partition, *self.row_key)

    def write(self, pipe: Commands, keys: ViewKeys) -> None:
        """Add the commands to those of a round trip."""
        window, hour, dimension, key = self.row_key
        field = f"{self.partition}:{key}"
        pipe.hset(keys.satisfaction(window, hour, dimension), field, _encode(self.row))
        pipe.zadd(keys.starts(window), _start(hour))


@lru_cache(maxsize=1_000)
def _start(hour: int) -> Mapping[str, int]:
    """A start as the member of a sorted set."""
    return {str(hour): hour}


class CountsItem(msgspec.Struct, frozen=True, gc=False):
    """The counts of one partition, as a field of a hash."""

    hash_key: str
    field: str
    counts: Mapping[str, Any]

    @property
    def key(self) -> ItemKey:
        """One view per field."""
        return (self.hash_key, self.field)

    def write(self, pipe: Commands, keys: ViewKeys) -> None:
        """Add the command to those of a round trip."""
        pipe.hset(self.hash_key, self.field, _encode(self.counts))


ViewItem = CustomerItem | ComplaintItem | HistoryItem | PolicyItem | SatisfactionItem | CountsItem
"""Anything that is shown."""

RebuildSource = Callable[[int], Iterable[ViewItem]]
"""All views of an owned partition, from its rows; read little by little."""
