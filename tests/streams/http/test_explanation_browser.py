"""The page that explains a complaint, in a real browser: it fits, and it tells without a mouse."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from streams.http import build_app
from tests.streams.http.browser import CHROMIUM, Browser
from tests.streams.http.clock_scenes import COMPLAINT, KEPT, NOW, POLICY
from tests.streams.http.conftest import World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
]

SIZES = ((1280, 900), (390, 844))
WIDER = "document.documentElement.scrollWidth - innerWidth"
OUTSIDE = """[...document.querySelectorAll('svg.cl text, svg.cl rect.bar, .st, h3, td')]
  .filter((e) => { const r = e.getBoundingClientRect();
    return r.width && (r.right > innerWidth + 1 || r.left < -1); })
  .map((e) => e.textContent.trim())"""
COLLIDING = """[...document.querySelectorAll('svg.cl')].flatMap((svg) => {
  const marks = [...svg.querySelectorAll('text.mt, text.tk')].map((e) => [e,
    e.getBoundingClientRect()]);
  return marks.flatMap(([a, r], i) => marks.slice(i + 1).filter(([b, s]) =>
    r.left < s.right && s.left < r.right && r.top < s.bottom - 3 && s.top < r.bottom - 3)
    .map(([b]) => a.textContent + ' | ' + b.textContent)); })"""


@pytest.fixture
async def server(world: World) -> AsyncIterator[TestServer]:
    """The site on a port, with one complaint of many clocks."""
    world.writer.put_policy(POLICY)
    world.writer.put_complaint(0, COMPLAINT, "青禾茶业")
    world.writer.put_history(0, KEPT)
    world.clock.now = NOW.timestamp()
    await world.show()
    started = TestServer(build_app(world.services))
    await started.start_server()
    yield started
    await started.close()


async def test_it_fits_desk_and_phone_in_both_languages_and_themes(
    server: TestServer, tmp_path: Path
) -> None:
    """Nothing is outside the page, no label lies on another, no policy of the page complains."""
    async with Browser() as browser:
        for language, theme in (("en", "light"), ("zh", "dark")):
            page = await browser.page()
            address = server.make_url(f"/complaints/k-20481?lang={language}&theme={theme}")
            await page.open(str(address))
            await page.run("document.querySelectorAll('details').forEach((e) => e.open = true)")
            for width, height in SIZES:
                await page.size(width, height)
                where = f"{language} {theme} {width}x{height}"
                assert await page.run(WIDER) <= 0, where
                assert await page.run(OUTSIDE) == [], where
                assert await page.run(COLLIDING) == [], where
                picture = tmp_path / f"{language}-{width}.png"
                await page.picture(picture)
                assert picture.stat().st_size > 20_000, where
            assert page.problems == []


async def test_a_screen_reader_hears_the_drawing_and_the_bars_are_to_scale(
    server: TestServer,
) -> None:
    """Each drawing is an image with its own words; pixels are proportional to seconds."""
    async with Browser() as browser:
        page = await browser.page()
        await page.size(1280, 900)
        await page.open(str(server.make_url("/complaints/k-20481?lang=en")))
        labels = await page.run(
            "[...document.querySelectorAll('svg.cl')].map((e) => e.getAttribute('aria-label'))"
        )
        assert len(labels) == 5
        assert labels[1].startswith("Resolution, Due Wed 18 Nov 17:30; used 4 h 2 min 8 s of 16 h")
        widths = await page.run(
            "[...document.querySelectorAll('svg.cl')[1].querySelectorAll('rect.bar')]"
            ".map((e) => e.getBoundingClientRect().width)"
        )
        assert widths[1] / widths[0] == pytest.approx(15 * 60 / 80, rel=0.02)
        assert widths[3] / widths[0] == pytest.approx(170 / 80, rel=0.02)
