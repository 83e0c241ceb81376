"""The API on Faust's own web server: one port, and nothing of Faust's in its way."""

from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from streams.app import create_app
from streams.http import install
from tests.streams.http.conftest import World


async def test_it_stands_on_fausts_server_without_fausts_pages(
    world: World, tmp_path: Path
) -> None:
    """The wallboard is at `/`, health answers, and Faust's pages about tables are not there."""
    app = create_app("127.0.0.1:9092", port=6066, host="127.0.0.1", directory=tmp_path)
    install(app, world.services)
    web_app = await app.web.wsgi()
    async with TestClient(TestServer(web_app)) as client:
        async with client.get("/") as page:
            assert "Waiting for the first record" in await page.text()
        async with client.get("/health/live") as live:
            assert await live.json() == {"status": "live"}
        for path in ("/router/", "/table/", "/graph"):
            async with client.get(path) as missing:
                assert missing.status == 404
                assert (await missing.json())["hint"]
