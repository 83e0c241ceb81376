"""The wallboard as the server renders it: the heading is the answer, and age is never hidden."""

import asyncio
import json
import string
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from streams.http import build_app
from streams.http.feed import WATCHERS, BoardFeed
from streams.http.words import LANGUAGES, WORDS, Words, language_of
from streams.views.freshness import STALE_SECONDS
from tests.streams.http.conftest import World
from tests.streams.http.scenes import put_busy_board
from tests.streams.views.examples import NOW, clock_view, complaint

Client = TestClient[Any, Any]


async def page(client: Client, query: str = "", language: str = "en") -> str:
    """The page as text."""
    async with client.get(f"/{query}", headers={"Accept-Language": language}) as response:
        assert response.status == 200
        text = await response.text()
        assert f'<html lang="{response.headers["Content-Language"]}"' in text
        return text


async def test_the_heading_is_the_answer(world: World, client: Client) -> None:
    """The page says in one sentence what matters, in the title as well."""
    assert "Waiting for the first record" in await page(client)
    put_busy_board(world.writer)
    await world.show()
    world.clock.now += 1
    text = await page(client)
    assert "<title>2 breached, 5 due within the hour · manyi</title>" in text
    assert "21 h late" in text
    assert "2 个已超时，5 个一小时内到期" in await page(client, "?lang=zh")


async def test_stale_counts_are_dated_and_never_red(world: World, client: Client) -> None:
    """Without confirmation the heading is dated, nothing is called late, nothing is red."""
    put_busy_board(world.writer)
    await world.show()
    world.clock.now += STALE_SECONDS + 1
    text = await page(client)
    assert "At 09:00: 2 breached, 5 due within the hour" in text
    assert "These figures are as of 09:00:00" in text
    assert 'data-state="stale"' in text
    assert "past due" in text
    for red in ("min late", " h late", "tile breach", "st breach", 'class="num bad"'):
        assert red not in text


async def test_catching_up_is_dated_by_what_was_read(world: World, client: Client) -> None:
    """While there is lag, the counts are those of the events read so far."""
    put_busy_board(world.writer)
    past = NOW - timedelta(minutes=87)
    world.writer.put_progress(0, applied=3, read_through_at=past, lag_count=4_200)
    world.clock.now += 1.5
    await world.show()
    text = await page(client)
    assert "At 07:33: 2 breached" in text
    assert "read up to 07:33, 4,200 records to go" in text


async def test_nothing_wrong_is_said_without_colour(world: World, client: Client) -> None:
    """With nothing broken and nothing due the answer says so; no tile is coloured."""
    world.writer.put_complaint(0, complaint("k", clock_view(300, limit=600)), "Ann")
    await world.show()
    text = await page(client)
    assert "Nothing breached, nothing due within the hour" in text
    assert "tile breach" not in text
    assert "tile warn" not in text


async def test_customers_words_are_text_and_never_markup(world: World, client: Client) -> None:
    """Whatever a customer writes is shown as written."""
    nasty = "<img src=x onerror=alert(1)>&\"'"
    world.writer.put_complaint(0, complaint("k", clock_view(5), summary=nasty, owner=nasty), nasty)
    await world.show()
    text = await page(client)
    assert "<img" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") >= 3


async def test_times_are_those_of_the_installation(world: World) -> None:
    """The wall shows the time zone of the installation, whatever the browser's is."""
    world.services.timezone = ZoneInfo("Asia/Shanghai")
    async with TestClient(TestServer(build_app(world.services))) as other:
        text = await page(other)
    assert 'data-zone="Asia/Shanghai"' in text
    assert ">17:00</time>" in text


@pytest.mark.parametrize(
    ("wanted", "accepted", "expected"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "de,en;q=0.5,zh;q=0.7", "zh"),
        (None, "fr", "en"),
        (None, "zh;q=0,en", "en"),
        (None, "zh;q=x,,;;", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("de", "zh", "zh"),
    ],
)
def test_language(wanted: str | None, accepted: str, expected: str) -> None:
    """The address decides, then the browser, then English."""
    assert language_of(wanted, accepted) == expected


def test_both_languages_say_the_same() -> None:
    """Every phrase stands in both languages, with the same places to fill."""

    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    for name, phrases in WORDS.items():
        assert len(phrases) == len(LANGUAGES), name
        assert all(phrases), name
        assert places(phrases[0]) == places(phrases[1]), name


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (252, "4 min 12 s", "4 分 12 秒"),
        (672, "11 min", "11 分"),
        (6_600, "1 h 50 min", "1 小时 50 分"),
        (7_200, "2 h", "2 小时"),
        (200_000, "2 d 7 h", "2 天 7 小时"),
        (-30, "30 s late", "超时 30 秒"),
        (-182, "3 min late", "超时 3 分"),
        (-5_400, "90 min late", "超时 90 分"),
        (-90_000, "25 h late", "超时 25 小时"),
        (-900_000, "10 d late", "超时 10 天"),
    ],
)
def test_lengths(seconds: float, en: str, zh: str) -> None:
    """Two units at most, seconds only when they matter, late only with a length."""
    assert Words("en", ZoneInfo("UTC")).left(seconds) == en
    assert Words("zh", ZoneInfo("UTC")).left(seconds) == zh


async def read_event(response: ClientResponse) -> tuple[str, Any]:
    """The next event of a stream: its name and its data."""
    name = ""
    while True:
        line = (await asyncio.wait_for(response.content.readline(), 10)).decode().rstrip()
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))


async def test_the_stream_begins_with_the_board_and_tells_changes(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reconnecting page needs no question: the board comes first, then every change."""
    monkeypatch.setattr("streams.http.feed.BOARD_SECONDS", 0.05)
    async with client.get("/v1/stream") as data, client.get("/v1/stream?view=wall&lang=zh") as wall:
        assert data.content_type == "text/event-stream"
        name, board = await read_event(data)
        assert (name, board["open_count"]) == ("board", 0)
        assert (await read_event(wall))[1]["state"] == "empty"
        world.writer.put_complaint(0, complaint("k", clock_view(5)), "安")
        await world.show()
        world.clock.now += 1
        while board["open_count"] == 0:
            name, board = await read_event(data)
        assert board["queue"][0]["customer_name"] == "安"
        _, fragment = await read_event(wall)
        assert "没有超时，1 个一小时内到期" in fragment["html"]


async def test_an_unchanged_wall_is_not_sent_again(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times run in the page by themselves; without news there are only beats."""
    monkeypatch.setattr("streams.http.feed.BOARD_SECONDS", 0.02)
    world.writer.put_complaint(0, complaint("k", clock_view(300, limit=600)), "Ann")
    await world.show()
    async with client.get("/v1/stream?view=wall") as wall:
        assert (await read_event(wall))[0] == "board"
        world.clock.now += 6
        world.writer.put_progress(0, applied=2)
        await world.show()
        name, beat = await read_event(wall)
        assert (name, beat["now_at"]) == ("beat", "2026-03-02T09:00:06Z")


async def test_streams_are_bounded_and_end_with_the_worker(world: World, client: Client) -> None:
    """Beyond the limit a stream is refused with a hint; an open one does not hold the stop up."""
    async with client.get("/v1/stream") as stream:
        await read_event(stream)
        site_feed: list[BoardFeed] = [
            h.__self__.feed
            for h in client.app.on_shutdown
            if hasattr(h, "__self__") and hasattr(h.__self__, "feed")
        ]
        site_feed[0]._watchers += WATCHERS
        async with client.get("/v1/stream") as refused:
            assert refused.status == 503
            assert "another worker" in (await refused.json())["hint"]
        site_feed[0]._watchers -= WATCHERS
        await asyncio.wait_for(client.close(), 10)


async def test_static_files_are_served(client: Client) -> None:
    """The page's files are where it says, and nothing else of the folder is."""
    text = await page(client)
    for name in ("tokens.css", "wall.css", "wall.js", "icon.svg"):
        address = text.partition(f'"/static/{name}?v=')
        assert address[1], name
        async with client.get(f"/static/{name}") as response:
            assert response.status == 200
    async with client.get("/static/../site.py") as response:
        assert response.status == 404
