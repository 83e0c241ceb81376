"""What stands on a topic, for tests."""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition

from streams.reading import ends_of, open_reader, read
from streams.topic_plan import partitions_of


async def records_of(clients: Mapping[str, Any], *names: str) -> list[Any]:
    """Every record of these topics, partition by partition; `clients` are settings of clients."""
    found = await partitions_of(clients, *names)
    tps = [TopicPartition(name, number) for name in names for number in found.get(name, ())]
    async with open_reader(clients, "manyi-tests") as reader:
        begins, ends = await reader.beginning_offsets(tps), await ends_of(reader, tps)
        return [
            record
            for tp in tps
            async for records in read(reader, tp, begins[tp], ends[tp])
            for record in records
        ]
