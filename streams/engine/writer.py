"""Publishing in few, large record batches and waiting for the broker's answer to each of them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from streams.engine.batch import Effect
from streams.engine.errors import ConfigurationError, RowTooLargeError
from streams.engine.lease import Lease
from streams.engine.pace import Pace
from streams.engine.partitioning import Partitioner
from streams.engine.rounds import Asked, Rounds
from streams.engine.settings import EngineSettings

__all__ = ["Rows", "Writer"]

_Answers = list["asyncio.Future[Any]"]


class Rows(NamedTuple):
    """Keys and values of one lane for a changelog, `headers` for the first of them."""

    pairs: Iterable[tuple[bytes, bytes | None]]
    headers: Sequence[tuple[str, bytes]] = ()


class Writer:
    """Sends effects and changelog batches through one aiokafka producer."""

    def __init__(
        self, producer: Any, settings: EngineSettings, lease: Lease, partitions: Mapping[str, int]
    ) -> None:
        self._producer = producer
        self._settings = settings
        self._lease = lease
        self._partitions = dict(partitions)
        self._partition_of = Partitioner()
        self._pace = Pace(producer)
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}
        self._rounds: dict[tuple[str, int], Rounds[Sequence[Effect], _Answers]] = {}

    async def publish(self, effects: Sequence[Effect], default_partition: int = 0) -> None:
        """Send effects, in order per topic and partition; returns when all are acknowledged.

        What several lanes publish to a partition at the same time shares record batches. Records
        without key and partition go to `default_partition` (modulo what the topic has). Raises the
        producer's error when any of them was not acknowledged.
        """
        if not effects:
            return
        await self._learn_partitions({effect.topic for effect in effects})
        groups = self._by_partition(effects, default_partition)
        handed_over = await asyncio.gather(
            *(self._rounds_of(place).ask(group) for place, group in groups.items()),
        )
        await _all_acknowledged(list(chain.from_iterable(handed_over)))

    def _rounds_of(self, place: tuple[str, int]) -> Rounds[Sequence[Effect], _Answers]:
        rounds = self._rounds.get(place)
        if rounds is None:

            async def hand_over(asked: Sequence[Asked[Sequence[Effect], _Answers]]) -> None:
                await self._hand_over(asked, *place)

            rounds = self._rounds[place] = Rounds(hand_over, lambda: self.turn(*place))
        return rounds

    async def _hand_over(
        self, asked: Sequence[Asked[Sequence[Effect], _Answers]], topic: str, partition: int
    ) -> None:
        """Give the effects of several lanes to the producer; each waits for all of its batches."""
        self._lease.check()
        effects = chain.from_iterable(each.item for each in asked)
        answers = [await self._send(batch, topic, partition) for batch in self._batches(effects)]
        for each in asked:
            each.answer(answers)

    async def _send(self, batch: Any, topic: str, partition: int) -> "asyncio.Future[Any]":
        """Hand a batch to the producer; returns the future of its acknowledgement.

        `send_batch` waits until the previous batch of that partition has left. Several lanes may
        want the same partition, and while they wait together aiokafka 0.14 takes the whole elapsed
        time off the timeout again at every turn, so that it runs out within a second. One at a time
        and in order of arrival, nobody waits longer than for the batch before.
        """
        turn = self._turns.get((topic, partition))
        if turn is None:
            turn = self._turns[topic, partition] = asyncio.Lock()
        async with turn:
            answer: asyncio.Future[Any] = await self._producer.send_batch(
                batch, topic, partition=partition
            )
            self._pace.sent(topic, partition, answer)
            return answer

    async def turn(self, topic: str, partition: int) -> None:
        """Wait until what is handed over next goes with the next request to the broker."""
        await self._pace.turn(topic, partition)

    async def log_rows(self, topic: str, partition: int, *parts: Rows) -> tuple[int, int]:
        """Append rows as one record batch.

        Returns (base offset, number of rows). Raises `RowTooLargeError` when they do not fit.
        """
        self._lease.check()
        limit = self._settings.changelog_batch_bytes
        batch = self._producer.create_batch()
        fits = all(_append(batch, part) for part in parts)
        if not fits or batch.size() > limit:
            raise RowTooLargeError(
                f"rows for {topic} do not fit into one record batch of {limit} bytes"
            )
        batch.close()
        count = batch.record_count()
        answer = await self._send(batch, topic, partition)
        return (await answer).offset, count

    def _by_partition(
        self, effects: Sequence[Effect], default_partition: int
    ) -> dict[tuple[str, int], list[Effect]]:
        groups: dict[tuple[str, int], list[Effect]] = {}
        for effect in effects:
            topic, partition = effect.topic, effect.partition
            if partition is None:
                count = self._partitions[topic]
                key = effect.key
                partition = (
                    default_partition % count if key is None else self._partition_of(key, count)
                )
            groups.setdefault((topic, partition), []).append(effect)
        return groups

    def _batches(self, effects: Iterable[Effect]) -> Iterable[Any]:
        limit = self._settings.effect_batch_bytes
        batch = self._producer.create_batch()
        for effect in effects:
            size = len(effect.key or b"") + len(effect.value or b"")
            if batch.record_count() and batch.size() + size > limit:
                batch.close()
                yield batch
                batch = self._producer.create_batch()
            batch.append(
                key=effect.key, value=effect.value, timestamp=None, headers=list(effect.headers)
            )
        batch.close()
        yield batch

    async def _learn_partitions(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic not in self._partitions:
                found = await self._producer.partitions_for(topic)
                if not found:
                    raise ConfigurationError(f"topic {topic} does not exist: create it first")
                self._partitions[topic] = len(found)


def _append(batch: Any, rows: Rows) -> bool:
    """Add rows to a record batch; False when it is full."""
    append, marked, plain = batch.append, list(rows.headers), list[tuple[str, bytes]]()
    for key, value in rows.pairs:
        if append(key=key, value=value, timestamp=None, headers=marked) is None:
            return False
        marked = plain
    return True


async def _all_acknowledged(answers: _Answers) -> None:
    """Wait for every answer, then raise the first error: none may be left unobserved.

    Others wait for the same answers, so giving up waiting must not cancel them.
    """
    await asyncio.wait(answers)
    errors = [error for answer in answers if (error := answer.exception()) is not None]
    if errors:
        raise errors[0]
