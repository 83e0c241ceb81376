"""What contacts of every channel share: where records come from, how they end, how they are rated.

A contact yields its records in order of time and returns an `Outcome`: when it ended, how long the
customer waited for a person, and whether the matter is settled.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

from agents.simulation.world import HOUR_MS, MINUTE_MS, Emission, Matter, instant

PHONE_SOURCE = "call-centre:1"
EMAIL_SOURCE = "mailbox:1"
CHAT_SOURCE = "chat:1"
WEB_SOURCE = "shop:1"

HOTLINES = {"CN": "4000000000", "US": "+12025550199", "DE": "+493023125999", "GB": "+442079460999"}
SUPPORT_MAILBOX = "support@shop.example"

CUSTOMER = {"type": "customer"}
BOT = {"type": "bot", "id": "assistant"}
SYSTEM = {"type": "system"}

MAIL_PATIENCE_SECONDS = 20 * 3600.0
"""After this long without an answer half of the people ask again, mostly elsewhere."""

NEVER_ANSWERED = 0.07
SOLVED_AT_FIRST = {"phone": 0.72, "chat": 0.66, "email": 0.6, "web": 0.6}


class Outcome(NamedTuple):
    """How a contact ended. `waited_ms` is None where no person answered."""

    ended_ms: int
    waited_ms: int | None
    solved: bool


Contact = Generator[Emission, None, Outcome]


def base(source: str, id_: str, kind: str, at_ms: int, **fields: Any) -> dict[str, Any]:
    """The fields every channel record begins with."""
    return {"source": source, "id": id_, "kind": kind, "occurred_at": instant(at_ms), **fields}


def satisfaction(matter: Matter, outcome: Outcome, levels: int) -> int:
    """A score from 1 to `levels`: long waits and unsolved matters cost, temper varies."""
    waited_ms = outcome.waited_ms if outcome.waited_ms is not None else 48 * HOUR_MS
    minutes = waited_ms / MINUTE_MS
    mood: float = 0.97 - 0.16 * (minutes / 60) ** 0.35 - 0.02 * min(minutes, 10)
    mood -= 0.0 if outcome.solved else 0.38
    mood -= 0.08 * (matter.attempts - 1) + (0.1 if matter.unhappy else 0.0)
    mood += matter.world.rng.gauss(0.0, 0.14)
    return 1 + round(min(max(mood, 0.0), 1.0) * (levels - 1))
