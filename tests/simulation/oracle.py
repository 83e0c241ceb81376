"""The verdict on a run: what stands in the logs against the pure steps folded over the input.

It shares the steps with the worker and nothing of the machinery: no lanes, batches, barriers,
changelog reader or offsets.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any

import msgspec

from agents.customer.oracle import Oracle, differences
from schemas.command import CommandGiven
from schemas.complaint import Complaint
from schemas.customer import IntakeState
from schemas.events import CustomerEvent, DeadlineReached, IdentityLink
from schemas.interaction import Interaction
from schemas.rejection import DeadLetterHeader
from streams import topics
from streams.engine import TopicPartition
from streams.pipeline.tables import CUSTOMERS, ONLY, PARTITIONS, SATISFACTION
from tests.simulation.broker import Draft, Record
from tests.simulation.loop import BOOT, EPOCH
from tests.simulation.records import Fate

if TYPE_CHECKING:
    from tests.simulation.run import Run

__all__ = ["Durable", "judge"]

_HEADER = Struct(">qq")
_EVENT = msgspec.json.Decoder(CustomerEvent)
_COMPLAINT = msgspec.json.Decoder(Complaint)
_LINK = msgspec.json.Decoder(IdentityLink)
_INTAKE = msgspec.msgpack.Decoder(IntakeState)
OVERDUE_MS = 3_000

Rows = dict[bytes, tuple[int, int, bytes]]
"""Key -> applied offset, wake-up time, body; deleted rows are left out."""
Place = tuple[str, int, int]
"""Topic, partition, offset of an input record."""


class Durable:
    """Looks on while the run goes: no offset may be committed before its rows are in the log."""

    def __init__(self, intake_topics: Sequence[str]) -> None:
        self.problems: list[str] = []
        self._only = intake_topics[0] if len(intake_topics) == 1 else ""
        self._applied: dict[TopicPartition, int] = {}

    def appended(self, tp: TopicPartition, drafts: Iterable[Draft]) -> None:
        """A batch was appended somewhere."""
        if tp.topic not in (topics.INTAKE_CHANGELOG, topics.CUSTOMERS_CHANGELOG):
            return
        for key, value, _headers, _stamp in drafts:
            if value is not None and key is not None:
                source = TopicPartition(self._source_of(tp.topic, key), tp.partition)
                applied = _HEADER.unpack_from(value)[0]
                if applied > self._applied.get(source, -1):
                    self._applied[source] = applied

    def _source_of(self, changelog: str, key: bytes) -> str:
        if changelog == topics.CUSTOMERS_CHANGELOG:
            return topics.CUSTOMER_EVENTS
        return self._only or key[1 : key[0] + 1].decode()

    def committed(self, tp: TopicPartition, offset: int) -> None:
        """An offset was committed."""
        applied = self._applied.get(tp, -1)
        if offset > applied + 1:
            self.problems.append(
                f"{tp.topic}/{tp.partition}: offset {offset} was committed when rows had applied "
                f"{applied}"
            )


def judge(run: "Run") -> list[str]:
    """What is wrong, in words; nothing if the run left what it should."""
    problems = [*run.durable.problems[:3], *_offsets(run), *_intake(run)]
    events = {
        partition: [(record, _EVENT.decode(record.value or b"")) for record in records]
        for partition, records in run.cluster.broker.records(topics.CUSTOMER_EVENTS).items()
    }
    problems += _passed_on(run, events)
    problems += _identity(run)
    alerts: dict[str, bool] = {}
    complaints: dict[str, Complaint] = {}
    persons: dict[str, str] = {}
    for partition, found in events.items():
        problems += _one_person(found, persons)
        oracle = Oracle(run.plant.rulebook)
        for _, event in found:
            oracle.fold(event)
        problems += _rows(run, partition, oracle, len(found))
        alerts |= oracle.alert_ids
        complaints |= oracle.complaints
    problems += _published(run, alerts, complaints)
    if run.clocks_agree and run.cluster.broker.tells_exact_ends:  # else nobody can promise it
        problems += _deadlines(run, events)
    return problems


# --- offsets and counts ---------------------------------------------------------------------------


def _offsets(run: "Run") -> Iterator[str]:
    for topic in (*run.plant.intake_topics, topics.CUSTOMER_EVENTS):
        for tp, log in run.cluster.broker.logs.items():
            if tp.topic == topic and run.cluster.group.offsets.get(tp, 0) != log.end:
                yield f"{tp.topic}/{tp.partition} ends at {log.end}, not committed"
    for worker in run.workers:
        if worker.process.alive:
            yield f"{worker.process} does not stop"


def _intake(run: "Run") -> Iterator[str]:
    """Every record counted once, under what became of it."""
    fates: Counter[tuple[str, int, Fate]] = Counter()
    for each in run.input:
        fates[each.topic, each.partition, each.fate] += 1
    for topic in run.plant.intake_topics:
        scope = bytes([len(topic)]) + topic.encode() if len(run.plant.intake_topics) > 1 else b""
        for partition in range(run.partitions):
            rows = _newest(run.cluster.broker.records(topics.INTAKE_CHANGELOG)[partition])
            row = rows.get(scope + b"i")
            state = IntakeState() if row is None else _INTAKE.decode(row[2])
            counted = (state.received, state.rejected, state.skipped)
            taken, rejected, skipped = (fates[topic, partition, fate] for fate in Fate)
            expected = (taken + rejected + skipped, rejected, skipped)
            if counted != expected:
                yield f"{topic}/{partition}: counted {counted}, expected {expected}"


def _passed_on(
    run: "Run", events: Mapping[int, Iterable[tuple[Record, CustomerEvent]]]
) -> Iterator[str]:
    """Every record came out of intake as one event or one dead letter, copies being the same."""
    found: dict[Place, set[bytes]] = {}
    for log in events.values():
        for record, event in log:
            if (place := _place_of(event)) is not None:
                found.setdefault(place, set()).add(b"%s %s" % (record.key, record.value))
    letters: dict[Place, set[bytes]] = {}
    for topic in run.plant.intake_topics:
        for record in run.cluster.broker.records(topics.dead_letters_of(topic))[0]:
            headers = dict(record.headers)
            if headers[DeadLetterHeader.STAGE.value] == b"intake":
                place = (
                    topic,
                    int(headers[DeadLetterHeader.ORIGINAL_PARTITION.value]),
                    int(headers[DeadLetterHeader.ORIGINAL_OFFSET.value]),
                )
                letters.setdefault(place, set()).add(record.value or b"")
    numbers: Counter[tuple[str, int]] = Counter()
    for each in run.input:
        place = (each.topic, each.partition, numbers[each.topic, each.partition])
        numbers[each.topic, each.partition] += 1
        copies = len(found.pop(place, ())), len(letters.pop(place, ()))
        expected = {Fate.TAKEN: (1, 0), Fate.REJECTED: (0, 1), Fate.SKIPPED: (0, 0)}[each.fate]
        if copies != expected:
            yield f"{place} ({each.fate.value}) has {copies} different (events, dead letters)"
    for place in [*found, *letters]:
        yield f"{place} was never published, but came out of intake"


def _place_of(event: CustomerEvent) -> Place | None:
    if isinstance(event, Interaction):
        return event.origin.topic, event.origin.partition, event.origin.offset
    if isinstance(event, CommandGiven):
        return event.origin_topic, event.origin_partition, event.origin_offset
    return None


def _identity(run: "Run") -> Iterator[str]:
    """Whoever a handle belongs to stands on Kafka: a rebuild would find the same."""
    owners = run.plant.redis.owners()
    published: dict[str, tuple[int, str]] = {}
    for record in run.cluster.broker.records(topics.IDENTITY_LINKS)[0]:
        if record.value is None:
            continue  # the number of an epoch
        link = _LINK.decode(record.value)
        known = published.get(link.handle)
        if known is None or link.epoch > known[0]:
            published[link.handle] = link.epoch, link.customer_id
        elif link.epoch == known[0] and link.customer_id != known[1]:
            yield f"{link.handle} was given to two customers in epoch {link.epoch}"
    for handle in owners.keys() | published.keys():
        found = published.get(handle, (0, ""))[1]
        if found != owners.get(handle):
            yield f"{handle} belongs to {owners.get(handle)}, published for {found}"


def _one_person(
    events: Iterable[tuple[Record, CustomerEvent]], seen: dict[str, str]
) -> Iterator[str]:
    """Nobody gets a second identity: records with the same strongest handle are one customer's."""
    for record, event in events:
        if isinstance(event, Interaction) and event.handles:
            handle = event.handles[0]
            if seen.setdefault(handle, event.customer_id) != event.customer_id:
                yield f"{handle} was {seen[handle]}, then {event.customer_id} at {record.offset}"


# --- rows -----------------------------------------------------------------------------------------


def _newest(records: Iterable[Record]) -> Rows:
    """Rows as they must be restored: the highest applied offset of each key."""
    rows: Rows = {}
    for record in records:
        assert record.key is not None
        if record.value is None:
            rows.pop(record.key, None)
            continue
        applied, wake = _HEADER.unpack_from(record.value)
        if record.key not in rows or applied >= rows[record.key][0]:
            rows[record.key] = applied, wake, record.value[16:]
    return rows


def _last(records: Iterable[Record]) -> Rows:
    """Rows as compaction would leave them: the last record of each key."""
    rows: Rows = {}
    for record in records:
        assert record.key is not None
        rows.pop(record.key, None)
        if record.value is not None:
            rows[record.key] = (*_HEADER.unpack_from(record.value), record.value[16:])
    return rows


def _rows(run: "Run", partition: int, oracle: Oracle, events: int) -> Iterator[str]:
    log = run.cluster.broker.records(topics.CUSTOMERS_CHANGELOG)[partition]
    rows = _newest(log)
    if rows != _last(log):
        yield f"partition {partition}: compaction would keep rows of a former owner"
    if (applied := max((row[0] for row in rows.values()), default=-1)) != events - 1:
        yield f"partition {partition}: {events} events, applied {applied}"
    now_ms = (run.loop.now - BOOT + EPOCH) * 1000
    wakes: dict[str, float | None] = {}
    for key, (_, wake, body) in rows.items():
        if key[:1] == CUSTOMERS.prefix and body:
            wakes[key[1:].decode()] = None if wake < 0 else wake / 1000
            if 0 <= wake < now_ms - OVERDUE_MS:
                yield f"partition {partition}: {key.decode()} was due and never woken"
    expected: dict[str, float | None] = {
        name: None if at is None else _ceil_ms(at) for name, at in oracle.wakes.items()
    }
    for name in differences(expected, wakes)[:2]:
        yield f"wake-up of {name}: {wakes.get(name)}, expected {expected.get(name)}"
    for what, table, mine in (
        ("customer", CUSTOMERS, {k.encode(): row for k, row in oracle.customers.items()}),
        ("satisfaction", SATISFACTION, oracle.tables.rows),
        ("counts", PARTITIONS, {ONLY: oracle.counts} if events else {}),
    ):
        live = _decoded(rows, table)
        keys = sorted(k for k in mine.keys() | live.keys() if mine.get(k) != live.get(k))
        if keys:
            yield f"partition {partition}: {len(keys)} {what} rows differ, first {keys[0]!r}"


def _ceil_ms(at: float) -> float:
    return -int(-at * 1000 // 1) / 1000


def _decoded(rows: Rows, table: Any) -> dict[bytes, Any]:
    return {
        key[1:]: table.decode(body)
        for key, (_, _, body) in rows.items()
        if key[:1] == table.prefix and body
    }


# --- what was published ---------------------------------------------------------------------------


def _published(
    run: "Run", alerts: Mapping[str, bool], complaints: Mapping[str, Complaint]
) -> Iterator[str]:
    bodies: dict[str, set[bytes]] = {}
    for record in run.cluster.broker.records(topics.SLA_ALERTS)[0]:
        alert = msgspec.json.decode(record.value or b"")
        bodies.setdefault(alert["alert_id"], set()).add(record.value or b"")
    if missing := alerts.keys() - bodies.keys():
        yield f"{len(missing)} alerts were never published"
    if foreign := bodies.keys() - alerts.keys():
        yield f"{len(foreign)} alerts were published that the log does not give"
    if twice := [name for name, copies in bodies.items() if len(copies) > 1]:
        yield f"{len(twice)} alerts were published with different bodies"
    versions: dict[str, dict[int, Complaint]] = {}
    for record in run.cluster.broker.records(topics.COMPLAINTS)[0]:
        complaint = _COMPLAINT.decode(record.value or b"")
        known = versions.setdefault(complaint.complaint_id, {})
        if known.setdefault(complaint.change_count, complaint) != complaint:
            yield f"complaint {complaint.complaint_id} has two bodies of one change"
    for name in complaints.keys() | versions.keys():
        changes, expected = versions.get(name, {}), complaints.get(name)
        if expected is None or sorted(changes) != list(range(1, expected.change_count + 1)):
            yield f"complaint {name}: changes {sorted(changes)}, expected up to {expected}"
        elif changes[expected.change_count] != expected:
            yield f"complaint {name}: its last change differs"


def _deadlines(
    run: "Run", events: Mapping[int, list[tuple[Record, CustomerEvent]]]
) -> Iterator[str]:
    """No deadline stands before an event that was published before what it says was read."""
    published: dict[Place, float] = {}
    numbers: Counter[tuple[str, int]] = Counter()
    for each in run.input:
        published[each.topic, each.partition, numbers[each.topic, each.partition]] = each.at
        numbers[each.topic, each.partition] += 1
    fired: Counter[str] = Counter()
    for partition, found in events.items():
        through, seen = -1.0, set[Place]()
        for record, event in found:
            if isinstance(event, DeadlineReached):
                fired[event.deadline_id] += 1
                through = max(through, event.read_through_at.timestamp() - EPOCH)
                if event.wake_at > event.read_through_at:
                    yield f"deadline at {record.offset} fired before it was due"
                continue
            place = _place_of(event)
            if place is None or place in seen:
                continue
            seen.add(place)
            if published[place] < through - 0.002:
                yield (
                    f"partition {partition}: a deadline read through {through:.3f} s, but "
                    f"{place} of {published[place]:.3f} s came later"
                )
    if not run.faults and (again := [name for name, times in fired.items() if times > 1]):
        yield f"{len(again)} deadlines fired twice without any fault"
