"""The lanes a worker owns at the moment, and the changelogs their rows are in."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from streams.engine.changelog import Changelog
from streams.engine.clients import TopicPartition, build_reader
from streams.engine.decoded import DecodedBudget
from streams.engine.lane import Lane
from streams.engine.rows import LaneRows
from streams.engine.shelves import Shelves

if TYPE_CHECKING:
    from streams.engine.engine import Engine

__all__ = ["OwnedLanes"]


class OwnedLanes:
    """Creates lanes for an assignment, restores their rows, and lets go of them again."""

    def __init__(self, engine: "Engine") -> None:
        self.lanes: dict[TopicPartition, Lane] = {}
        self.changelogs: dict[TopicPartition, Changelog] = {}
        self._engine = engine
        self._kept: dict[TopicPartition, Changelog] = {}
        self._restores: dict[TopicPartition, asyncio.Task[None]] = {}
        self._restoring = asyncio.Semaphore(engine.settings.restoring_lanes)
        self._decoded = DecodedBudget(engine.settings.decoded_rows)
        self.shelves: Shelves | None = None
        """Where rows on disk are; None keeps them in memory."""

    # --- take ------------------------------------------------------------------------------------

    def take(self, assigned: Sequence[TopicPartition]) -> None:
        """Create lanes, with the rows kept from the last assignment where they still fit."""
        engine, kept = self._engine, self._kept
        self._kept = {}
        scopes: dict[TopicPartition, set[bytes]] = {}
        for tp in assigned:
            stage = engine.stage_of[tp.topic]
            if stage.changelog:
                log_tp = TopicPartition(stage.changelog, tp.partition)
                scopes.setdefault(log_tp, set()).add(stage.scope_of(tp.topic))
        for log_tp, wanted in scopes.items():
            before = kept.get(log_tp)
            if before is not None and before.lanes.keys() == wanted:
                self.changelogs[log_tp] = kept.pop(log_tp)
                continue
            self.changelogs[log_tp] = Changelog(
                log_tp, engine.settings, engine.writer, build_reader, engine.observer, self.shelves
            )
        _close(kept.values())
        for tp in assigned:
            self.lanes[tp] = self._new_lane(tp)

    def _new_lane(self, tp: TopicPartition) -> Lane:
        engine = self._engine
        stage, fresh = engine.stage_of[tp.topic], LaneRows(self._decoded)
        if stage.changelog is None:
            return Lane(engine, stage, tp, None, fresh)
        changelog = self.changelogs[TopicPartition(stage.changelog, tp.partition)]
        rows = changelog.lanes.setdefault(stage.scope_of(tp.topic), fresh)
        return Lane(engine, stage, tp, changelog, rows)

    async def restore(self, changelog: Changelog) -> None:
        """Read a changelog; lanes that share it wait for the same read."""
        task = self._restores.get(changelog.tp)
        if task is None:
            task = asyncio.create_task(self._restore(changelog))
            self._restores[changelog.tp] = task
        await asyncio.shield(task)

    async def _restore(self, changelog: Changelog) -> None:
        async with self._restoring:
            await changelog.restore()

    # --- let go ----------------------------------------------------------------------------------

    async def drain(self) -> list[Lane]:
        """Stop all lanes and finish what is in flight, for `drain_seconds` at most."""
        lanes = list(self.lanes.values())
        self.lanes.clear()  # in place: others look at it
        restores, self._restores = list(self._restores.values()), {}
        pending = {task for lane in lanes for task in lane.stop()}
        for task in restores:
            task.cancel()
        if pending:
            _, late = await asyncio.wait(pending, timeout=self._engine.settings.drain_seconds)
            for task in late:  # not acknowledged in time: not committed, the next owner replays it
                task.cancel()
        await asyncio.gather(*restores, return_exceptions=True)
        return lanes

    def keep_rows(self, lanes: Sequence[Lane]) -> None:
        """Keep rows until the next assignment, where all lanes drained and nobody else wrote.

        If the partition comes back, only the tail of its changelog is read.
        """
        changelogs, self.changelogs = self.changelogs, {}
        spoilt = {
            lane.changelog.tp
            for lane in lanes
            if lane.changelog is not None and (lane.in_flight or not lane.restored)
        }
        self._kept = {
            tp: each for tp, each in changelogs.items() if each.clean and tp not in spoilt
        }
        _close(each for tp, each in changelogs.items() if tp not in self._kept)

    def close(self) -> None:
        """Let go of kept rows: there is no next assignment."""
        _close(self._kept.values())
        self._kept = {}

    def audited(self) -> list[Changelog]:
        """The changelogs whose lanes have their rows and work."""
        return list(
            {
                lane.changelog.tp: lane.changelog
                for lane in self.lanes.values()
                if lane.changelog is not None and lane.restored and not lane.stopping
            }.values()
        )


def _close(changelogs: Iterable[Changelog]) -> None:
    for each in changelogs:
        each.close()
