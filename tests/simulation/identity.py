"""A stand-in for the identity index: one server that all workers ask, and its bad moments.

The rules are the pure book's, to which other tests hold the script in Redis; what is added here is
what a server adds: answers that get lost after the links were made, refused connections, waiting.
"""

import asyncio
from collections.abc import Sequence
from random import Random

from agents.identity.resolve import IdentityBook, Resolution
from schemas.interaction import Origin
from streams.identity import Identified
from tests.simulation.world import Cluster, here

__all__ = ["Identity", "IdentityServer"]

PATIENCE_SECONDS = 0.5
"""A client's time-out for one question."""
PAUSE_SECONDS = 0.2


class IdentityServer:
    """The links, and whether anybody is heard."""

    def __init__(self, rng: Random) -> None:
        self.book = IdentityBook()
        self.made_by: dict[str, str] = {}
        """Handle -> the origin of the record that linked it: its second reading tells it again."""
        self.published: set[str] = set()
        self.down_until = 0.0
        self.lost_answers = 0.0
        """Share of questions that are answered in vain."""
        self.rng = rng
        self.asked = self.lost = 0

    def answer(self, handles: Sequence[str], origin: str) -> Resolution:
        """Answer for one record, and link what is new."""
        found = self.book.resolve(handles)
        for handle in found.links:
            self.made_by[handle] = origin
        links = tuple(
            h
            for h in handles
            if self.book.owners.get(h) == found.customer_id and h not in self.published
        )
        return Resolution(found.customer_id, links, found.conflicts, found.over_limit)


class Identity:
    """One worker's client, with the interface the intake pipeline asks."""

    def __init__(self, server: IdentityServer) -> None:
        self._server = server
        self._cluster: Cluster
        self._cluster, self._process = here()

    async def resolve(
        self, handle_sets: Sequence[Sequence[str]], origins: Sequence[Origin] = ()
    ) -> Identified:
        """Answer for all records of a batch, in order; asks until there is an answer."""
        if not any(handle_sets):
            return Identified(1, [Resolution("") for _ in handle_sets])
        server, network = self._server, self._cluster.broker.network
        while True:
            server.asked += 1
            await asyncio.sleep(network.one_way())
            if self._cluster.loop.now < server.down_until or not network.reaches(self._process):
                server.lost += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            found = [
                server.answer(handles, _text(origins[at])) if handles else Resolution("")
                for at, handles in enumerate(handle_sets)
            ]
            if server.lost_answers and server.rng.random() < server.lost_answers:
                server.lost += 1
                await asyncio.sleep(PATIENCE_SECONDS)
                continue
            await asyncio.sleep(network.one_way())
            return Identified(1, found)

    async def confirm(self, epoch: int, through: Origin) -> bool:
        """Links of records up to there are published."""
        await asyncio.sleep(self._cluster.broker.network.one_way())
        return True


def _text(origin: Origin) -> str:
    return f"{origin.topic}/{origin.partition}/{origin.offset}"
