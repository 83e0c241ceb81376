"""Two customers who are one person, in the rows of both.

Identity stays: a handle belongs to the customer it was first linked to, and a replay finds the same
customers. A merge is an order. The customer that goes (`orders`) sends its complaints to the log of
the other and forwards whatever may concern them from then on; the one who goes on (`hosting`) has
the complaints of all. A customer who was merged itself passes on what it gets (`taking`), so chains
end at whoever was not merged. Undoing sends back what came, and what happened to it since.
"""

from agents.customer.merging.orders import MERGING, take_command_of_merged
from agents.customer.merging.outbox import MERGES_PASSED
from agents.customer.merging.taking import take_interaction_of_merged, take_relay

__all__ = [
    "MERGES_PASSED",
    "MERGING",
    "take_command_of_merged",
    "take_interaction_of_merged",
    "take_relay",
]
