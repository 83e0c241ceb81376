"""Questions about offsets: where partitions end, and how far the group has come."""

import asyncio
import contextlib
from collections.abc import Container, Iterable, Mapping
from typing import Any

from aiokafka.errors import IllegalStateError, KafkaTimeoutError

from streams.engine.clients import TopicPartition
from streams.engine.settings import EngineSettings

__all__ = ["Progress"]


class Progress:
    """Asks the broker; every answer may be out of date when it arrives, but never too high."""

    def __init__(
        self,
        settings: EngineSettings,
        consumer: Any,
        admin: Any,
        partitions: Mapping[str, int],
        owned: Container[TopicPartition],
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._admin = admin
        self._partitions = partitions
        self._owned = owned

    def partitions_of(self, topics: Iterable[str]) -> list[TopicPartition]:
        """All partitions of topics, whoever owns them."""
        return [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in range(self._partitions[topic])
        ]

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where partitions end now: the offset the next record will get.

        For own partitions the end a fetch has seen counts too, because some brokers (Tansu) answer
        with the start of the last batch. Raises `KafkaTimeoutError` after `ask_seconds`.
        """
        tps = list(tps)
        if not tps:
            return {}
        try:
            async with asyncio.timeout(self._settings.ask_seconds):
                ends: dict[TopicPartition, int] = dict(await self._consumer.end_offsets(tps))
        except TimeoutError:  # aiokafka would go on for 40 s after a broker came back
            raise KafkaTimeoutError("the broker does not tell where partitions end") from None
        for tp in tps:
            ends[tp] = max(ends[tp], self.seen_end(tp))
        return ends

    def seen_end(self, tp: TopicPartition) -> int:
        """The end of an own partition as the last fetch told it; 0 where unknown."""
        if tp in self._owned:
            with contextlib.suppress(IllegalStateError):
                return self._consumer.highwater(tp) or 0
        return 0

    def has_reached(self, tp: TopicPartition, offset: int, end: int) -> bool:
        """Whether everything below `end`, as `end_offsets` told it before, is below `offset`."""
        if offset < end:
            return False
        # An end that was too low hides the rest of a batch; who has read into it has seen its end.
        return self._settings.exact_end_offsets or offset >= self.seen_end(tp)

    async def group_offsets(self, topics: Iterable[str]) -> dict[TopicPartition, int]:
        """What the whole group has committed for all partitions of `topics`; -1 where nothing."""
        tps = self.partitions_of(topics)
        if not tps:
            return {}
        found = await self._admin.list_consumer_group_offsets(
            self._settings.group_id, partitions=tps
        )
        return {tp: found[tp].offset if tp in found else -1 for tp in tps}
