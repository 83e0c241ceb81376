"""The judge: from the topics alone, what everything must look like; and everything that does not.

It folds the channel topics through the pure intake, and `customer-events.v1` through the pure
customer step, one record at a time, without engine, batches or Redis, and compares with what came
out of intake: events, dead letters, links. `kept`, `published` and `views` compare the rest;
`judge_everything` calls them all.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.vocabulary import Words
from agents.customer.oracle import Oracle
from agents.intake.outcomes import Accepted, AcceptedCommand, Rejected, Skipped
from agents.intake.settings import IntakeSettings
from agents.intake.step import given_command, instant_of, take_command, take_in, with_customer
from schemas.command import CommandGiven
from schemas.events import CustomerEvent, IdentityLink
from schemas.interaction import Interaction, Origin
from schemas.rejection import DeadLetterHeader
from streams import topics
from streams.policy_files import require_policy
from streams.settings import Settings
from tests.chaos import reading
from tests.chaos.verdict import Check, Verdict

_decode_event = msgspec.json.Decoder(CustomerEvent).decode
_decode_link = msgspec.json.Decoder(IdentityLink).decode
_encode = msgspec.json.Encoder().encode
_CHANNELS = {topic: channel for channel, topic in topics.CHANNEL_TOPICS.items()}

Place = tuple[str, int, int]
"""Topic, partition and offset of a source record."""


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
        self.links: dict[str, str] = {}
        """Owners by handle, as published."""

    async def read(self) -> None:
        """Read what went in and what intake made of it, and compare the two."""
        await self._read_sources()
        await self._read_events()
        await self._read_dead_letters()
        await self._read_links()

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


def _place_of(event: CustomerEvent) -> Place | None:
    if isinstance(event, Interaction):
        return (event.origin.topic, event.origin.partition, event.origin.offset)
    if isinstance(event, CommandGiven):
        return (event.origin_topic, event.origin_partition, event.origin_offset)
    return None
