"""Who the customers of a batch are, and their links on Kafka before anything rests on them."""

from collections.abc import Sequence
from typing import Protocol

from agents.identity.resolve import Resolution, identity_links
from agents.intake.outcomes import Accepted, AcceptedCommand
from agents.intake.step import instant_of
from schemas.interaction import Origin
from streams.engine import RecordBatch
from streams.identity import Identified, link_effects

Named = Accepted | AcceptedCommand
"""What intake makes of a record that names somebody."""


class Identities(Protocol):
    """The identity index, or what stands for it in a test."""

    async def resolve(
        self, handle_sets: Sequence[Sequence[str]], origins: Sequence[Origin] = ()
    ) -> Identified:
        """Whose the handles are, in order."""

    async def confirm(self, epoch: int, through: Origin) -> bool:
        """The links of these records are on Kafka: whether that index is still in force."""


async def identify(
    identities: Identities, batch: RecordBatch, named: Sequence[Named]
) -> list[Resolution]:
    """Ask whose the records are; returns once all that the answers rest on is on Kafka.

    While it waits for Kafka the index may be lost and rebuilt without these links. Then nothing of
    this batch has gone out, and it is asked again.
    """
    handle_sets = [each.handles for each in named]
    origins = [origin_of(each) for each in named]
    through = Origin(batch.topic, batch.partition, batch.applied)
    at = {record.offset: record.timestamp for record in batch.records}
    while True:
        epoch, found = await identities.resolve(handle_sets, origins)
        links = {
            link.handle: link  # once, although several calls of one batch may have reported it
            for resolution, handles, origin in zip(found, handle_sets, origins, strict=True)
            if resolution.links
            for link in identity_links(resolution, handles, instant_of(at[origin.offset]), epoch)
        }
        if not links:
            return found
        await batch.publish_now(link_effects(links.values()))
        if await identities.confirm(epoch, through):
            return found


def origin_of(outcome: Named) -> Origin:
    """Where the record stands on Kafka."""
    return outcome.interaction.origin if isinstance(outcome, Accepted) else outcome.origin
