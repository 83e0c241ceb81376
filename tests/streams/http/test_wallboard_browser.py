"""The wallboard in a real browser: it lives, keeps its place, and says when it does not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from streams.http import build_app
from tests.streams.http.browser import CHROMIUM, Browser, Page
from tests.streams.http.conftest import World
from tests.streams.http.scenes import put_busy_board
from tests.streams.views.examples import clock_view, complaint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
]

SIZES = ((1280, 800), (1920, 1080), (390, 844))
CUT_OFF = """[...document.querySelectorAll(
  '.tile .k, .tile .v, .tile .d, .verdict, .st, .nd, .top-r, .tabs td, .banner')]
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
  .map((e) => e.className + ': ' + e.textContent.trim())"""
OUTSIDE = """[...document.querySelectorAll('.tile *, .verdict *, .st, .msr *, .tabs td')]
  .filter((e) => { const r = e.getBoundingClientRect();
    return r.width && (r.right > innerWidth + 1 || r.left < -1); })
  .map((e) => e.textContent.trim())"""
OVERLAP = """(() => { return [...document.querySelectorAll('.tile')].some((t) =>
    [...t.querySelectorAll('.v')].some((v) => { const range = document.createRange();
      range.selectNodeContents(v); return range.getBoundingClientRect().right >
        t.getBoundingClientRect().right; }))
  || [...document.querySelectorAll('.qlist li')].some((li) => {
    const a = li.querySelector('.st').getBoundingClientRect();
    const b = li.querySelector('.tx').getBoundingClientRect();
    return a.right > b.left && a.bottom > b.top && a.top < b.bottom; }) })()"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of its own."""
    async with Browser() as started:
        yield started


@pytest.fixture
async def server(world: World) -> AsyncIterator[TestServer]:
    """The site on a port, with a busy board."""
    put_busy_board(world.writer)
    await world.show()
    world.clock.now += 1.5
    await world.show()
    started = TestServer(build_app(world.services))
    await started.start_server()
    yield started
    await started.close()


async def opened(browser: Browser, server: TestServer, query: str = "", **options: Any) -> Page:
    """A page on the wallboard."""
    page = await browser.page(**options)
    await page.size(1280, 800)
    await page.open(f"{server.make_url('/')}{query}")
    return page


async def test_it_fits_every_screen_in_both_languages(
    browser: Browser, server: TestServer, tmp_path: Path
) -> None:
    """No figure is cut off, outside the page or over its tile; no script or policy complains."""
    for language in ("en", "zh"):
        page = await opened(browser, server, f"?lang={language}")
        for width, height in SIZES:
            await page.size(width, height)
            await page.until("document.fonts.status === 'loaded'")
            where = f"{language} {width}x{height}"
            assert await page.run(CUT_OFF) == [], where
            assert await page.run(OUTSIDE) == [], where
            assert await page.run(OVERLAP) is False, where
            picture = tmp_path / f"{language}-{width}.png"
            await page.picture(picture)
            assert picture.stat().st_size > 20_000, where
        assert page.problems == []


async def test_it_follows_the_system_and_the_address(browser: Browser, server: TestServer) -> None:
    """Language and theme come from the browser, until the address says otherwise."""
    page = await opened(browser, server, language="zh-CN", dark=True)
    assert await page.text("#answer") == "2 个已超时，5 个一小时内到期"
    background = "getComputedStyle(document.body).backgroundColor"
    assert await page.run(background) == "rgb(14, 17, 21)"
    page = await opened(browser, server, "?lang=en&theme=light", language="zh-CN", dark=True)
    assert await page.text("#answer") == "2 breached, 5 due within the hour"
    assert await page.run(background) == "rgb(245, 246, 248)"


async def test_it_changes_in_place(browser: Browser, server: TestServer, world: World) -> None:
    """News arrives without a reload; rows that stay are the same elements, focus stays too."""
    page = await opened(browser, server)
    await page.run("""window.kept = document.querySelector('[data-key="k-03"]');
      document.querySelector('.tabs').focus()""")
    nasty = "<img src=x onerror='window.hacked=1'>"
    world.writer.put_complaint(
        0, complaint("k-new", clock_view(-3_000, "breached"), summary=nasty, tier=""), nasty
    )
    await world.show()
    world.clock.now += 1
    await page.until("document.querySelector('.tile .v').textContent.trim() === '3'")
    assert await page.text("#answer") == "3 breached, 5 due within the hour"
    assert await page.run("document.querySelector('.qlist li').dataset.key") == "k-new"
    assert await page.text(".qlist .who") == nasty
    assert await page.run("window.kept === document.querySelector('[data-key=\"k-03\"]')")
    assert await page.run("document.activeElement.className") == "tabs sec"
    assert await page.run("document.title") == "3 breached, 5 due within the hour · manyi"
    assert await page.run("window.hacked") is None
    assert page.problems == []


async def test_it_says_when_the_connection_is_lost_and_comes_back(
    browser: Browser, world: World
) -> None:
    """Lost: banner, dated heading, grey, nothing late. Back: live again, without a reload."""
    put_busy_board(world.writer)
    await world.show()
    first = TestServer(build_app(world.services))
    await first.start_server()
    page = await opened(browser, first)
    await page.until("document.getElementById('link').textContent.trim() === 'Live'")
    await page.run("window.same = true")
    port = first.port
    await first.close()
    await page.until("!document.getElementById('lost').hidden")
    banner = " ".join((await page.text("#lost")).split())
    assert banner.startswith("Connection lost. Figures are as of 09:00:0")
    assert await page.text("#answer") == "At 09:00: 2 breached, 5 due within the hour"
    assert await page.text("#link") == "Connection lost"
    await page.until("!document.querySelector('.qlist').textContent.includes('late')")
    tile = "getComputedStyle(document.querySelector('.tile')).borderStyle"
    assert await page.run(tile) == "dashed"

    async with TestServer(build_app(world.services), port=port):
        await page.until("document.getElementById('lost').hidden")
        assert await page.text("#answer") == "2 breached, 5 due within the hour"
        assert await page.text("#link") == "Live"
        assert await page.run("window.same") is True


async def test_without_scripts_it_is_the_same_page(browser: Browser, server: TestServer) -> None:
    """The server renders everything; without scripts it only stands still."""
    page = await browser.page()
    await page.call("Emulation.setScriptExecutionDisabled", value=True)
    await page.call("Page.navigate", url=str(server.make_url("/")))
    await page.until("document.readyState === 'complete' && !!document.querySelector('.qlist')")
    assert await page.text("#answer") == "2 breached, 5 due within the hour"
    assert await page.text("noscript .banner") == "Reload to refresh: scripts are off."
    assert await page.run("document.querySelectorAll('.qlist li').length") == 9
