"""Intake: channel records of any channel become interactions, one log for every customer.

`take_in` reads one record: envelope, codec, handles, then the channel's own file decides who asked,
who answered and when. `take_command` does the same for orders. Nothing here knows the customer yet.
"""

from agents.intake.dead_letters import dead_letter_headers
from agents.intake.outcomes import Accepted, AcceptedCommand, Rejected, Skipped, SkipReason
from agents.intake.settings import IntakeSettings
from agents.intake.step import (
    given_command,
    instant_of,
    take_command,
    take_in,
    with_customer,
)

__all__ = [
    "Accepted",
    "AcceptedCommand",
    "IntakeSettings",
    "Rejected",
    "SkipReason",
    "Skipped",
    "dead_letter_headers",
    "given_command",
    "instant_of",
    "take_command",
    "take_in",
    "with_customer",
]
