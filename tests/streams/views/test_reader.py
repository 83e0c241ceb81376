"""The view reader: partitions add up, the queue is sorted by what falls due, age is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from agents.satisfaction.rollup import RowKey, hour_of
from schemas.complaint import Stage
from schemas.satisfaction import Dimension, SatisfactionRow, Window
from schemas.view import ChannelCard, ChannelCounts, CustomerCard, ScoreCard, TimelineCard
from streams.views import ViewReader, ViewWriter
from streams.views.freshness import BEHIND_SECONDS, STALE_SECONDS
from streams.views.pruning import prune
from tests.streams.views.conftest import Clock
from tests.streams.views.examples import NOW, card, clock_view, complaint, minutes


@pytest.fixture
def writer(redis: Redis, prefix: str, clock: Clock) -> ViewWriter:
    """A writer that owns both partitions, whose rows are empty."""
    writer = ViewWriter(redis, prefix, partitions=2, source=lambda _: (), clock=clock)
    for partition in (0, 1):
        writer.own(partition, applied=1)
    return writer


@pytest.fixture
def reader(redis: Redis, prefix: str, clock: Clock) -> ViewReader:
    """A reader of the same views."""
    return ViewReader(redis, prefix, clock=clock)


async def show(writer: ViewWriter, *complaints: Any) -> None:
    """Write some complaints."""
    for each in complaints:
        writer.put_complaint(0, each, "Ann")
    await writer.flush()


async def names(reader: ViewReader, state: str = "open", **options: Any) -> list[str]:
    """The ids of a page."""
    page = await reader.complaints(state, **options)
    return [c.complaint_id for c in page.complaints]


async def test_open_complaints_are_sorted_by_what_falls_due(
    writer: ViewWriter, reader: ViewReader
) -> None:
    """What is broken stands first, then by due time; what runs no clock, or a paused one, last."""
    await show(
        writer,
        complaint("later", clock_view(50)),
        complaint("paused", clock_view(5, "paused")),
        complaint("none"),
        complaint("soon", clock_view(90, target="update"), clock_view(10)),
        complaint("broken", clock_view(-20, "breached"), clock_view(5)),
    )
    found = await names(reader)
    assert found[:3] == ["broken", "soon", "later"]
    assert set(found[3:]) == {"paused", "none"}
    first = await reader.complaint("soon")
    assert first is not None
    assert first.next_due_at == NOW + minutes(10)
    assert first.customer_name == "Ann"


async def test_a_complaint_stands_in_one_list(writer: ViewWriter, reader: ViewReader) -> None:
    """Resolving, reopening and closing move a complaint; it is never in two lists."""
    await show(writer, complaint("k", clock_view(10)))
    steps = [
        (Stage.RESOLVED, "resolved"),
        (Stage.IN_PROGRESS, "open"),
        (Stage.RESOLVED, "resolved"),
        (Stage.CLOSED, "closed"),
    ]
    for stage, listed in steps:
        await show(writer, complaint("k", clock_view(10), stage=stage, resolved_at=NOW))
        where = [s for s in ("open", "resolved", "closed") if await names(reader, s)]
        assert where == [listed]
        assert len(await reader.open_facts()) == (listed == "open")


async def test_pages_follow_each_other(writer: ViewWriter, reader: ViewReader) -> None:
    """A cursor goes on where the page before ended, through all lists, without gap or repeat."""
    await show(
        writer,
        *(complaint(f"o{n}", clock_view(n + 1)) for n in range(5)),
        *(complaint(f"r{n}", stage=Stage.RESOLVED, resolved_at=NOW - minutes(n)) for n in range(3)),
        complaint("c0", stage=Stage.CLOSED, closed_at=NOW),
    )
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await reader.complaints("all", limit=2, cursor=cursor)
        seen += [c.complaint_id for c in page.complaints]
        cursor = page.next_cursor
    assert seen == ["o0", "o1", "o2", "o3", "o4", "r0", "r1", "r2", "c0"]


async def test_filters_look_behind_the_first_page(writer: ViewWriter, reader: ViewReader) -> None:
    """A filter finds what stands behind many others."""
    await show(
        writer,
        *(complaint(f"m{n}", clock_view(n + 1)) for n in range(300)),
        complaint("x", clock_view(400), channel="chat", tier="minor"),
    )
    filters = {"channel": "chat", "tier": "minor"}
    assert await names(reader, limit=1, filters=filters) == ["x"]
    assert await names(reader, limit=1, filters={**filters, "team": "none"}) == []


@pytest.mark.parametrize("cursor", ["x", "1", "9.1", "0.-1", "0.x"])
async def test_a_wrong_cursor_is_refused(reader: ViewReader, cursor: str) -> None:
    """A cursor that no answer gave is refused with its text."""
    with pytest.raises(ValueError, match="is no cursor"):
        await reader.complaints(cursor=cursor)


async def test_complaints_of_a_customer(writer: ViewWriter, reader: ViewReader) -> None:
    """A customer's complaints come newest first; one that moved in a merge is the other's."""
    await show(
        writer,
        complaint("old", opened_at=NOW - timedelta(days=2)),
        complaint("new"),
        complaint("moved"),
    )
    await show(writer, complaint("moved", customer_id="c-2"))
    assert [c.complaint_id for c in await reader.complaints_of("c-1")] == ["new", "old"]
    assert [c.complaint_id for c in await reader.complaints_of("c-2")] == ["moved"]


async def test_a_merged_customer_leads_to_the_survivor(
    writer: ViewWriter, reader: ViewReader
) -> None:
    """Old ids stay good; a ring of merges ends instead of turning for ever."""
    writer.put_customer(0, card("c-3", name="survivor"))
    writer.put_customer(0, CustomerCard(customer_id="c-2", merged_into="c-3"))
    writer.put_customer(0, CustomerCard(customer_id="c-1", merged_into="c-2"))
    writer.put_customer(0, CustomerCard(customer_id="ring", merged_into="ring"))
    await writer.flush()
    found = await reader.customer("c-1")
    assert found is not None
    assert found.customer_id == "c-3"
    assert await reader.customer("ring") is None
    assert await reader.customer("nobody") is None


async def test_a_card_shows_everybody_who_was_merged_into_it(
    writer: ViewWriter, reader: ViewReader
) -> None:
    """Lines and scores by time, counts and purchases summed, every handle once."""

    def part(who: str, day: int, **fields: Any) -> CustomerCard:
        at = NOW + timedelta(days=day)
        line = TimelineCard(
            interaction_id=who, occurred_at=at, channel="chat", kind="message",
            direction="in", actor_type="customer",
        )  # fmt: skip
        score = ScoreCard(
            instrument="csat", score=4, scale_min=1, scale_max=5, unit_score=0.75, rated_at=at
        )
        return CustomerCard(
            customer_id=who, handles=["email:a@b.c", f"chat:{who}"], first_at=at, last_at=at,
            channels={"chat": ChannelCard(at, at, day)}, interaction_count=day, timeline=[line],
            scores=[score], purchases={"EUR": "1.50"}, purchase_count=1, complaint_count=day,
            **fields,
        )  # fmt: skip

    writer.put_customer(0, part("ann", 2, merged=["visitor", "unknown"], name="Ann"))
    writer.put_customer(1, part("visitor", 1, merged_into="ann", region="DE"))
    await writer.flush()
    found = await reader.customer("visitor")
    assert found is not None
    assert (found.customer_id, found.name, found.region) == ("ann", "Ann", "DE")
    assert [line.interaction_id for line in found.timeline] == ["visitor", "ann"]
    assert [score.rated_at for score in found.scores] == [found.first_at, found.last_at]
    assert found.handles == ["email:a@b.c", "chat:ann", "chat:visitor"]
    assert found.channels["chat"].count == found.interaction_count == found.complaint_count == 3
    assert (found.purchases, found.purchase_count) == ({"EUR": "3.00"}, 2)


async def test_partitions_add_up(writer: ViewWriter, reader: ViewReader) -> None:
    """Rows of partitions are added before anything is derived; a correction may be negative."""
    key = RowKey(Window.DAY, hour_of(NOW) // 24 * 24, Dimension.CHANNEL, "chat")
    writer.put_satisfaction(0, key, SatisfactionRow(csat={1: 3, 5: 9}))
    writer.put_satisfaction(1, key, SatisfactionRow(csat={1: -1, 5: 1}))
    writer.put_satisfaction(1, key._replace(key="a:b"), SatisfactionRow(contacts=1))
    await writer.flush()
    first, second = await reader.satisfaction(Dimension.CHANNEL, Window.DAY)
    assert (first.key, first.counts.contacts) == ("a:b", 1)
    assert second.counts.csat == {1: 2, 5: 10}
    assert second.figures.csat.satisfied.count == 10
    assert second.start_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert second.end_at == datetime(2026, 3, 3, tzinfo=UTC)


async def test_starts_are_half_open_and_newest_first(
    writer: ViewWriter, reader: ViewReader
) -> None:
    """`from` is in, `to` is out, and the limit keeps the newest."""
    first = hour_of(NOW)
    for hour in range(5):
        key = RowKey(Window.HOUR, first + hour, Dimension.ALL, "")
        writer.put_satisfaction(0, key, SatisfactionRow(contacts=hour + 1))
    await writer.flush()

    async def contacts(**options: Any) -> list[int]:
        entries = await reader.satisfaction(Dimension.ALL, Window.HOUR, **options)
        return [entry.counts.contacts for entry in entries]

    assert await contacts() == [5, 4, 3, 2, 1]
    assert await contacts(limit=2) == [5, 4]
    assert await contacts(from_at=NOW + minutes(60), to_at=NOW + minutes(180)) == [3, 2]
    assert await contacts(from_at=NOW + minutes(1), to_at=NOW + minutes(61)) == [2]
    total = await reader.span(NOW + minutes(60), NOW + minutes(180), Dimension.ALL)
    assert total[""].contacts == 5


async def test_stats_are_summed_over_workers(writer: ViewWriter, reader: ViewReader) -> None:
    """Every channel is there, corrections are accepted, and what is known already is duplicate."""
    writer.put_intake_counts("interactions.email.v1", 0, {"received": 9, "rejected": 1})
    writer.put_intake_counts("interactions.email.v1", 1, {"received": 3, "skipped": 1})
    writer.put_intake_counts("commands.v1", 0, {"received": 2})
    writer.put_customer_counts(0, {"email": {"accepted": 4, "corrected": 1, "conflict": 1}})
    writer.put_customer_counts(
        1, {"email": {"duplicate": 1, "stale": 2, "replayed": 5}, "commands": {"accepted": 2}}
    )
    await writer.flush()
    stats = await reader.stats()
    assert set(stats) == {"phone", "email", "chat", "web", "commands"}
    expected = ChannelCounts(received=12, accepted=5, duplicate=4, rejected=1, skipped=1)
    assert stats["email"] == expected
    assert stats["phone"] == ChannelCounts()
    assert (stats["commands"].received, stats["commands"].accepted) == (2, 2)


async def test_views_age(writer: ViewWriter, reader: ViewReader, clock: Clock) -> None:
    """Empty before anything was written; live while confirmed; stale when one partition is not."""
    assert (await reader.freshness()).state == "empty"
    for partition in (0, 1):
        await writer.rebuild(partition, ())
    writer.put_progress(0, applied=1, read_through_at=NOW)
    await writer.flush()
    assert (await reader.freshness()).state == "live"
    writer.disown(1)
    clock.now += STALE_SECONDS + 1
    await writer.flush()
    found = await reader.freshness()
    assert (found.state, found.stale_partitions) == ("stale", [1])


async def test_catching_up_is_told(writer: ViewWriter, reader: ViewReader, clock: Clock) -> None:
    """With records waiting, and those read long past, the board is catching up."""
    for partition in (0, 1):
        await writer.rebuild(partition, ())
    past = NOW - timedelta(seconds=BEHIND_SECONDS + 1)
    writer.put_progress(0, applied=1, read_through_at=past, lag_count=40)
    writer.put_progress(1, applied=1, read_through_at=NOW)
    clock.now += 1.1
    await writer.flush()
    found = await reader.freshness()
    assert (found.state, found.lag_count, found.read_through_at) == ("catching_up", 40, past)


async def test_old_views_are_pruned(writer: ViewWriter, reader: ViewReader, redis: Redis) -> None:
    """Beyond the limits the oldest go, with everything that belongs to them."""
    for number in range(4):
        at = NOW + minutes(number)
        writer.put_customer(0, card(f"c-{number}", last_at=at))
        writer.put_complaint(0, complaint(f"k-{number}", stage=Stage.CLOSED, closed_at=at), "Ann")
        key = RowKey(Window.HOUR, hour_of(NOW) + number, Dimension.TEAM, "a")
        writer.put_satisfaction(0, key, SatisfactionRow(contacts=1))
    writer.put_complaint(0, complaint("open"), "Ann")
    await writer.flush()
    removed = await prune(
        redis, writer.keys, ended=3, customers=2, starts={Window.HOUR: 1, Window.DAY: 1}
    )
    assert removed == 1 + 2 + 3
    assert await names(reader, "closed") == ["k-3", "k-2", "k-1"]
    assert await reader.complaint("k-0") is None
    assert [await reader.customer(f"c-{n}") is not None for n in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    assert await reader.starts(Window.HOUR, limit=9) == [hour_of(NOW) + 3]
    assert await reader.rows(Window.HOUR, [hour_of(NOW)], Dimension.TEAM) == {hour_of(NOW): {}}
    assert await names(reader) == ["open"]
    assert await prune(redis, writer.keys) == 0
