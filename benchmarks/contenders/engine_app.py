"""What the contenders on manyi's engine alone share: the app, and the engine's settings."""

import tempfile
from typing import Any

from streams.app import ManyiApp
from streams.engine import EngineSettings


def engine_app(broker: str, group: str) -> Any:
    """An app without tables, web or a consumer of its own."""
    return ManyiApp(
        group,
        broker=f"kafka://{broker}",
        store="memory://",
        web_enabled=False,
        datadir=tempfile.mkdtemp(prefix="bench-"),
    )


def engine_settings(
    broker: str, group: str, *, idempotent: bool, session_seconds: float, **settings: Any
) -> EngineSettings:
    """A broker that takes idempotent producers is Apache Kafka, which tells exact ends, too."""
    return EngineSettings(
        bootstrap_servers=broker,
        group_id=group,
        idempotent=idempotent,
        exact_end_offsets=idempotent,
        session_timeout_seconds=session_seconds,
        rebalance_timeout_seconds=session_seconds,
        **settings,
    )
