"""Customers in bulk: genuine rows and events of a few, copied under as many ids as are wanted."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from benchmarks.contenders.whole import Rules, handle_sets, identified, owners, take, traffic
from schemas.common import Channel
from streams.engine.envelope import NEVER, seal
from streams.pipeline.tables import CUSTOMERS

START_AT = datetime(2026, 3, 2, tzinfo=UTC)
RECORDS, WRITERS = 1_500, 250


class Template(NamedTuple):
    """Bytes of a row or an event, and the ids in them that a copy must not share."""

    body: bytes
    customer: bytes
    own: bytes = b""


def customer_key(number: int) -> bytes:
    """The id of the nth customer, as long as a real one."""
    return str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC834) % (1 << 128))).encode()


class Templates:
    """What simulated customers look like after `interactions` of theirs, and their next events."""

    def __init__(self, interactions: int = 3) -> None:
        rules = Rules()
        records = traffic(RECORDS, WRITERS, START_AT)
        known = owners(handle_sets(records))
        counts: dict[str, int] = {}
        rows: dict[str, bytes] = {}
        self.events: list[Template] = []
        for offset, (channel, _, value, at_ms) in enumerate(records):
            accepted = take(Channel(channel), channel, 0, offset, at_ms, value)
            if accepted is None:
                continue
            found = [who.encode() if (who := known.get(h)) else None for h in accepted.handles]
            customer, event = identified(accepted, found)
            counts[customer] = counts.get(customer, 0) + 1
            if counts[customer] <= interactions:
                rows[customer], _ = rules.fold(rows.get(customer), event)
            own = accepted.interaction.interaction_id.encode()
            self.events.append(Template(event, customer.encode(), own))
        self.rows = [
            Template(row, customer.encode())
            for customer, row in rows.items()
            if counts[customer] >= interactions
        ]

    def sealed_rows(
        self, count: int, wakes_at_ms: Sequence[int] = ()
    ) -> Iterator[tuple[bytes, bytes, int | None]]:
        """Changelog records of so many customers; the nth wakes at the nth time, if there is."""
        for number in range(count):
            key = customer_key(number)
            row = self.rows[number % len(self.rows)]
            wake = wakes_at_ms[number] if wakes_at_ms else NEVER
            body = row.body.replace(row.customer, key)
            yield CUSTOMERS.prefix + key, seal(-1, wake, body), None

    def next_events(
        self, numbers: Sequence[int], first: int = 0
    ) -> Iterator[tuple[bytes, bytes, None]]:
        """Customer events, one for each customer number, each an interaction of its own."""
        for place, number in enumerate(numbers, first):
            event = self.events[place % len(self.events)]
            key = customer_key(number)
            own = customer_key(-1 - place)
            yield key, event.body.replace(event.customer, key).replace(event.own, own), None
