"""The memory of delivery, on a real Valkey."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from agents.alerts.firing import clock_name
from schemas.alert import AlertKind, SlaAlert
from streams.notifier.deliveries import Claimed
from streams.notifier.ledger import Ledger
from streams.notifier.settings import NotifierSettings
from tests.streams.notifier.kit import MONDAY, an_alert, register

pytestmark = pytest.mark.integration

AM = "alertmanager:one:9093"
HOOK = "webhook"
NOW = int(MONDAY.timestamp() * 1000) + 7_200_000
CLOCK = clock_name("first_response", MONDAY)


@pytest.fixture
def ledger(redis: Redis, settings: NotifierSettings) -> Ledger:
    """A ledger with one Alertmanager and a webhook."""
    return Ledger(redis, settings, [AM], [HOOK])


async def take_in(ledger: Ledger, alert: SlaAlert, now_ms: int = NOW) -> bool:
    """Register an alert as the reader does."""
    return await register(ledger, alert, datetime.fromtimestamp(now_ms / 1000, UTC))


def states(claims: list[Claimed]) -> dict[str, bool]:
    """Firing names without their clock, and whether they still fire."""
    return {claim.name.partition("/")[2]: not claim.ended_at_ms for claim in claims}


async def test_an_alert_is_taken_in_once(ledger: Ledger) -> None:
    """The same id a second time changes nothing and queues nothing."""
    assert await take_in(ledger, an_alert())
    assert not await take_in(ledger, an_alert())
    assert await ledger.waiting_count(HOOK) == 1


async def test_a_breach_replaces_its_warning(ledger: Ledger) -> None:
    """After a breach the clock's warnings have ended and only the breach fires."""
    await take_in(ledger, an_alert(AlertKind.WARNED, step="50%"))
    await take_in(ledger, an_alert(AlertKind.WARNED, step="80%"))
    await take_in(ledger, an_alert(AlertKind.BREACHED))
    assert states(await ledger.claim_firings(AM, NOW)) == {
        "warning/50%": False,
        "warning/80%": False,
        "breach": True,
    }


@pytest.mark.parametrize("kind", [AlertKind.RECOVERED, AlertKind.RETRACTED])
async def test_what_ends_a_clock_ends_all_it_raised(ledger: Ledger, kind: AlertKind) -> None:
    """`recovered` and `retracted` end warnings, the breach and every escalation."""
    await take_in(ledger, an_alert(AlertKind.WARNED))
    await take_in(ledger, an_alert(AlertKind.BREACHED))
    await take_in(ledger, an_alert(AlertKind.ESCALATED, step="lead", to="lead"))
    await take_in(ledger, an_alert(AlertKind.ESCALATED, step="manager#1", to="manager"))
    await take_in(ledger, an_alert(kind))
    found = states(await ledger.claim_firings(AM, NOW))
    assert len(found) == 4
    assert not any(found.values())


async def test_another_clock_of_the_complaint_goes_on(ledger: Ledger) -> None:
    """Recovery of one promise leaves the alerts of the others alone."""
    await take_in(ledger, an_alert(AlertKind.BREACHED))
    await take_in(ledger, an_alert(AlertKind.BREACHED, alert_id="other", target="total_resolution"))
    await take_in(ledger, an_alert(AlertKind.RECOVERED))
    claims = await ledger.claim_firings(AM, NOW)
    assert {claim.firing.labels["target"]: not claim.ended_at_ms for claim in claims} == {
        "first_response": False,
        "total_resolution": True,
    }


async def test_a_met_clock_ends_its_warning(ledger: Ledger) -> None:
    """A complaint that shows a clock as ended ends what was raised about that clock."""
    await take_in(ledger, an_alert(AlertKind.WARNED))
    assert await ledger.with_firings(["complaint-1", "complaint-2"]) == {"complaint-1"}
    assert await ledger.end_clocks("complaint-1", [CLOCK], NOW) == 1
    assert await ledger.end_clocks("complaint-1", [CLOCK], NOW) == 0


async def test_a_claim_is_exclusive_until_its_lease_ends(
    ledger: Ledger, settings: NotifierSettings
) -> None:
    """Two workers never send the same thing, and a dead worker's claim comes back."""
    await take_in(ledger, an_alert())
    assert len(await ledger.claim_firings(AM, NOW)) == 1
    assert await ledger.claim_queues(HOOK, NOW, 10) == ["complaint-1"]
    assert await ledger.claim_firings(AM, NOW + 1000) == []
    assert await ledger.claim_queues(HOOK, NOW + 1000, 10) == []
    later = ledger.lease_of(NOW)
    assert len(await ledger.claim_firings(AM, later)) == 1
    assert await ledger.claim_queues(HOOK, later, 10) == ["complaint-1"]


async def test_what_changes_while_it_is_sent_is_sent_again_at_once(ledger: Ledger) -> None:
    """Settling a claim does not push away the news that came in the meantime."""
    await take_in(ledger, an_alert())
    (claim,) = await ledger.claim_firings(AM, NOW)
    await take_in(ledger, an_alert(AlertKind.RECOVERED), NOW + 5)
    await ledger.settle(AM, [(claim, NOW + 60_000)])
    (again,) = await ledger.claim_firings(AM, NOW + 10)
    assert again.ended_at_ms == NOW + 5


async def test_a_settled_firing_comes_back_when_it_is_due(ledger: Ledger) -> None:
    """A firing alert is due again at the time it was settled for, not before."""
    await take_in(ledger, an_alert())
    (claim,) = await ledger.claim_firings(AM, NOW)
    await ledger.settle(AM, [(claim, NOW + 60_000)])
    assert await ledger.claim_firings(AM, NOW + 59_999) == []
    assert len(await ledger.claim_firings(AM, NOW + 60_000)) == 1


async def test_a_finished_firing_leaves_nothing_behind(
    ledger: Ledger, redis: Redis, settings: NotifierSettings
) -> None:
    """Once settled for good, neither the due list nor the complaint's hash holds it."""
    await take_in(ledger, an_alert())
    await take_in(ledger, an_alert(AlertKind.RECOVERED))
    (claim,) = await ledger.claim_firings(AM, NOW)
    await ledger.settle(AM, [(claim, None)])
    assert await redis.keys(f"{settings.redis_prefix}notifier:firing:*") == []
    assert await ledger.waiting_count(AM) == 0


async def test_deliveries_of_a_complaint_keep_their_order(ledger: Ledger) -> None:
    """The breach stands before the recovery, and is delivered before it."""
    await take_in(ledger, an_alert(AlertKind.BREACHED))
    await take_in(ledger, an_alert(AlertKind.RECOVERED))
    seen = []
    more = True
    while more:
        delivery = await ledger.head(HOOK, "complaint-1", NOW)
        assert delivery is not None
        seen.append(delivery.alert.kind)
        more = await ledger.delivered(delivery)
    assert seen == [AlertKind.BREACHED, AlertKind.RECOVERED]
    assert await ledger.head(HOOK, "complaint-1", NOW) is None
    assert await ledger.waiting_count(HOOK) == 0


async def test_a_postponed_delivery_waits_and_remembers(ledger: Ledger) -> None:
    """A failed try is counted, its error is shown, and the queue waits for its time."""
    await take_in(ledger, an_alert())
    (complaint,) = await ledger.claim_queues(HOOK, NOW, 10)
    delivery = await ledger.head(HOOK, complaint, NOW)
    assert delivery is not None
    await ledger.postpone(delivery, "HTTP 503 busy", NOW + 2_000)
    assert await ledger.claim_queues(HOOK, NOW + 1_999, 10) == []
    (waiting,) = await ledger.waiting(10)
    assert (waiting.tried_count, waiting.last_error) == (1, "HTTP 503 busy")
    assert await ledger.claim_queues(HOOK, NOW + 2_000, 10) == [complaint]


async def test_news_of_a_complaint_does_not_cut_a_wait_short(ledger: Ledger) -> None:
    """A second alert joins the queue; the first is neither sent twice nor before its time."""
    await take_in(ledger, an_alert())
    (complaint,) = await ledger.claim_queues(HOOK, NOW, 10)
    await take_in(ledger, an_alert(AlertKind.RECOVERED), NOW + 1)
    assert await ledger.claim_queues(HOOK, NOW + 2, 10) == []
    delivery = await ledger.head(HOOK, complaint, NOW)
    assert delivery is not None
    await ledger.postpone(delivery, "HTTP 503", NOW + 60_000)
    await take_in(ledger, an_alert(AlertKind.ESCALATED), NOW + 3)
    assert await ledger.claim_queues(HOOK, NOW + 59_999, 10) == []


async def test_a_worker_that_was_too_slow_takes_off_nothing_else(ledger: Ledger) -> None:
    """Its delivery was repeated by another one; what stands first now was not its own."""
    await take_in(ledger, an_alert())
    await take_in(ledger, an_alert(AlertKind.RECOVERED))
    slow = await ledger.head(HOOK, "complaint-1", NOW)
    quick = await ledger.head(HOOK, "complaint-1", NOW)
    assert slow is not None
    assert quick is not None
    assert await ledger.delivered(quick)
    await ledger.delivered(slow)
    left = await ledger.head(HOOK, "complaint-1", NOW)
    assert left is not None
    assert left.alert.kind is AlertKind.RECOVERED


async def test_given_up_deliveries_are_listed(ledger: Ledger) -> None:
    """A delivery that is given up leaves its queue and can be seen."""
    await take_in(ledger, an_alert())
    delivery = await ledger.head(HOOK, "complaint-1", NOW)
    assert delivery is not None
    assert not await ledger.give_up(delivery, "http_410", "HTTP 410 gone", NOW)
    (failure,) = await ledger.failed(10)
    assert (failure.transport, failure.reason, failure.kind) == (HOOK, "http_410", "breached")
    assert await ledger.waiting_count(HOOK) == 0


async def test_a_full_queue_lists_what_it_does_not_take(
    redis: Redis, settings: NotifierSettings
) -> None:
    """Beyond the limit new alerts are listed as failed instead of growing the queue."""
    ledger = Ledger(redis, replace(settings, waiting_max=2), [], [HOOK])
    for number in range(3):
        await take_in(ledger, an_alert(complaint_id=f"complaint-{number}"))
    assert await ledger.waiting_count(HOOK) == 2
    assert [(f.complaint_id, f.reason) for f in await ledger.failed(10)] == [
        ("complaint-2", "queue_full")
    ]


async def test_the_list_of_failures_is_bounded(redis: Redis, settings: NotifierSettings) -> None:
    """Only the newest failures are kept."""
    ledger = Ledger(redis, replace(settings, waiting_max=0, failed_max=3), [], [HOOK])
    for number in range(5):
        await take_in(ledger, an_alert(complaint_id=f"complaint-{number}"), NOW + number)
    assert [f.complaint_id for f in await ledger.failed(10)] == [
        "complaint-4",
        "complaint-3",
        "complaint-2",
    ]


@pytest.mark.parametrize("kind", [AlertKind.WARNED, AlertKind.BREACHED, AlertKind.ESCALATED])
async def test_quiet_alerts_go_nowhere(ledger: Ledger, kind: AlertKind) -> None:
    """A quiet alert fires nothing and is queued for nobody."""
    await take_in(ledger, an_alert(kind, quiet=True))
    assert await ledger.claim_firings(AM, NOW) == []
    assert await ledger.waiting_count(HOOK) == 0


async def test_a_quiet_recovery_still_ends_what_fires(ledger: Ledger) -> None:
    """Otherwise an alert would fire for good once its complaint was made quiet."""
    await take_in(ledger, an_alert())
    await take_in(ledger, an_alert(AlertKind.RECOVERED, quiet=True))
    assert states(await ledger.claim_firings(AM, NOW)) == {"breach": False}
    assert await ledger.waiting_count(HOOK) == 1


@pytest.mark.parametrize("end", [AlertKind.RECOVERED, AlertKind.RETRACTED])
async def test_the_end_of_a_quiet_alert_is_not_told(ledger: Ledger, end: AlertKind) -> None:
    """Imported history breaks promises quietly; that they are settled later is no news either."""
    await take_in(ledger, an_alert(quiet=True))
    assert not await take_in(ledger, an_alert(end))
    assert await ledger.waiting_count(HOOK) == 0
    await take_in(ledger, an_alert(end, alert_id="other", target="total_resolution"))
    assert await ledger.waiting_count(HOOK) == 1  # of that clock nothing was quiet


async def test_what_was_told_is_ended_aloud_although_it_began_quietly(ledger: Ledger) -> None:
    """A quiet warning and a loud breach: the end of the breach is told."""
    await take_in(ledger, an_alert(AlertKind.WARNED, quiet=True))
    await take_in(ledger, an_alert())
    await take_in(ledger, an_alert(AlertKind.RECOVERED))
    assert await ledger.waiting_count(HOOK) == 2


async def test_partitions_are_known_once_marked(ledger: Ledger) -> None:
    """Reading begins at the committed offset only where the ledger was there before."""
    assert await ledger.known_partitions(["a/0", "a/1"]) == set()
    await ledger.mark_partitions(["a/1"])
    assert await ledger.known_partitions(["a/0", "a/1"]) == {"a/1"}
    # A server that was restarted has the mark on disk, and may lack what came in its last second.
    await ledger._redis.set(ledger._keys.partition("a/1"), "the server before")
    assert await ledger.known_partitions(["a/0", "a/1"]) == set()


async def test_names_with_odd_characters_survive(ledger: Ledger) -> None:
    """Complaint ids are ours, but steps and people in policies are free text."""
    await take_in(ledger, an_alert(AlertKind.ESCALATED, step="组长 A/B#1", to="组长 A/B"))
    (claim,) = await ledger.claim_firings(AM, NOW)
    assert claim.firing.labels["escalated_to"] == "组长 A/B"
    await take_in(ledger, an_alert(AlertKind.ESCALATED, step="组长 A/B#2", to="组长 A/B"))
    claims = await ledger.claim_firings(AM, NOW)
    assert sorted(states(claims).values()) == [False, True]
