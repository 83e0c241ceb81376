"""Two customers who are one person, in the rows of both.

Identity stays: a handle belongs to the customer it was first linked to, and a replay finds the same
customers. A merge is a command. The customer that goes (`leaving`) sends its complaints to the log
of the other and forwards whatever may concern them from then on; the one who goes on (`hosting`)
has the complaints of all. Nobody is merged into somebody who was merged: so there is no circle. But
who has guests may be merged, and passes on what they send (`taking`). Undoing sends back what came,
and what happened to it since.
"""

from agents.customer.merging.leaving import MERGING, take_command_of_merged
from agents.customer.merging.taking import take_interaction_of_merged, take_relay

__all__ = [
    "MERGING",
    "take_command_of_merged",
    "take_interaction_of_merged",
    "take_relay",
]
