"""The judge: from the topics alone, what everything must look like; and everything that does not.

It folds the channel topics through the pure intake, and `customer-events.v1` through the pure
customer step, one record at a time, without engine, batches or Redis, and compares with all that
the workers left: events, dead letters, links, rows, complaints, alerts, offsets, views.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.vocabulary import Words
from agents.customer.oracle import Oracle, differences
from agents.intake.outcomes import Accepted, AcceptedCommand, Rejected, Skipped
from agents.intake.settings import IntakeSettings
from agents.intake.step import given_command, instant_of, take_command, take_in, with_customer
from schemas.alert import SlaAlert
from schemas.command import CommandGiven
from schemas.complaint import Complaint
from schemas.customer import IntakeState
from schemas.events import CustomerEvent, IdentityLink
from schemas.interaction import Interaction, Origin
from schemas.rejection import DeadLetterHeader
from streams import topics
from streams.engine.envelope import NEVER, applied_of, body_of, is_deleted, wake_of
from streams.pipeline.tables import CATALOGUE, CUSTOMERS, INTAKE, ONLY, PARTITIONS, SATISFACTION
from streams.policy_files import require_policy
from streams.settings import Settings
from tests.chaos import reading

SHOWN = 5
LATE_SECONDS = 60.0
"""A deadline that was due so long before the workers stopped must have been reached."""

_decode_event = msgspec.json.Decoder(CustomerEvent).decode
_decode_complaint = msgspec.json.Decoder(Complaint).decode
_decode_alert = msgspec.json.Decoder(SlaAlert).decode
_decode_link = msgspec.json.Decoder(IdentityLink).decode
_encode = msgspec.json.Encoder().encode
_CHANNELS = {topic: channel for channel, topic in topics.CHANNEL_TOPICS.items()}

Place = tuple[str, int, int]
"""Topic, partition and offset of a source record."""


@dataclass
class Check:
    """One thing that was compared: how many, and what was wrong."""

    name: str
    compared: int = 0
    wrong: list[str] = field(default_factory=list)

    def same(self, what: str, expected: object, found: object) -> None:
        """Compare one thing."""
        self.compared += 1
        if expected != found:
            self.wrong.append(f"{what}: expected {expected!r:.120}, found {found!r:.120}")

    def sets(self, what: str, expected: Iterable[Any], found: Iterable[Any]) -> None:
        """Compare two sets of names."""
        expected, found = set(expected), set(found)
        self.compared += len(expected)
        self.wrong += [f"{what} {name} is missing" for name in sorted(expected - found, key=str)]
        self.wrong += [f"{what} {name} is too many" for name in sorted(found - expected, key=str)]


@dataclass
class Verdict:
    """All checks, and figures that explain them."""

    checks: dict[str, Check] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)

    def check(self, name: str) -> Check:
        """The check of this name."""
        return self.checks.setdefault(name, Check(name))

    @property
    def wrong(self) -> dict[str, list[str]]:
        """The first findings of every check that failed; empty is right."""
        return {name: c.wrong[:SHOWN] for name, c in self.checks.items() if c.wrong}

    def lines(self) -> list[str]:
        """The verdict as a table."""
        rows = [f"{'check':<22} {'compared':>10} {'wrong':>8}"]
        for name, check in self.checks.items():
            rows.append(f"{name:<22} {check.compared:>10,} {len(check.wrong):>8,}")
            rows += [f"    {text}" for text in check.wrong[:SHOWN]]
        return [*rows, *(f"{name}: {count:,}" for name, count in self.figures.items())]


@dataclass
class Expected:
    """What one source record must become."""

    digest: int
    strongest: str | None = None
    """The handle that says first whose it is, where it is not a conversation or an order."""


class Judge:
    """Reads everything once and compares."""

    def __init__(self, settings: Settings, group: str, stopped_at: datetime | None = None) -> None:
        self.settings = settings
        self.broker = settings.bootstrap_servers
        self.group = group
        self.stopped_at = stopped_at or datetime.now(UTC)
        self.verdict = Verdict()
        self.intake = IntakeSettings(default_region=settings.default_region)
        policy = require_policy(settings.policy)
        self.rulebook = Rulebook(Plan(policy), ComplaintRules())
        self.words = Words(policy.vocabulary)
        self.expected: dict[Place, Expected] = {}
        self.rejected: dict[Place, str] = {}
        self.counts: dict[str, Counter[str]] = {}
        self.by_partition: dict[tuple[str, int], Counter[str]] = {}
        self.oracles: dict[int, Oracle] = {}
        self.owners: dict[Place, str] = {}
        self.alert_bodies: dict[str, set[bytes]] = {}

    async def judge(self) -> Verdict:
        """Everything but the views, which need a Redis."""
        await self._read_sources()
        await self._read_events()
        await self._read_dead_letters()
        await self._read_links()
        await self._read_rows()
        await self._read_intake_rows()
        await self._read_complaints()
        await self._read_alerts()
        await self._read_offsets()
        self._look_for_forgotten_clocks()
        return self.verdict

    # --- input -----------------------------------------------------------------------------------

    async def _read_sources(self) -> None:
        for topic in topics.INTAKE_TOPICS:
            name = _CHANNELS[topic].value if topic in _CHANNELS else "commands"
            counts = self.counts.setdefault(name, Counter())
            async for record in reading.records(self.broker, topic):
                place = (topic, record.partition, record.offset)
                became = self._take(place, record)
                own = self.by_partition.setdefault(place[:2], Counter())
                for counter in (counts, own):
                    counter["received"] += 1
                    counter[became] += 1

    def _take(self, place: Place, record: Any) -> str:
        topic = place[0]
        origin, at = Origin(*place), instant_of(record.timestamp)
        outcome: Accepted | AcceptedCommand | Rejected | Skipped
        if topic in _CHANNELS:
            outcome = take_in(
                record.value, record.headers, _CHANNELS[topic], at, origin, self.intake
            )
        else:
            outcome = take_command(record.value, record.headers, at, origin, self.intake)
        match outcome:
            case Rejected():
                self.rejected[place] = outcome.reason.value
                return "rejected"
            case Skipped():
                return "skipped"
            case Accepted():
                event: Any = with_customer(outcome, "")
            case AcceptedCommand():
                event = given_command(outcome, outcome.customer_id or "", at)
        handles = outcome.handles
        strongest = handles[0] if handles and not handles[0].startswith("conversation") else None
        if strongest is not None and strongest not in getattr(event, "handles", handles):
            strongest = None
        self.expected[place] = Expected(hash(_encode(event)), strongest)
        return "accepted"

    # --- events ----------------------------------------------------------------------------------

    async def _read_events(self) -> None:
        check = self.verdict.check("events")
        seen: Counter[Place] = Counter()
        async for record in reading.records(self.broker, topics.CUSTOMER_EVENTS):
            oracle = self.oracles.setdefault(record.partition, Oracle(self.rulebook))
            try:
                event = _decode_event(record.value)
            except msgspec.MsgspecError:
                self.rejected[topics.CUSTOMER_EVENTS, record.partition, record.offset] = ""
                continue
            oracle.fold(event)
            if (place := _place_of(event)) is not None:
                seen[place] += 1
                self._compare_event(check, place, event)
        check.sets("event of", self.expected, seen)
        figures = self.verdict.figures
        figures["source records"] = sum(counts["received"] for counts in self.counts.values())
        figures["events"] = seen.total()
        figures["events published twice"] = seen.total() - len(seen)

    def _compare_event(self, check: Check, place: Place, event: Any) -> None:
        expected = self.expected.get(place)
        if expected is None:
            return  # reported as one too many
        customer = event.customer_id
        check.same(f"customer of {place}", self.owners.setdefault(place, customer), customer)
        named = isinstance(event, CommandGiven) and event.command.customer_id is not None
        blank = event if named else msgspec.structs.replace(event, customer_id="")
        if hash(_encode(blank)) != expected.digest:
            check.wrong.append(f"event of {place} is not what intake makes of the record")

    # --- dead letters and links ------------------------------------------------------------------

    async def _read_dead_letters(self) -> None:
        check = self.verdict.check("dead letters")
        found: dict[Place, str] = {}
        by_commands: set[Place] = set()
        copies = 0
        for topic in topics.DEAD_LETTER_TOPICS:
            async for record in reading.records(self.broker, topic):
                headers = {name: value.decode() for name, value in record.headers}
                place = (
                    headers[DeadLetterHeader.ORIGINAL_TOPIC],
                    int(headers[DeadLetterHeader.ORIGINAL_PARTITION]),
                    int(headers[DeadLetterHeader.ORIGINAL_OFFSET]),
                )
                copies += 1
                if place[0] == topics.COMMANDS and headers[DeadLetterHeader.STAGE] == "customers":
                    by_commands.add(place)
                else:
                    found[place] = headers[DeadLetterHeader.REASON]
        check.sets("dead letter of", self.rejected, found)
        for place, reason in self.rejected.items():
            if reason:
                check.same(f"reason at {place}", reason, found.get(place))
        refused = sum(oracle.rejected_commands for oracle in self.oracles.values())
        check.same("refused commands", refused, len(by_commands))
        self.verdict.figures["dead letters"] = len(found) + len(by_commands)
        self.verdict.figures["dead letters twice"] = copies - len(found) - len(by_commands)

    async def _read_links(self) -> None:
        """Every handle has one owner, for good, and who is named first by it is that owner's.

        Of several links of one handle that of the highest epoch holds: the index before it was
        lost, and nothing rests on what it said last.
        """
        check = self.verdict.check("identity")
        newest: dict[str, IdentityLink] = {}
        async for record in reading.records(self.broker, topics.IDENTITY_LINKS):
            if record.value is None:
                continue  # the beginning of an epoch
            link = _decode_link(record.value)
            known = newest.get(link.handle)
            if known is None or link.epoch > known.epoch:
                newest[link.handle] = link
            elif link.epoch == known.epoch:
                check.same(f"owner of {link.handle}", known.customer_id, link.customer_id)
        links = {handle: link.customer_id for handle, link in newest.items()}
        for place, expected in self.expected.items():
            if expected.strongest is not None and place in self.owners:
                check.same(
                    f"customer of {expected.strongest} at {place}",
                    links.get(expected.strongest),
                    self.owners[place],
                )
        self.links = links
        self.verdict.figures["handles"] = len(links)

    # --- rows ------------------------------------------------------------------------------------

    async def _read_rows(self) -> None:
        check = self.verdict.check("rows")
        last_wins = self.verdict.check("last rows")
        newest: dict[tuple[int, bytes], bytes] = {}
        last: dict[tuple[int, bytes], bytes | None] = {}
        async for record in reading.records(self.broker, topics.CUSTOMERS_CHANGELOG):
            at = (record.partition, record.key)
            last[at] = record.value
            if record.value is not None:
                known = newest.get(at)
                if known is None or applied_of(record.value) >= applied_of(known):
                    newest[at] = record.value
        for at, row in newest.items():
            last_wins.same(f"last row of {at}", row, last[at])
        for partition in sorted({p for p, _ in newest} | set(self.oracles)):
            live = {
                key: row
                for (p, key), row in newest.items()
                if p == partition and not is_deleted(row)
            }
            oracle = self.oracles.setdefault(partition, Oracle(self.rulebook))
            self._compare_rows(check, partition, oracle, live)
        self.verdict.figures["rows"] = len(newest)

    def _compare_rows(
        self, check: Check, partition: int, oracle: Oracle, live: dict[bytes, bytes]
    ) -> None:
        def rows(table: Any) -> dict[str, object]:
            return {
                key[1:].decode("utf-8", "backslashreplace"): table.decode(body_of(row))
                for key, row in live.items()
                if key[:1] == table.prefix
            }

        counts = {ONLY.decode(): oracle.counts}
        compared: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
            ("customer", oracle.customers, rows(CUSTOMERS)),
            ("table row", _named(oracle.tables.rows), rows(SATISFACTION)),
            ("catalogue", _shelved(_named(oracle.tables.catalogue)), _shelved(rows(CATALOGUE))),
            ("accounting", counts, rows(PARTITIONS) or {ONLY.decode(): type(oracle.counts)()}),
            ("wake-up", _wakes(oracle), _live_wakes(live)),
        )
        for what, expected, found in compared:
            check.compared += len(expected)
            check.wrong += [f"{what} {partition}/{key}" for key in differences(expected, found)]

    async def _read_intake_rows(self) -> None:
        check = self.verdict.check("accounting")
        newest: dict[tuple[str, int], bytes] = {}
        async for record in reading.records(self.broker, topics.INTAKE_CHANGELOG):
            length = record.key[0]
            at = (record.key[1 : length + 1].decode(), record.partition)
            assert record.key[length + 1 :] == INTAKE.prefix
            if at not in newest or applied_of(record.value) >= applied_of(newest[at]):
                newest[at] = record.value
        for at in sorted(self.by_partition.keys() | newest.keys()):
            counts = self.by_partition.get(at, Counter())
            row = INTAKE.decode(body_of(newest[at])) if at in newest else IntakeState()
            for name in ("received", "rejected", "skipped"):
                check.same(f"{name} of {at}", counts[name], getattr(row, name))
        outcomes: dict[str, Counter[str]] = {}
        for oracle in self.oracles.values():
            for name, found in oracle.counts.counts.items():
                outcomes.setdefault(name, Counter()).update(found)
        for name, counts in self.counts.items():
            # Intake's own second copies were counted the first time.
            own = outcomes.get(name, Counter())
            once = own.total() - own["replayed"]
            check.same(f"accepted + duplicate of {name}", counts["accepted"], once)

    # --- what was published ----------------------------------------------------------------------

    async def _read_complaints(self) -> None:
        check = self.verdict.check("complaints")
        expected = {name: c for o in self.oracles.values() for name, c in o.complaints.items()}
        newest: dict[str, Complaint] = {}
        async for record in reading.records(self.broker, topics.COMPLAINTS):
            complaint = _decode_complaint(record.value)
            known = newest.get(complaint.complaint_id)
            if known is None or complaint.change_count >= known.change_count:
                newest[complaint.complaint_id] = complaint
        check.compared = len(expected)
        check.wrong += [f"complaint {name}" for name in differences(expected, newest)]

    async def _read_alerts(self) -> None:
        check = self.verdict.check("alerts")
        expected = {name for oracle in self.oracles.values() for name in oracle.alert_ids}
        async for record in reading.records(self.broker, topics.SLA_ALERTS):
            alert = _decode_alert(record.value)
            self.alert_bodies.setdefault(alert.alert_id, set()).add(record.value)
        check.sets("alert", expected, self.alert_bodies)
        check.wrong += [
            f"alert {name} says {len(bodies)} different things"
            for name, bodies in self.alert_bodies.items()
            if len(bodies) > 1
        ]

    async def _read_offsets(self) -> None:
        check = self.verdict.check("offsets")
        upto = await reading.ends(self.broker, *reading.SOURCES)
        done = await reading.committed(self.broker, self.group, upto)
        for tp, end in upto.items():
            check.same(f"committed of {tp.topic}/{tp.partition}", end, done[tp])

    def _look_for_forgotten_clocks(self) -> None:
        """Whoever wanted to be woken was, if it was due long enough before the end."""
        check = self.verdict.check("clocks")
        due_before = self.stopped_at.timestamp() - LATE_SECONDS
        for oracle in self.oracles.values():
            for customer, at in oracle.wakes.items():
                check.compared += 1
                if at is not None and at < due_before:
                    late = self.stopped_at.timestamp() - at
                    check.wrong.append(f"customer {customer} was due {late:.0f} s ago")


def _place_of(event: CustomerEvent) -> Place | None:
    if isinstance(event, Interaction):
        return (event.origin.topic, event.origin.partition, event.origin.offset)
    if isinstance(event, CommandGiven):
        return (event.origin_topic, event.origin_partition, event.origin_offset)
    return None


def _named(rows: dict[bytes, Any]) -> dict[str, Any]:
    return {key.decode("utf-8", "backslashreplace"): row for key, row in rows.items()}


def _shelved(rows: dict[str, Any]) -> dict[str, Any]:
    """Catalogue entries without the order of their keys, which depends on how batches were cut."""
    return {
        name: ({k: sorted(v) for k, v in row.keys.items()}, row.starts)
        for name, row in rows.items()
    }


def _wakes(oracle: Oracle) -> dict[str, int]:
    return {name: -int(-at * 1000 // 1) for name, at in oracle.wakes.items() if at is not None}


def _live_wakes(live: dict[bytes, bytes]) -> dict[str, int]:
    return {
        key[1:].decode(): wake_of(row)
        for key, row in live.items()
        if key[:1] == CUSTOMERS.prefix and wake_of(row) != NEVER
    }
