"""One worker: the Faust app with its engine, deadlines, views, notifier and web, started and stopped in order.

This is the composition root: the only place that knows which concrete thing stands behind which name.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.policy_file import default_policy, read_policy
from schemas.policy import PolicySet
from streams import topics
from streams.app import create_app
from streams.deadlines import DeadlineService
from streams.engine import EngineSettings
from streams.errors import ExitCode, UserError
from streams.pipeline.customers import CustomerPipeline, encode_deadline
from streams.pipeline.intake import IntakePipeline
from streams.settings import Settings
from streams.topic_plan import Fit, apply, open_admin
from streams.topology import build

log = logging.getLogger(__name__)

EMBEDDED_SESSION_SECONDS = 10.0
"""The embedded broker waits out session and rebalance timeouts when members join; 10 s is its best."""


def engine_settings(settings: Settings) -> EngineSettings:
    """The engine's limits for this installation."""
    common: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "group_id": settings.group,
        "client_id": f"manyi-{settings.instance_id or 'worker'}",
        "security": settings.kafka_security(),
        "group_instance_id": settings.instance_id,
        "max_records": settings.max_records,
    }
    if settings.embedded:
        common |= {
            "session_timeout_seconds": EMBEDDED_SESSION_SECONDS,
            "rebalance_timeout_seconds": EMBEDDED_SESSION_SECONDS,
            "heartbeat_interval_seconds": 2.0,
            "idempotent": False,
        }
    return EngineSettings(**common)
