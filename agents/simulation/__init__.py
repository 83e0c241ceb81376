"""A contact centre invented from a seed: customers, staff, bots, outages, noise and mistakes.

`simulate` is pure and deterministic: same arguments, same events, byte for byte. It knows no clock;
`streams/cli/simulate.py` replays its events at any speed.
"""

from agents.simulation.simulate import (
    CHANNELS,
    DEFAULT_CONTACTS_PER_DAY,
    DEFAULT_CUSTOMERS,
    SimulatedEvent,
    simulate,
)
from agents.simulation.world import EventClass, start_before

__all__ = [
    "CHANNELS",
    "DEFAULT_CONTACTS_PER_DAY",
    "DEFAULT_CUSTOMERS",
    "EventClass",
    "SimulatedEvent",
    "simulate",
    "start_before",
]
