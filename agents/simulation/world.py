"""The simulated world: who calls when, how busy it is, and what a story needs to write a record.

Times are integer milliseconds since 1970 UTC; everything random comes from one `random.Random`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import exp
from random import Random
from typing import Any, NamedTuple, TypeVar

from agents.complaints.detection.words import detect_words
from agents.simulation import texts
from agents.simulation.people import REGIONS, TEAMS, Customer, Population

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

DAY_CURVE: tuple[float, ...] = (
    *(0.12, 0.07, 0.05, 0.04, 0.05, 0.10, 0.25, 0.50, 0.85, 1.20, 1.35, 1.30),
    *(1.00, 1.05, 1.20, 1.20, 1.10, 1.00, 0.95, 1.00, 1.05, 0.90, 0.55, 0.28),
)
"""Contacts by local hour, shaped like a shop's: a morning peak, a lunch dip, a long evening."""

_MEAN_BUSYNESS = sum(DAY_CURVE) / len(DAY_CURVE)
WEEKEND = 0.6
OUTAGE_EVERY_HOURS = 36.0
OUTAGE_MINUTES = (20.0, 90.0)
OUTAGE_LOAD = 4.0
"""During an outage four times as many people turn up, and wait four times as long."""

RECENT_ORDERS = 4_096
"""Orders a later contact can be about; a bound, so that a long simulation stays small."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_MS = timedelta(milliseconds=1)
T = TypeVar("T")


class EventClass(StrEnum):
    """What a simulated event is, for the summary at the end."""

    CONTACT = "contact"
    REPLY = "reply"
    CALL_LEG = "call_leg"
    BOT = "bot"
    AUTOMATIC = "automatic"
    RATING = "rating"
    COMMERCE = "commerce"
    PROBLEM = "problem"
    COMMAND = "command"
    CORRECTION = "correction"
    LATE = "late"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"


class Emission(NamedTuple):
    """One record a story publishes at `at_ms`; `channel` is a channel or `commands`."""

    at_ms: int
    channel: str
    key: str
    record: dict[str, Any]
    label: EventClass


Story = Iterator[Emission]
"""What happens to one customer, in order of time. Stories are generators, so only the living cost
memory.
"""


class Order(NamedTuple):
    """A purchase somebody may come back about."""

    number: str
    customer: Customer
    amount: str


class Matter:
    """One problem of one customer, followed across contacts and channels."""

    __slots__ = (
        "attempts",
        "category",
        "customer",
        "handles",
        "on_record_as",
        "order",
        "representative",
        "solved",
        "thread",
        "unhappy",
        "world",
    )

    def __init__(self, world: "World", order: Order, category: str, unhappy: bool) -> None:
        self.world = world
        self.order = order
        self.customer = order.customer
        self.category = category
        self.unhappy = unhappy
        self.attempts = 0
        self.handles = order.customer.by_email
        """How the customer is known in the contact under way."""
        self.on_record_as: list[dict[str, str]] | None = None
        """How the customer was known when they complained so plainly that staff took it down."""
        self.solved = False
        self.thread: str | None = None
        self.representative = world.representative(category)

    @property
    def refs(self) -> list[dict[str, str]]:
        """What a record of this matter refers to."""
        return [{"kind": "order", "value": self.order.number}]

    def take_down(self) -> None:
        """There is a complaint now, and staff work on it."""
        self.on_record_as = self.on_record_as or self.handles


class World:
    """Shared by all stories of one run: randomness, people, ids, load, and stories yet to begin."""

    def __init__(self, rng: Random, population: Population, run: str) -> None:
        self.rng = rng
        self.population = population
        self.run = run
        self.load = 1.0
        self.spawn: Callable[[Story], None] = _nowhere
        self._last_id = 0
        self._orders: deque[Order] = deque(maxlen=RECENT_ORDERS)

    def next_id(self, kind: str) -> str:
        """An id unique over runs of other seeds and start times."""
        self._last_id += 1
        return f"{kind}:{self.run}-{self._last_id}"

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`; several times quicker than random.choice, and it is called a lot."""
        return options[int(self.rng.random() * len(options))]

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.rng.random() < probability

    def wait_ms(self, median_seconds: float, sigma: float = 0.8) -> int:
        """A log-normal wait, the shape of human response times, in milliseconds."""
        return int(median_seconds * exp(self.rng.gauss(0.0, sigma)) * SECOND_MS) + 1

    def customer(self, region: str) -> Customer:
        """Somebody of a region; a few people turn up far more often than most."""
        people = self.population.by_region[region]
        return people[int(self.rng.random() ** 2 * len(people))]

    def representative(self, category: str) -> dict[str, Any]:
        """Somebody of the team that looks after a category, as a record's actor."""
        return self.pick(self.population.representatives[TEAMS.get(category, "front-office")])

    def new_order(self, customer: Customer) -> Order:
        """A purchase, remembered for later contacts."""
        self._last_id += 1
        amount = f"{int(exp(self.rng.gauss(5.0, 1.0)) * 100) / 100:.2f}"
        order = Order(f"{self.run[:4].upper()}{self._last_id:08d}", customer, amount)
        self._orders.append(order)
        return order

    def order_of(self, customer: Customer) -> Order:
        """The order a contact of `customer` is about: a remembered one of theirs, or another."""
        for _ in range(4):
            if self._orders:
                order = self.pick(self._orders)
                if order.customer is customer:
                    return order
        return self.new_order(customer)

    def buyer(self, region: str) -> Customer:
        """Mostly somebody who bought lately: problems follow purchases."""
        if self._orders and self.chance(0.6):
            customer = self.pick(self._orders).customer
            if customer.region == region:
                return customer
        return self.customer(region)

    def say(self, lines: Sequence[str], matter: Matter) -> str:
        """One of `lines` with the matter's order, amount and days filled in."""
        return self.fill(self.pick(lines), matter)

    def fill(self, line: str, matter: Matter) -> str:
        """`line` with the matter's order, amount and days filled in."""
        return line.format(
            order=matter.order.number, amount=matter.order.amount, days=2 + matter.attempts * 2
        )

    def complain(self, matter: Matter) -> str:
        """What the customer of an unhappy matter says; sharper from the second contact on."""
        language = matter.customer.language
        if matter.attempts > 1 and self.chance(0.7):
            body = texts.CHASES[language]
        elif matter.unhappy:
            body = texts.COMPLAINTS[language][matter.category]
        else:
            body = texts.QUESTIONS[language]
        opening, closing = self.pick(texts.OPENINGS[language]), self.pick(texts.CLOSINGS[language])
        line = self.pick(body)
        if is_plain_complaint(opening + line + closing, language):
            matter.take_down()
        return opening + self.fill(line, matter) + closing


@lru_cache(maxsize=4_096)
def is_plain_complaint(line: str, language: str) -> bool:
    """Whether whoever reads this line sees a complaint: staff act on what is on record."""
    return detect_words(line, language) is not None


def _nowhere(story: Story) -> None:
    raise RuntimeError("a world takes stories only while it is simulated")


def instant(at_ms: int) -> str:
    """RFC 3339 text of an instant, with milliseconds and `Z`."""
    return (_EPOCH + at_ms * _PER_MS).isoformat(timespec="milliseconds")[:-6] + "Z"


def busyness(at_ms: int) -> list[tuple[float, str]]:
    """How busy each region is at an instant, summed up from the first: (sum so far, region)."""
    total = 0.0
    cumulative = []
    for name, share, east_hours, _, _ in REGIONS:
        local = at_ms + east_hours * HOUR_MS
        weekday = (local // DAY_MS + 3) % 7  # 1970-01-01 was a Thursday
        weight = DAY_CURVE[local // HOUR_MS % 24] * (WEEKEND if weekday >= 5 else 1.0)
        total += share * weight / _MEAN_BUSYNESS
        cumulative.append((total, name))
    return cumulative


def start_before(end_at: datetime, contacts: float, contacts_per_day: float) -> datetime:
    """About when a run of so many contacts must start in order to end at `end_at`."""
    at_ms = (end_at - _EPOCH) // _PER_MS
    while contacts > 0:
        per_hour = contacts_per_day / 24 * busyness(at_ms - HOUR_MS // 2)[-1][0]
        part = min(1.0, contacts / per_hour)
        contacts -= part * per_hour
        at_ms -= int(part * HOUR_MS) + 1
    return _EPOCH + at_ms * _PER_MS


class Arrivals:
    """When contacts begin and where: a Poisson process whose rate follows the hour and outages."""

    def __init__(self, world: World, start_ms: int, contacts_per_day: float) -> None:
        self._world = world
        self._per_day = contacts_per_day
        self.now_ms = start_ms
        self.outage = False
        self._rates_until_ms = start_ms
        self._cumulative: list[tuple[float, str]] = []
        self._rate_per_ms = 0.0
        self._outage_starts_ms = start_ms + self._until_outage()
        self._outage_ends_ms = 0

    def next(self) -> tuple[int, str]:
        """The instant and region of the next contact."""
        rng = self._world.rng
        while True:
            if self.now_ms >= self._rates_until_ms:
                self._turn_hour()
            step_ms = rng.expovariate(self._rate_per_ms)
            if self.now_ms + step_ms < self._rates_until_ms:
                self.now_ms += int(step_ms) + 1
                break
            self.now_ms = self._rates_until_ms  # memoryless: draw anew at the new rate
        draw = rng.random() * self._cumulative[-1][0]
        return self.now_ms, next(name for upto, name in self._cumulative if draw < upto)

    def _turn_hour(self) -> None:
        self._turn_outage()
        hour_ms = self.now_ms // HOUR_MS * HOUR_MS + HOUR_MS
        change_ms = self._outage_ends_ms if self.outage else self._outage_starts_ms
        self._rates_until_ms = min(hour_ms, max(change_ms, self.now_ms + 1))
        self._cumulative = busyness(self.now_ms)
        busy = self._cumulative[-1][0]
        self._world.load = OUTAGE_LOAD if self.outage else 0.6 + 0.5 * busy
        surge = OUTAGE_LOAD if self.outage else 1.0
        self._rate_per_ms = self._per_day / DAY_MS * busy * surge

    def _turn_outage(self) -> None:
        if self.outage and self.now_ms >= self._outage_ends_ms:
            self.outage = False
            self._outage_starts_ms = self.now_ms + self._until_outage()
        elif not self.outage and self.now_ms >= self._outage_starts_ms:
            self.outage = True
            minutes = self._world.rng.uniform(*OUTAGE_MINUTES)
            self._outage_ends_ms = self.now_ms + int(minutes * MINUTE_MS)

    def _until_outage(self) -> int:
        return int(self._world.rng.expovariate(1 / OUTAGE_EVERY_HOURS) * HOUR_MS)
