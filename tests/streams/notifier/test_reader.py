"""What the reader makes of records, without a broker."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from redis.asyncio import Redis

from agents.alerts.firing import clock_name
from schemas.alert import AlertKind
from schemas.codec import encode_json
from schemas.complaint import ClockView, Complaint
from streams.notifier import NotifierSettings
from streams.notifier.ledger import Ledger
from streams.notifier.reader import AlertReader
from streams.topics import COMPLAINTS, SLA_ALERTS
from tests.streams.notifier.kit import MONDAY, Tally, an_alert

pytestmark = pytest.mark.integration

AM = "alertmanager:one:9093"
NOW = MONDAY + timedelta(hours=2)
NOW_MS = int(NOW.timestamp() * 1000)


@dataclass
class FakeRecord:
    """What aiokafka hands out, as far as the reader looks."""

    value: bytes | None
    topic: str = SLA_ALERTS
    partition: int = 0
    offset: int = 0
    timestamp: int = NOW_MS


class Bench:
    """A reader with everything around it that a test looks at."""

    def __init__(self, redis: Redis, settings: NotifierSettings) -> None:
        self.ledger = Ledger(redis, settings, [AM], ["webhook"])
        self.tally = Tally()
        self.woken = 0
        self.has_woken = asyncio.Event()
        self.reader = AlertReader(settings, self.ledger, self.tally, lambda: NOW, self._wake)

    def _wake(self) -> None:
        self.woken += 1
        self.has_woken.set()

    async def read(self, *values: bytes | None, topic: str = SLA_ALERTS, **about: Any) -> None:
        """Let the reader take in records."""
        records = [FakeRecord(value, topic=topic, **about) for value in values]
        await self.reader.take_in({TopicPartition(topic, 0): records})


class EmptyLog:
    """A consumer's view of partitions without records, until something is published while it asks.

    Every question is answered once a record has come in, as a broker that changes leaders may.
    """

    def __init__(self) -> None:
        self.end = 0
        self.positions: dict[TopicPartition, int] = {}

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends there are now; then a record is published."""
        found = dict.fromkeys(tps, self.end)
        self.end += 1
        return found

    async def offsets_for_times(
        self, times: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, None]:
        """There was nothing when the broker looked; then a record is published."""
        self.end += 1
        return dict.fromkeys(times)

    async def seek_to_end(self, *tps: TopicPartition) -> None:
        """To where it ends by then."""
        self.positions.update(dict.fromkeys(tps, self.end))

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """To an offset."""
        self.positions[tp] = offset

    async def getmany(self, **_: int) -> dict[TopicPartition, list[FakeRecord]]:
        """What stands at the end, whether anybody has said where to begin or not."""
        await asyncio.sleep(0)
        return {TopicPartition(SLA_ALERTS, 0): [FakeRecord(encode_json(an_alert()))]}

    async def commit(self) -> None:
        """Commit positions."""


@pytest.fixture
def bench(redis: Redis, settings: NotifierSettings) -> Bench:
    """A bench."""
    return Bench(redis, settings)


async def test_an_alert_fires_and_waits_for_its_delivery(bench: Bench) -> None:
    """A breach goes to every transport, and the deliverer is woken."""
    await bench.read(encode_json(an_alert()))
    (claim,) = await bench.ledger.claim_firings(AM, NOW_MS)
    assert claim.firing.labels["alertname"] == "SlaBroken"
    assert await bench.ledger.waiting_count("webhook") == 1
    assert bench.woken == 1


async def test_taking_a_batch_in_again_changes_nothing(bench: Bench) -> None:
    """A replay after a crash is recognised and counted."""
    await bench.read(encode_json(an_alert()))
    await bench.read(encode_json(an_alert()))
    assert await bench.ledger.waiting_count("webhook") == 1
    assert bench.tally.told == [("skipped", "repeated")]


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"[]", b'{"alert_id": 7}'])
async def test_what_is_no_alert_is_counted_and_passed_over(
    bench: Bench, value: bytes | None
) -> None:
    """The alert behind a broken record is taken in all the same."""
    await bench.read(value, encode_json(an_alert()))
    assert bench.tally.told == [("skipped", "unreadable")]
    assert await bench.ledger.waiting_count("webhook") == 1


async def test_an_alert_published_long_ago_pages_nobody(bench: Bench) -> None:
    """The age is that of the record, not of what it tells: news of an old breach is news."""
    day_ms = 86_400_000
    await bench.read(encode_json(an_alert()), timestamp=NOW_MS - day_ms - 1)
    assert bench.tally.told == [("skipped", "outdated")]
    old_news = an_alert(at=MONDAY - timedelta(days=9), announced_at=MONDAY - timedelta(days=9))
    await bench.read(encode_json(old_news), timestamp=NOW_MS - day_ms)
    assert await bench.ledger.waiting_count("webhook") == 1


async def test_a_quiet_alert_pages_nobody(bench: Bench) -> None:
    """Quiet alerts are for the record only."""
    await bench.read(encode_json(an_alert(quiet=True)))
    assert await bench.ledger.claim_firings(AM, NOW_MS) == []
    assert await bench.ledger.waiting_count("webhook") == 0
    assert bench.tally.told == [("skipped", "quiet")]


def a_complaint(state: str, ended: bool) -> bytes:
    """A complaint with the clock of `an_alert` in this state."""
    clock = ClockView(
        target="first_response",
        state=state,
        started_at=MONDAY,
        ended_at=NOW if ended else None,
        limit_seconds=7200.0,
        used_seconds=3600.0,
    )
    complaint = Complaint(
        complaint_id="complaint-1", customer_id="customer-1", opened_at=MONDAY, clocks=[clock]
    )
    return encode_json(complaint)


async def is_over(bench: Bench) -> bool:
    """Whether the one firing there is has ended."""
    (claim,) = await bench.ledger.claim_firings(AM, NOW_MS)
    assert claim.name.startswith(clock_name("first_response", MONDAY))
    return bool(claim.ended_at_ms)


async def test_a_met_promise_ends_its_warning(bench: Bench) -> None:
    """Nobody announces that a warned clock was met, so the complaint itself ends the warning."""
    await bench.read(encode_json(an_alert(AlertKind.WARNED)))
    await bench.read(a_complaint("met", ended=True), topic=COMPLAINTS)
    assert await is_over(bench)


@pytest.mark.parametrize("state", ["running", "paused", "breached"])
async def test_an_open_clock_ends_nothing(bench: Bench, state: str) -> None:
    """A change of a complaint whose clock goes on leaves its alerts alone."""
    await bench.read(encode_json(an_alert(AlertKind.BREACHED)))
    await bench.read(a_complaint(state, ended=False), None, b"junk", topic=COMPLAINTS)
    assert not await is_over(bench)


@pytest.mark.parametrize("topic", [SLA_ALERTS, COMPLAINTS])
async def test_what_is_published_while_it_looks_where_to_begin_is_read(
    bench: Bench, topic: str
) -> None:
    """Nothing stands in a new partition, and the first record comes between two questions."""
    log, tp = EmptyLog(), TopicPartition(topic, 0)
    bench.reader._consumer = cast(Any, log)
    await bench.reader.begin([tp])
    assert log.end > 0
    assert log.positions == {tp: 0}


async def test_what_is_published_while_it_goes_a_day_back_is_read(bench: Bench) -> None:
    """The ledger is lost while nothing of the last day is there; then a record comes."""
    log, tp = EmptyLog(), TopicPartition(SLA_ALERTS, 0)
    bench.reader._consumer = cast(Any, log)
    bench.reader._marked = {tp}
    assert await bench.reader.look()
    assert log.positions == {tp: 0}


async def test_nothing_is_taken_in_before_it_is_known_where_to_begin(bench: Bench) -> None:
    """A mark set meanwhile would tell that the partition has been read from its beginning."""
    log, tp = EmptyLog(), TopicPartition(SLA_ALERTS, 0)
    bench.reader._consumer = cast(Any, log)
    bench.reader.let_go()
    running = asyncio.create_task(bench.reader.run())
    try:
        await asyncio.sleep(0.05)
        assert bench.woken == 0
        assert await bench.ledger.known_partitions(["sla-alerts.v1/0"]) == set()
        await bench.reader.take_over([tp])
        assert log.positions == {tp: 0}
        await asyncio.wait_for(bench.has_woken.wait(), 10.0)
    finally:
        bench.reader.stopping = True
        await running


async def test_where_the_beginning_cannot_be_found_nothing_is_skipped(bench: Bench) -> None:
    """The reader ends with the error, and begins anew later."""
    log = EmptyLog()
    bench.reader._consumer = cast(Any, log)
    await bench.reader.take_over(cast(Any, 7))
    with pytest.raises(TypeError):
        await bench.reader.run()
    assert bench.woken == 0
