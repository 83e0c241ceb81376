"""Delivers SLA alerts: to Alertmanager, to a signed webhook, to the terminal.

`Notifier` is one service beside the engine; all workers share its consumer group and its ledger in
Redis, so each alert is delivered by one of them. docs/alerts.md is the contract for receivers.
"""

from streams.notifier.deliverer import TransportStatus
from streams.notifier.deliveries import FailedDelivery, WaitingDelivery
from streams.notifier.observer import NotifierObserver
from streams.notifier.service import Notifier
from streams.notifier.settings import NotifierSettings

__all__ = [
    "FailedDelivery",
    "Notifier",
    "NotifierObserver",
    "NotifierSettings",
    "TransportStatus",
    "WaitingDelivery",
]
