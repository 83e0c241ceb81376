"""What an SLA alert says to people, and what it means for the alerts that fire because of it.

Pure: `compose` words an alert in English or Chinese, `change_of` tells which firing it begins and
which it ends, `alertmanager` builds the labels and annotations. Delivery is streams/notifier.
"""

from agents.alerts.firing import Change, Slot, change_of, ended_clocks
from agents.alerts.wording import Wording, compose

__all__ = ["Change", "Slot", "Wording", "change_of", "compose", "ended_clocks"]
