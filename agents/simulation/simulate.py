"""Runs the stories of one simulated contact centre side by side and yields their records in time.

A heap holds one pending record per living story, so memory depends on how many contacts are under
way (some thousand), not on how many events are asked for.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count as counter
from random import Random
from typing import Any
from zlib import crc32

from msgspec import Struct

from agents.simulation.mess import bent, broken, delay_of, duplicate_of
from agents.simulation.people import populate
from agents.simulation.stories import contact
from agents.simulation.world import Arrivals, Emission, EventClass, Story, World

CHANNELS: tuple[str, ...] = ("phone", "email", "chat", "web", "commands")
"""Where a simulated event can go: the four contact channels and the topic of commands."""

DEFAULT_CUSTOMERS = 5_000
DEFAULT_CONTACTS_PER_DAY = 20_000.0
"""A mid-sized centre: about 150,000 records a day, not quite two a second on average."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class SimulatedEvent(Struct, frozen=True):
    """One record to publish: when (arrival, not occurrence), where, under which key, what.

    `record` is a JSON-ready dict, or bytes where the record is broken (`fault` names how). Dicts
    share parts with each other: read them, never change them.
    """

    at: datetime
    channel: str
    key: str
    record: dict[str, Any] | bytes
    label: EventClass
    fault: str | None = None


def simulate(
    seed: int,
    count: int,
    start_at: datetime,
    *,
    customers: int = DEFAULT_CUSTOMERS,
    contacts_per_day: float = DEFAULT_CONTACTS_PER_DAY,
    messy_share: float = 0.0,
    channels: Collection[str] = CHANNELS,
) -> Iterator[SimulatedEvent]:
    """Exactly `count` events from `start_at` (aware) on, in order of arrival.

    `messy_share` is the share of broken records on top of the usual late and doubled ones.
    ValueError for a naive start, a negative count, an unknown channel, or shares and rates that
    make no sense.
    """
    _check(count, start_at, contacts_per_day, messy_share, channels)
    return _Run(seed, start_at, customers, contacts_per_day, messy_share).events(
        count, frozenset(channels)
    )


def _check(
    count: int,
    start_at: datetime,
    contacts_per_day: float,
    messy_share: float,
    channels: Collection[str],
) -> None:
    if start_at.tzinfo is None:
        raise ValueError("start_at needs a time zone, such as 2026-03-02T08:00:00+08:00")
    if count < 0:
        raise ValueError(f"count must not be negative: {count}")
    if not contacts_per_day > 0:
        raise ValueError(f"contacts_per_day must be above 0, not {contacts_per_day}")
    if not 0.0 <= messy_share <= 1.0:
        raise ValueError(f"messy_share must be between 0 and 1, not {messy_share}")
    unknown = set(channels) - set(CHANNELS)
    if unknown or not channels:
        known = ", ".join(CHANNELS)
        raise ValueError(f"unknown channel {', '.join(sorted(unknown))!r}; known are {known}")


_Pending = tuple[int, int, Emission, Story | None, str | None, bytes | None]


class _Run:
    """The heap of pending records and the stories behind them."""

    def __init__(
        self,
        seed: int,
        start_at: datetime,
        customers: int,
        contacts_per_day: float,
        messy_share: float,
    ) -> None:
        start_ms = (start_at - _EPOCH) // _MS
        rng = Random(seed)
        run = f"{crc32(f'{seed}/{start_ms}/{customers}/{contacts_per_day}'.encode()):08x}"
        self._world = World(rng, populate(Random(seed), customers), run)
        self._world.spawn = self._spawn
        self._arrivals = Arrivals(self._world, start_ms, contacts_per_day)
        self._messy_share = messy_share
        self._order = counter()
        self._heap: list[_Pending] = []
        self._next_contact: tuple[int, str] = self._arrivals.next()

    def events(self, count: int, channels: frozenset[str]) -> Iterator[SimulatedEvent]:
        last_ms = 0
        for pending in self._pending():
            if count <= 0:
                return
            at_ms, _, emission, _, fault, body = pending
            if emission.channel not in channels:
                continue
            last_ms = max(last_ms, at_ms)
            count -= 1
            yield SimulatedEvent(
                _EPOCH + last_ms * _MS,
                emission.channel,
                emission.key,
                emission.record if body is None else body,
                emission.label,
                fault,
            )

    def _pending(self) -> Iterator[_Pending]:
        """Every record in order of arrival, without end; contacts begin as their time comes."""
        heap = self._heap
        while True:
            while not heap or self._next_contact[0] <= heap[0][0]:
                at_ms, region = self._next_contact
                self._spawn(contact(self._world, region, at_ms, self._arrivals.outage))
                self._next_contact = self._arrivals.next()
            pending = heappop(heap)
            story = pending[3]
            if story is None:
                yield pending
                continue
            self._spawn(story)
            yield from self._on_its_way(pending)

    def _spawn(self, story: Story) -> None:
        """Let a story go on to its next record."""
        emission = next(story, None)
        if emission is not None:
            self._push(emission, story)

    def _push(
        self,
        emission: Emission,
        story: Story | None,
        fault: str | None = None,
        body: bytes | None = None,
    ) -> None:
        heappush(self._heap, (emission.at_ms, next(self._order), emission, story, fault, body))

    def _on_its_way(self, pending: _Pending) -> Iterator[_Pending]:
        """The record itself, or its later arrival; its double and a broken record beside it."""
        world = self._world
        emission = pending[2]
        body, fault = None, None
        double = duplicate_of(world, emission)
        if double is not None:
            self._push(double, None)
        elif self._messy_share and world.chance(self._messy_share):
            # A double of a bent record would be the same record with other bytes: not this case.
            if emission.channel != "commands" and world.chance(0.3):
                body, fault = bent(world, emission)
            else:
                wreck, name = broken(world, emission)
                self._push(emission._replace(label=EventClass.MALFORMED), None, name, wreck)
        delay_ms, late = delay_of(world)
        if delay_ms:
            label = EventClass.LATE if late else emission.label
            delayed = emission._replace(at_ms=emission.at_ms + delay_ms, label=label)
            self._push(delayed, None, fault, body)
        else:
            yield (*pending[:4], fault, body)
