"""The Faust app: agents, services, life cycle, web. Records come through `streams.engine`."""

from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy

APP_ID = "manyi"


class NoKafka(BootStrategy):
    """Faust without its own consumer, producer, conductor and tables: the engine brings those."""

    enable_kafka = False


class ManyiApp(faust.App):
    """A Faust app whose records come through the engine."""

    BootStrategy = NoKafka

    async def on_shutdown(self) -> None:
        """Close the event loop Faust makes for the thread of the consumer we never start."""
        await super().on_shutdown()
        thread = getattr(self._consumer, "_thread", None)
        if thread is not None and not thread.thread_loop.is_running():
            thread.thread_loop.close()


def create_app(bootstrap_servers: str, *, port: int, host: str, directory: Path) -> Any:
    """Create the app. `port` and `host` are where its web server listens.

    `directory` is where Faust may make its own; nothing of ours is kept there.
    """
    first = bootstrap_servers.split(",")[0]
    return ManyiApp(
        APP_ID,
        broker=f"kafka://{first}",  # never dialled; Faust wants one
        store="memory://",
        web_enabled=True,
        web_port=port,
        web_bind=host,
        web_host="localhost",
        datadir=str(directory),
        autodiscover=False,
    )
