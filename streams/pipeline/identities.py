"""Who the customers of batches are, and their links on Kafka before anything rests on them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from agents.identity.resolve import Resolution, identity_links
from agents.intake.outcomes import Accepted, AcceptedCommand
from agents.intake.step import instant_of
from schemas.events import IdentityLink
from schemas.interaction import Origin
from streams.engine import Asked, BatchAbandonedError, RecordBatch, Rounds
from streams.identity import Identified, link_effects

Named = Accepted | AcceptedCommand
"""What intake makes of a record that names somebody."""


class Identities(Protocol):
    """The identity index, or what stands for it in a test."""

    async def resolve(
        self, handle_sets: Sequence[Sequence[str]], origins: Sequence[Origin] = ()
    ) -> Identified:
        """Whose the handles are, in order."""

    async def confirm(self, epoch: int, through: Sequence[Origin]) -> bool:
        """The links of these records are on Kafka: whether that index is still in force."""


class _Question(NamedTuple):
    """The records of one batch that name somebody."""

    batch: RecordBatch
    named: Sequence[Named]

    @property
    def through(self) -> Origin:
        """Its last record."""
        return Origin(self.batch.topic, self.batch.partition, self.batch.applied)

    def links(self, found: Sequence[Resolution], epoch: int) -> list[IdentityLink]:
        """What must be on Kafka before these answers are used."""
        if not any(resolution.links for resolution in found):
            return []
        at = {record.offset: record.timestamp for record in self.batch.records}
        return [
            link
            for resolution, named in zip(found, self.named, strict=True)
            if resolution.links
            for link in identity_links(
                resolution, named.handles, instant_of(at[origin_of(named).offset]), epoch
            )
        ]


_Asked = Asked[_Question, Sequence[Resolution]]


class Registry:
    """Asks the index for several batches at once: what comes while it asks goes with the next.

    Each round is a question, the publication of new links and their confirmation, one after the
    other. One lane at a time, every batch would wait for those of all other lanes.
    """

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._rounds = Rounds(self._identify)

    async def identify(self, batch: RecordBatch, named: Sequence[Named]) -> Sequence[Resolution]:
        """Ask whose the records are; returns once all that the answers rest on is on Kafka."""
        return await self._rounds.ask(_Question(batch, named)) if named else ()

    async def _identify(self, asked: Sequence[_Asked]) -> None:
        """One round. While it waits for Kafka the index may be lost and rebuilt without these
        links. Then nothing of these batches has gone out, and all is asked again."""
        while asked := _still_here(asked):
            questions = [each.item for each in asked]
            named = [one for question in questions for one in question.named]
            epoch, found = await self._identities.resolve(
                [one.handles for one in named], [origin_of(one) for one in named]
            )
            answers = _parted(questions, found)
            links = {
                link.handle: link  # once, although several questions may have reported it
                for question, answer in zip(questions, answers, strict=True)
                for link in question.links(answer, epoch)
            }
            if links:
                try:
                    await questions[0].batch.publish_now(link_effects(links.values()))
                except BatchAbandonedError:
                    continue  # only the first of them went away
                if not await self._identities.confirm(epoch, [each.through for each in questions]):
                    continue
            for each, answer in zip(asked, answers, strict=True):
                each.answer(answer)
            return


def _still_here(asked: Sequence[_Asked]) -> Sequence[_Asked]:
    """Those whose lane waits for them."""
    for each in asked:
        if each.item.batch.done.done():
            each.fail(BatchAbandonedError("the partition went away"))
    return [each for each in asked if each.is_waiting]


def _parted(
    questions: Sequence[_Question], found: Sequence[Resolution]
) -> list[Sequence[Resolution]]:
    """The answers, question by question."""
    answers, start = [], 0
    for question in questions:
        answers.append(found[start : start + len(question.named)])
        start += len(question.named)
    return answers


def origin_of(outcome: Named) -> Origin:
    """Where the record stands on Kafka."""
    return outcome.interaction.origin if isinstance(outcome, Accepted) else outcome.origin
