"""A headless Chromium, driven over its own debugging protocol: enough to open a page and look."""

import asyncio
import base64
import json
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any, Self

import aiohttp

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
        if (found := shutil.which(name))
    ),
    None,
)
"""The browser, or None where none is installed."""

START_SECONDS = 30.0


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self.problems: list[str] = []
        """Errors of scripts, and what the page was refused by its own policy."""

    async def call(self, method: str, **params: Any) -> Any:
        """Send a command of the protocol and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = json.loads((await self._socket.receive()).data)
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]
            if message.get("method") == "Runtime.exceptionThrown":
                self.problems.append(str(message["params"]["exceptionDetails"])[:500])
            elif message.get("method") == "Log.entryAdded":
                entry = message["params"]["entry"]
                if entry["level"] == "error":
                    self.problems.append(f"{entry['text']} {entry.get('url', '')}")

    async def size(self, width: int, height: int) -> None:
        """Set the size of the window."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def open(self, url: str) -> None:
        """Go to an address and wait until the page is there and its script has run."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && !!document.getElementById('main')")

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def until(self, script: str, seconds: float = 20.0) -> Any:
        """Wait until an expression is true; its value."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if value := await self.run(script):
                        return value
                except AssertionError:  # the page is being replaced
                    pass
                await asyncio.sleep(0.05)

    async def text(self, selector: str) -> str:
        """What a reader sees of an element."""
        return str(await self.run(f"document.querySelector({selector!r}).innerText.trim()"))

    async def picture(self, path: Path) -> None:
        """Save what is seen."""
        result = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(result["data"]))


class Browser:
    """A Chromium of its own, with a profile of its own, ended with the block."""

    async def __aenter__(self) -> Self:
        """Start it and wait until it listens."""
        assert CHROMIUM is not None
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._profile.name}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        port_file = Path(self._profile.name, "DevToolsActivePort")
        for _ in range(int(START_SECONDS / 0.05)):
            if port_file.exists() and len(port_file.read_text().split()) == 2:
                break
            await asyncio.sleep(0.05)
        self._port = int(port_file.read_text().split()[0])
        self._session = aiohttp.ClientSession()
        return self

    async def page(self, language: str = "en", dark: bool = False) -> Page:
        """A new page; `language` is what the browser asks for, `dark` what the system is."""
        address = f"http://127.0.0.1:{self._port}/json/new?about:blank"
        async with self._session.put(address) as response:
            target = await response.json()
        socket = await self._session.ws_connect(
            target["webSocketDebuggerUrl"], max_msg_size=64 * 1024 * 1024
        )
        page = Page(socket)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.call(f"{domain}.enable")
        await page.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await page.call("Emulation.setEmulatedMedia", features=[scheme])
        return page

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        await self._session.close()
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._profile.cleanup()
