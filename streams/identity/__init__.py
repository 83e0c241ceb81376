"""The identity index in Redis: whose handles are these, and how the index comes back when lost.

    resolve ► its links on Kafka, acknowledged ► confirm ► the batch's events may go out

An event rests on one link alone, that of its strongest handle. It goes out only once that link is
on Kafka and the index that gave it is still in force; so whatever index comes later has the link,
and a replay finds the same customer. A batch whose index was lost meanwhile asks the new one. Both
steps are one script each, so no worker needs to know of another.

The index is in force while its marker says so (`marker.lua`): it is gone after a flush, and void on
another server process. Nothing is answered then; one worker rebuilds the index from the links on
Kafka (`rebuild.py`), the others wait.

An **epoch** numbers the indexes. It is the offset of a record that the rebuild appends to
`identity-links.v1` before it reads, so it only grows and no two rebuilds share it. Links carry the
epoch of the index that made them, in their Kafka key as well, so that compaction never prefers the
late link of a dead index: of a handle's links that of the highest epoch holds.
"""

from streams.identity.index import Identified, IdentityIndex
from streams.identity.links import link_effects, read_links
from streams.identity.observer import IdentityObserver
from streams.identity.rebuild import IdentityRebuild
from streams.identity.restoring import Claim, IndexLost, Link, Restoring
from streams.identity.service import IdentityService

__all__ = [
    "Claim",
    "Identified",
    "IdentityIndex",
    "IdentityObserver",
    "IdentityRebuild",
    "IdentityService",
    "IndexLost",
    "Link",
    "Restoring",
    "link_effects",
    "read_links",
]
