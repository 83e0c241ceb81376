"""The engine job as a plain loop: getmany, msgspec, a dict, one changelog batch, a commit.

The floor for Python on aiokafka: no restore, no rebalance, no replay guard, no agent.
"""

import os

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.contenders.job import Account, Meter, after, decode, read_task


async def run() -> None:
    """Fold what there is."""
    task = read_task()
    consumer = AIOKafkaConsumer(
        task.source,
        bootstrap_servers=task.broker,
        group_id=task.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
        session_timeout_ms=10_000,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=task.broker,
        acks="all",
        enable_idempotence=task.idempotent,
        max_request_size=16 << 20,
        max_batch_size=15 << 20,
    )
    encode = msgspec.msgpack.Encoder().encode
    accounts: dict[bytes, Account] = {}
    left = task.count
    meter = Meter()
    await producer.start()
    await consumer.start()
    while left > 0:
        found = await consumer.getmany(timeout_ms=200, max_records=task.max_records)
        for tp, records in found.items():
            touched: dict[bytes, Account] = {}
            for record in records:
                account = after(accounts.get(record.key) or Account(), decode(record.value))
                accounts[record.key] = touched[record.key] = account
            batch = producer.create_batch()
            for key, account in touched.items():
                if batch.append(key=key, value=encode(account), timestamp=None) is None:
                    raise RuntimeError("a changelog batch is too large")
            acked = await producer.send_batch(batch, task.changelog, partition=tp.partition)
            await acked
            await consumer.commit({tp: records[-1].offset + 1})
            left -= len(records)
    meter.tell()
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(run())
