"""The board: what it counts, what leads the queue, and what it says of the last day."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from agents.satisfaction.rollup import RowKey, hour_of
from schemas.satisfaction import Dimension, SatisfactionRow, Window
from streams.views import ViewReader, ViewWriter
from streams.views.board import FIGURES_SECONDS, BoardBuilder
from streams.views.facts import facts_of
from tests.streams.views.conftest import Clock
from tests.streams.views.examples import NOW, clock_view, complaint, minutes


@pytest.fixture
def writer(redis: Redis, prefix: str, clock: Clock) -> ViewWriter:
    """A writer that owns the only partition, whose rows are empty."""
    writer = ViewWriter(redis, prefix, partitions=1, source=lambda _: (), clock=clock)
    writer.own(0, applied=1)
    return writer


@pytest.fixture
def builder(redis: Redis, prefix: str, clock: Clock) -> BoardBuilder:
    """A builder of boards from the same views."""
    return BoardBuilder(ViewReader(redis, prefix, clock=clock), clock)


async def test_an_empty_board_says_so(builder: BoardBuilder) -> None:
    """Before the first record there are no counts and no figures, and the state says why."""
    board = await builder.build()
    assert board.freshness.state == "empty"
    assert (board.open_count, board.queue, board.oldest_unanswered) == (0, [], None)
    assert board.last_day.now.csat.satisfied.ratio is None
    assert [group.key for group in board.channels] == ["phone", "email", "chat", "web"]


async def test_counts_and_order(writer: ViewWriter, builder: BoardBuilder, clock: Clock) -> None:
    """Broken, due within the hour, running and paused are counted apart; broken ones lead."""
    for each in (
        complaint("broken", clock_view(-20, "breached"), channel="phone"),
        complaint("soon", clock_view(4, limit=60), team="a"),
        complaint("within", clock_view(55, limit=600), team="a"),
        complaint("later", clock_view(300, limit=600), team="b", channel="web", tier="minor"),
        complaint("paused", clock_view(10, "paused"), team="b"),
        complaint("silent", team=""),
    ):
        writer.put_complaint(0, each, "Ann")
    await writer.flush()
    board = await builder.build()
    assert [row.complaint_id for row in board.queue] == [
        "broken", "soon", "within", "later", "silent", "paused"
    ]  # fmt: skip
    assert [row.state for row in board.queue] == [
        "breached", "warned", "warned", "running", "none", "paused"
    ]  # fmt: skip
    counts = (board.open_count, board.breached_count, board.due_count, board.paused_count)
    assert counts == (6, 1, 2, 1)
    assert board.running_count == 3
    assert board.next_due_at == NOW + minutes(4)
    by_channel = {g.key: (g.open_count, g.due_count, g.breached_count) for g in board.channels}
    assert by_channel == {
        "phone": (1, 0, 1),
        "email": (4, 2, 0),
        "chat": (0, 0, 0),
        "web": (1, 0, 0),
    }
    assert [group.key for group in board.teams] == ["a", "b", "billing"]


async def test_the_oldest_unanswered_waits_for_an_answer(
    writer: ViewWriter, builder: BoardBuilder
) -> None:
    """Only promises to answer count as waiting, and only those that still run."""
    old_update = clock_view(100, target="update", limit=900)
    answered = clock_view(1, limit=600, state="met", ended=True)
    writer.put_complaint(0, complaint("told", old_update, answered))
    writer.put_complaint(0, complaint("waits", clock_view(30, target="next_response", limit=60)))
    await writer.flush()
    oldest = (await builder.build()).oldest_unanswered
    assert oldest is not None
    assert (oldest.complaint_id, oldest.waiting_since_at) == ("waits", NOW - minutes(30))


async def test_a_running_clock_past_due_is_not_called_broken() -> None:
    """Only the pipeline decides a breach; until then the clock has simply nothing left."""
    facts = facts_of(complaint("k", clock_view(-5)))
    now_ms = int(NOW.timestamp() * 1000)
    assert facts.state(now_ms) == "warned"
    assert facts.used_ratio(now_ms) > 1


async def test_figures_cover_the_last_24_hours_and_a_week_before(
    writer: ViewWriter, builder: BoardBuilder, clock: Clock
) -> None:
    """The current hour and 23 before it; a fall against the week before is named when real."""
    this_hour = hour_of(NOW)

    def put(hour: int, csat: dict[int, int], dimension: Dimension = Dimension.ALL) -> None:
        key = "email" if dimension is Dimension.CHANNEL else ""
        writer.put_satisfaction(
            0, RowKey(Window.HOUR, hour, dimension, key), SatisfactionRow(csat=csat)
        )

    put(this_hour, {5: 10, 1: 30})
    put(this_hour - 23, {5: 10, 1: 10})
    put(this_hour - 24, {5: 1_000})
    put(this_hour - 168, {5: 55, 1: 5})
    put(this_hour, {5: 10}, Dimension.CHANNEL)
    await writer.flush()
    board = await builder.build()
    assert board.last_day.now.csat.satisfied.of == 60
    assert board.last_day.before.csat.satisfied.of == 60
    assert board.last_day.csat_change == "fall"
    assert board.last_day.nps_change == "unknown"
    assert board.figures_from_at == NOW - timedelta(hours=23)
    email = next(group for group in board.channels if group.key == "email")
    assert email.satisfied.of == 10

    put(this_hour, {5: 100})
    await writer.flush()
    assert (await builder.build()).last_day.now.csat.satisfied.of == 60, "kept for some seconds"
    clock.now += FIGURES_SECONDS
    assert (await builder.build()).last_day.now.csat.satisfied.of == 120
